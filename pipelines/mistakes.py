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

MISSING = "is missing"

WORDS = {
    "missing": MISSING,
    "string_type": "should be text",
    "string_too_long": "is longer than {max_length} characters",
    "string_too_short": "is empty",
    "int_parsing": "should be a whole number",
    "int_type": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_parsing": "should be a number",
    "float_type": "should be a number",
    "bool_parsing": "should be true or false",
    "bool_type": "should be true or false",
    "greater_than_equal": "should be at least {ge}",
    "less_than_equal": "should be at most {le}",
    "too_long": "has {actual_length} entries, and at most {max_length} are allowed",
    "too_short": "has {actual_length} entries, and at least {min_length} are needed",
    "tuple_type": "should be a list",
    "dict_type": "should be a mapping of keys to values",
    "model_type": "should be a mapping of keys to values",
}
"""By pydantic's kinds of errors."""

UNITS = {"_ms": "milliseconds", "_seconds": "seconds", "_days": "days"}
"""By the end of a key."""


def findings_of(
    error: ValidationError, model: type[BaseModel], document: Document, at: KeyPath = ()
) -> list[Finding]:
    """Turn pydantic's errors into findings with their places; paths start at ``at``."""
    findings: list[Finding] = []
    misspelt: set[str] = set()
    for details in error.errors(include_url=False):
        path = (*at, *details["loc"])
        is_key = details["type"] == "extra_forbidden"
        if not is_key and path[-1:] == ("[key]",):  # as pydantic marks a mapping's key
            is_key, path = True, path[:-1]
        if details["type"] == "pipeline":
            path = (*path, *details["ctx"]["at"])
        finding = _finding(details, path, _keys_at(model, details["loc"][:-1]))
        if finding.nearest and is_key:
            misspelt.add(show_path((*path[:-1], finding.nearest)))
        findings.append(place(finding, document.locate(path, key=is_key)))
    told = [each for each in findings if each.message != MISSING or each.path not in misspelt]
    return in_order(told, document.file)


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
    finding = Finding(_sentence(details), path=show_path(path))
    if kind == "string_type":
        return replace(finding, fix="" if _is_nested(details["input"]) else "write it in quotes")
    if kind == "string_pattern_mismatch" and context["pattern"] in FORMS:
        return replace(finding, message="is not of that form", fix=FORMS[context["pattern"]])
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", context["expected"])
        return replace(finding, nearest=nearest_name(str(details["input"]), allowed))
    if kind in {"int_parsing", "float_parsing"}:
        units = [unit for ending, unit in UNITS.items() if str(path[-1]).endswith(ending)]
        return replace(finding, fix=f"in {units[0]}, without a unit" if units else "")
    return replace(finding, fix=context.get("fix", ""))


def _sentence(details: ErrorDetails) -> str:
    """What pydantic says, in the words of YAML."""
    if details["type"] == "pipeline":
        return details["msg"]
    words = WORDS.get(details["type"])
    if words is not None:
        return words.format(**details.get("ctx", {}))
    text = details["msg"].removeprefix("Value error, ").removeprefix("Input ")
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
