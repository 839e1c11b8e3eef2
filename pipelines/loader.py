"""Pipelines from YAML text: ``extends`` resolved, every error with its place."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from pipelines.document import Document, KeyPath, Mark, parse_document
from pipelines.errors import SpecError
from pipelines.findings import Finding
from pipelines.merging import merge
from pipelines.mistakes import findings_of, in_order, place, unknown_name
from pipelines.parts import TOOLS, read_document, tool_of, with_parts, yaml_files
from pipelines.spec import PipelineSpec
from pipelines.tool_specs import ToolSpec
from pipelines.trust import refuse_closed

LIBRARY = Path(__file__).parent / "library"
"""The pipelines that are shipped."""


@dataclass(frozen=True, slots=True)
class LoadedPipeline:
    """A spec, and where its parts were written.

    Attributes:
        spec: With ``extends`` resolved.
        document: The merged text; each place names the file it came from.
    """

    spec: PipelineSpec
    document: Document


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of pipelines, not yet resolved.

    Attributes:
        pipelines: By name.
        tools: By ``tools/NAME``.
        findings: What could not be read.
    """

    pipelines: dict[str, Document]
    tools: dict[str, Document]
    findings: list[Finding]


def load_pipeline(
    text: str,
    *,
    source: str,
    known: Mapping[str, Document] | None = None,
    trusted: bool = True,
    folder: Path | None = None,
) -> PipelineSpec:
    """Load one pipeline.

    Args:
        text: YAML.
        source: File name or other origin, for messages.
        known: Pipelines that ``extends`` may name, by name, and tools, by ``tools/NAME``; what
            is shipped unless given.
        trusted: Whether it may hold what runs code or reaches out; not if it was stored where
            others than the machine's operator can write.
        folder: Where a flow that it names is.

    Raises:
        SpecError: With every finding, its file, line, column and key path.
    """
    document = parse_document(text, file=source, trusted=trusted, folder=folder)
    return resolve(document, known).spec


def load_mapping(
    data: Mapping[str, Any], *, source: str, known: Mapping[str, Document] | None = None
) -> PipelineSpec:
    """Load one pipeline from plain data, such as a database row's; findings have no line.

    It is not trusted: what runs code or reaches out is refused.

    Raises:
        SpecError: With every finding and its key path.
    """
    places = _places(data, Mark(source, 0, 0), ())
    return resolve(Document(source, data, places, places, trusted=False), known).spec


def _places(value: object, mark: Mark, path: KeyPath) -> dict[KeyPath, Mark]:
    """Put everything at one place, lest it is looked for in what it is laid over."""
    places = {path: mark}
    if isinstance(value, Mapping):
        for key, entry in value.items():
            places |= _places(entry, mark, (*path, str(key)))
    return places


def load_library() -> dict[str, Document]:
    """Return the shipped pipelines by name, not yet resolved."""
    documents = {path: read_document(path) for path in yaml_files(LIBRARY)}
    return {_name_of(path, document): document for path, document in documents.items()}


def load_tools(folder: Path) -> dict[str, Document]:
    """Return the tools of a folder of pipelines by ``tools/NAME``, each checked.

    Raises:
        SpecError: With the findings of all files.
    """
    tools: dict[str, Document] = {}
    findings: list[Finding] = []
    for path in yaml_files(folder / "tools"):
        try:
            document = read_document(path)
            tool = tool_of(document, path.stem)
            ToolSpec.model_validate(tool)
        except SpecError as error:
            findings.extend(error.findings)
        except ValidationError as error:
            findings.extend(findings_of(error, ToolSpec, document))
        else:
            tools[TOOLS + path.stem] = document
    if findings:
        raise SpecError(*findings)
    return tools


def load_shipped() -> dict[str, Document]:
    """Return all that a pipeline may refer to wherever it is: shipped pipelines and tools."""
    return {**load_library(), **load_tools(LIBRARY)}


def read_folder(folder: Path) -> Folder:
    """Read a folder of pipelines and its tools, whatever is wrong with some of them."""
    read = Folder({}, {}, [])
    if not folder.is_dir():
        read.findings.append(Finding("there is no such folder", file=str(folder)))
    try:
        read.tools.update(load_tools(folder))
    except SpecError as error:
        read.findings.extend(error.findings)
    for path in yaml_files(folder):
        try:
            document = read_document(path)
        except SpecError as error:
            read.findings.extend(error.findings)
            continue
        name = _name_of(path, document)
        if name in read.pipelines:
            message = f"'{name}' is also the name in {read.pipelines[name].file}"
            mark = document.locate(("name",))
            read.findings.append(place(Finding(message, path="name"), mark))
        read.pipelines[name] = document
    return read


def load_folder(folder: Path) -> dict[str, LoadedPipeline]:
    """Load every ``*.yaml`` and ``*.yml`` of a folder; they may extend each other and the library.

    Raises:
        SpecError: With the findings of all files; two files of one name are one.
    """
    read = read_folder(folder)
    known = {**load_shipped(), **read.tools, **read.pipelines}
    findings = list(read.findings)
    loaded: dict[str, LoadedPipeline] = {}
    for name, document in read.pipelines.items():
        try:
            loaded[name] = resolve(document, known)
        except SpecError as error:
            findings.extend(found for found in error.findings if found not in findings)
    if findings:
        raise SpecError(*findings)
    return loaded


def resolve(document: Document, known: Mapping[str, Document] | None = None) -> LoadedPipeline:
    """Merge what a document extends into it, and check the whole.

    Raises:
        SpecError: With every finding.
    """
    known = load_shipped() if known is None else known
    name = str(document.data.get("name", ""))
    merged = _extended(document, known, (name,) if known.get(name) is document else ())
    try:
        spec = PipelineSpec.model_validate(merged.data)
    except ValidationError as error:
        raise SpecError(*findings_of(error, PipelineSpec, merged)) from error
    return LoadedPipeline(spec, merged)


def dump_pipeline(spec: PipelineSpec) -> str:
    """Write a spec as YAML that loads as an equal spec."""
    return yaml.dump(
        spec.as_mapping(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
    )


def _name_of(path: Path, document: Document) -> str:
    name = document.data.get("name")
    return name if isinstance(name, str) else path.stem


def _extended(
    document: Document, known: Mapping[str, Document], below: tuple[str, ...]
) -> Document:
    """Check and complete a document by itself, then lay it over what it extends."""
    refuse_closed(document)
    findings: list[Finding] = []
    completed, parent = document, None
    try:
        parent = _parent(document, known, below)
    except SpecError as error:
        findings.extend(error.findings)
    try:
        completed = with_parts(document, known)
    except SpecError as error:
        findings.extend(error.findings)
    if findings:
        raise SpecError(*in_order(findings, document.file))
    return merge(parent, completed) if parent else completed


def _parent(
    document: Document, known: Mapping[str, Document], below: tuple[str, ...]
) -> Document | None:
    parent = document.data.get("extends")
    if parent is None:
        return None
    mark = document.locate(("extends",))
    if not isinstance(parent, str) or parent not in known or parent.startswith(TOOLS):
        names = {name for name in known if not name.startswith(TOOLS)}
        message = f"there is no pipeline '{parent}' to extend"
        raise SpecError(place(unknown_name(message, str(parent), ("extends",), names), mark))
    chain = (*below, parent)
    if parent in below:
        message = "extends itself: " + " -> ".join(chain)
        raise SpecError(place(Finding(message, path="extends"), mark))
    return _extended(known[parent], known, chain)


class _Dumper(yaml.SafeDumper):
    """Long texts as blocks."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
