"""What a pipeline refers to by name: tools of the installation, and the file of a flow."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.document import Document, KeyPath, parse_document, show_path
from pipelines.errors import SpecError
from pipelines.findings import Finding, nearest_name
from pipelines.merging import put
from pipelines.mistakes import place, unknown_name
from pipelines.tool_specs import KINDS_OF_TOOL, NAMED_TOOLS

TOOLS = "tools/"
"""Among known documents a tool's key is its name after this; no pipeline's name begins so."""


def with_parts(document: Document, known: Mapping[str, Document]) -> Document:
    """Put tools and flow in the place of their names.

    Raises:
        SpecError: One is not there, or is none.
    """
    findings: list[Finding] = []
    tools = document.data.get("tools")
    for index, tool in enumerate(tools if isinstance(tools, list) else []):
        if isinstance(tool, str) and tool not in KINDS_OF_TOOL:
            try:
                document = _with_tool(document, ("tools", index), tool, known)
            except SpecError as error:
                findings.extend(error.findings)
    if isinstance(document.data.get("flow"), str):
        try:
            document = _with_flow(document, document.data["flow"])
        except SpecError as error:
            findings.extend(error.findings)
    if findings:
        raise SpecError(*findings)
    return document


def tool_of(document: Document, name: str) -> dict[str, Any]:
    """Return the tool that a file holds, under its file's name.

    Raises:
        SpecError: It is not one tool.
    """
    if name in KINDS_OF_TOOL:
        finding = Finding(f"'{name}' is a tool that is there without a file", fix="rename the file")
        raise SpecError(place(finding, document.locate(())))
    if len(document.data) != 1 or next(iter(document.data)) not in KINDS_OF_TOOL:
        message = "must be one tool: " + ", ".join(KINDS_OF_TOOL)
        raise SpecError(place(Finding(message), document.locate(())))
    kind, params = next(iter(document.data.items()))
    if not isinstance(params, dict) or kind not in NAMED_TOOLS:
        return {kind: params}
    if params.get("name", name) != name:
        finding = Finding(f"is not the file's name, {name}", path=f"{kind}.name")
        raise SpecError(place(finding, document.locate((kind, "name"))))
    return {kind: {"name": name, **params}}


def read_document(path: Path) -> Document:
    """Read a file; it is trusted, and may name files beside it.

    Raises:
        SpecError: It cannot be read, or is not YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(Finding(f"cannot be read: {error}", file=str(path))) from error
    return parse_document(text, file=str(path), folder=path.parent)


def yaml_files(folder: Path) -> list[Path]:
    """Return the ``*.yaml`` and ``*.yml`` of a folder, in the order of their names."""
    return sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])


def _with_tool(
    document: Document, path: KeyPath, name: str, known: Mapping[str, Document]
) -> Document:
    part = known.get(TOOLS + name)
    if part is None:
        own = {key.removeprefix(TOOLS) for key in known if key.startswith(TOOLS)}
        finding = unknown_name(f"there is no tool '{name}'", name, path, {*KINDS_OF_TOOL, *own})
        raise SpecError(place(finding, document.locate(path)))
    return put(document, path, part, tool_of(part, name))


def _with_flow(document: Document, written: str) -> Document:
    folder = document.folder
    if folder is None:
        raise _flow_error(document, "is a file beside a pipeline's file, and this is none")
    path = (folder / written).resolve()
    if Path(written).is_absolute() or not path.is_relative_to(folder.resolve()):
        raise _flow_error(document, "is outside the pipeline's folder", fix="move it there")
    if not path.is_file():
        near = [str(each.relative_to(folder)) for each in sorted(folder.glob("**/*.y*ml"))[:200]]
        raise _flow_error(document, "there is no such file", nearest=nearest_name(written, near))
    part = read_document(folder / written)
    return put(document, ("flow",), part, part.data)


def _flow_error(
    document: Document, message: str, *, fix: str = "", nearest: str | None = None
) -> SpecError:
    finding = Finding(message, path=show_path(("flow",)), fix=fix, nearest=nearest)
    return SpecError(place(finding, document.locate(("flow",))))
