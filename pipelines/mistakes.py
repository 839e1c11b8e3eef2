"""What pydantic finds wrong, told with its place, the nearest valid name and what to do (pure)."""

import re
from collections.abc import Iterator
from dataclasses import replace
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipelines.document import Document, KeyPath, Mark, show_path
from pipelines.fields import FORMS
from pipelines.findings import Finding, nearest_name

RENAMED = {"send_digits": "send_dtmf"}
"""Keys that had another name."""


def findings_of(
    error: ValidationError, model: type[BaseModel], document: Document, at: KeyPath = ()
) -> list[Finding]:
    """Turn pydantic's errors into findings with their places; paths start at ``at``."""
    findings = []
    for details in error.errors(include_url=False):
        path = (*at, *details["loc"])
        if details["type"] == "pipeline":
            path = (*path, *details["ctx"]["at"])
        finding = _finding(details, path, _keys_at(model, details["loc"][:-1]))
        mark = document.locate(path, key=details["type"] == "extra_forbidden")
        findings.append(place(finding, mark))
    return in_order(findings, document.file)


def in_order(findings: list[Finding], file: str) -> list[Finding]:
    """Sort findings as they stand in the text: first those in ``file``."""
    return sorted(findings, key=lambda each: (each.file != file, each.file, each.line, each.column))


def place(finding: Finding, mark: Mark) -> Finding:
    """Return the finding with a place in a text."""
    return finding.at(mark.file, mark.line, mark.column)


def unknown_name(what: str, name: str, path: KeyPath, valid: set[str]) -> Finding:
    """Return the finding for a name that is none: the nearest one, or all there are."""
    nearest = RENAMED.get(name) or nearest_name(name, sorted(valid))
    known = "known here: " + ", ".join(sorted(valid)) if valid else ""
    return Finding(what, path=show_path(path), nearest=nearest, fix="" if nearest else known)


def _finding(details: ErrorDetails, path: KeyPath, valid: set[str]) -> Finding:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "extra_forbidden":
        return unknown_name(f"unknown key '{path[-1]}'", str(path[-1]), path, valid)
    finding = Finding(_sentence(details["msg"]), path=show_path(path))
    if kind == "missing":
        return replace(finding, message="is missing")
    if kind == "string_type":
        return replace(finding, fix="" if _is_nested(details["input"]) else "write it in quotes")
    if kind == "string_pattern_mismatch" and context["pattern"] in FORMS:
        return replace(finding, message="is not of that form", fix=FORMS[context["pattern"]])
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", context["expected"])
        return replace(finding, nearest=nearest_name(str(details["input"]), allowed))
    return replace(finding, fix=context.get("fix", ""))


def _sentence(message: str) -> str:
    text = message.removeprefix("Value error, ").removeprefix("Input ")
    return text[:1].lower() + text[1:]


def _is_nested(value: object) -> bool:
    return value is None or isinstance(value, (dict, list))


def _keys_at(model: type[BaseModel], path: KeyPath) -> set[str]:
    """Return the keys that are valid at ``path`` below a model."""
    annotation: Any = model
    for part in path:
        annotation = _below(annotation, part)
    found = next(filter(_is_model, _alternatives(annotation)), None)
    return set(found.model_fields) if found else set()


def _below(annotation: Any, part: str | int) -> Any:
    for alternative in _alternatives(annotation):
        if _is_model(alternative) and part in alternative.model_fields:
            return alternative.model_fields[part].annotation
        inner = get_args(alternative)
        if get_origin(alternative) is dict:
            return inner[1]
        if get_origin(alternative) in (tuple, list):
            return inner[0]
    return None


def _alternatives(annotation: Any) -> Iterator[Any]:
    """Every type that a value may have: unions and annotations are opened."""
    if get_origin(annotation) is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for alternative in get_args(annotation):
            yield from _alternatives(alternative)
    else:
        yield annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
