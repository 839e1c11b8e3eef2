"""Pipelines from YAML text: ``extends`` resolved, every error with its place."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from pipelines.document import Document, KeyPath, Mark, parse_document, show_path
from pipelines.errors import SpecError
from pipelines.findings import Finding, nearest_name
from pipelines.spec import PipelineSpec

LIBRARY = Path(__file__).parent / "library"
"""The pipelines that are shipped."""

RENAMED = {"send_digits": "send_dtmf"}
"""Keys that had another name."""


@dataclass(frozen=True, slots=True)
class LoadedPipeline:
    """A spec, and where its parts were written.

    Attributes:
        spec: With ``extends`` resolved.
        document: The merged text; each place names the file it came from.
    """

    spec: PipelineSpec
    document: Document


def load_pipeline(
    text: str, *, source: str, known: Mapping[str, Document] | None = None
) -> PipelineSpec:
    """Load one pipeline.

    Args:
        text: YAML.
        source: File name or other origin, for messages.
        known: What ``extends`` may name, by name; the shipped pipelines unless given.

    Raises:
        SpecError: With every finding, its file, line, column and key path.
    """
    return resolve(parse_document(text, file=source), known).spec


def load_mapping(
    data: Mapping[str, Any], *, source: str, known: Mapping[str, Document] | None = None
) -> PipelineSpec:
    """Load one pipeline from plain data, such as a database row's; findings have no line.

    Raises:
        SpecError: With every finding and its key path.
    """
    return resolve(Document(source, data, {}, {}), known).spec


def load_library() -> dict[str, Document]:
    """Return the shipped pipelines by name, not yet resolved."""
    return dict(_documents(LIBRARY))


def load_folder(folder: Path) -> dict[str, LoadedPipeline]:
    """Load every ``*.yaml`` and ``*.yml`` of a folder; they may extend each other and the library.

    Raises:
        SpecError: With the findings of all files; two files of one name are one.
    """
    own: dict[str, Document] = {}
    findings: list[Finding] = []
    for path in _files(folder):
        try:
            name, document = _document(path)
        except SpecError as error:
            findings.extend(error.findings)
            continue
        if name in own:
            message = f"'{name}' is also the name in {own[name].file}"
            findings.append(_place(Finding(message, path="name"), document.locate(("name",))))
        own[name] = document
    loaded: dict[str, LoadedPipeline] = {}
    for name, document in own.items():
        try:
            loaded[name] = resolve(document, {**load_library(), **own})
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
    merged = _extended(document, load_library() if known is None else known, ())
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


def findings_of(
    error: ValidationError, model: type[BaseModel], document: Document, at: KeyPath = ()
) -> list[Finding]:
    """Turn pydantic's errors into findings with their places; paths start at ``at``."""
    findings = []
    for details in error.errors(include_url=False):
        kind, path = details["type"], (*at, *details["loc"])
        context = details.get("ctx", {})
        if kind == "pipeline":
            path = (*path, *context["at"])
        finding = _finding(kind, details["msg"], path, _keys_at(model, details["loc"][:-1]))
        finding = replace(finding, fix=finding.fix or context.get("fix", ""))
        mark = document.locate(path, key=kind == "extra_forbidden")
        findings.append(_place(finding, mark))
    return findings


def _files(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])


def _documents(folder: Path) -> Iterator[tuple[str, Document]]:
    return map(_document, _files(folder))


def _document(path: Path) -> tuple[str, Document]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(Finding(f"cannot be read: {error}", file=str(path))) from error
    document = parse_document(text, file=str(path))
    name = document.data.get("name")
    return (name if isinstance(name, str) else path.stem), document


def _extended(
    document: Document, known: Mapping[str, Document], below: tuple[str, ...]
) -> Document:
    parent = document.data.get("extends")
    if parent is None:
        return document
    mark = document.locate(("extends",))
    if not isinstance(parent, str) or parent not in known:
        nearest = nearest_name(parent, known) if isinstance(parent, str) else None
        message = f"there is no pipeline '{parent}' to extend"
        raise SpecError(_place(Finding(message, path="extends", nearest=nearest), mark))
    chain = (*below, str(document.data.get("name", "")))
    if parent in chain:
        message = "extends itself: " + " -> ".join([*chain, parent])
        raise SpecError(_place(Finding(message, path="extends"), mark))
    return _merge(_extended(known[parent], known, chain), document)


def _merge(parent: Document, child: Document) -> Document:
    """Lay a child over its parent: maps merge, all else replaces; a new service starts afresh."""
    keys, values = dict(parent.keys), dict(parent.values)

    def forget(path: KeyPath) -> None:
        for marks in (keys, values):
            for place in [place for place in marks if place[: len(path)] == path]:
                del marks[place]

    def merge(old: Mapping[str, Any], new: Mapping[str, Any], path: KeyPath) -> dict[str, Any]:
        result = dict(old)
        for key, value in new.items():
            place = (*path, key)
            before = old.get(key)
            if isinstance(before, dict) and isinstance(value, dict) and _same(before, value):
                result[key] = merge(before, value, place)
            else:
                forget(place)
                result[key] = value
        return result

    data = merge(parent.data, child.data, ())
    data.pop("extends", None)
    return Document(child.file, data, {**keys, **child.keys}, {**values, **child.values})


def _same(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Tell whether two maps are about the same service, or about none."""
    return bool(old.get("service") == new.get("service", old.get("service")))


def _finding(kind: str, message: str, path: KeyPath, valid: set[str]) -> Finding:
    shown = show_path(path)
    if kind == "extra_forbidden":
        nearest = RENAMED.get(str(path[-1])) or nearest_name(str(path[-1]), valid)
        fix = "" if nearest else "known here: " + ", ".join(sorted(valid))
        return Finding(f"unknown key '{path[-1]}'", path=shown, nearest=nearest, fix=fix)
    if kind == "missing":
        return Finding("is missing", path=shown)
    text = message.removeprefix("Value error, ").removeprefix("Input ")
    fix = "write it in quotes" if kind == "string_type" else ""
    return Finding(text[:1].lower() + text[1:], path=shown, fix=fix)


def _keys_at(model: type[BaseModel], path: KeyPath) -> set[str]:
    """Return the keys that are valid at ``path`` below a model."""
    for part in path:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        below = _model_in(field.annotation) if field else None
        if below is None:
            return set()
        model = below
    return set(model.model_fields)


def _model_in(annotation: object) -> type[BaseModel] | None:
    """Return the first model inside a type such as ``tuple[ToolSpec, ...] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def _place(finding: Finding, mark: Mark) -> Finding:
    return finding.at(mark.file, mark.line, mark.column)


class _Dumper(yaml.SafeDumper):
    """Long texts as blocks."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
