"""A row of the users' table as a pipeline: base pipeline, then columns, then overrides. Pure.

A row is data from a user interface. What can run code, read files or reach other hosts is
refused in it and belongs in a pipeline file.
"""

import functools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.document import Document, parse_document, show_path
from pipelines.errors import SpecError
from pipelines.findings import Finding, nearest_name
from pipelines.loader import load_mapping, resolve
from pipelines.spec import PipelineSpec
from pipelines.trust import CLOSED_TOOLS, closed_parameters
from voiceai.store.versions import UNKEPT

OPEN_KEYS = frozenset(
    "disclosure greeting prompt language stt llm tts audio turn idle limits tools history "  # noqa: SIM905
    "recording".split()
)
"""What ``overrides`` may hold."""

MAX_DEPTH = 24
"""Levels of nesting; a tool's parameters of a rule have 10."""

VOICE_ALIASES: Mapping[str, str] = {
    "provider": "service", "voiceId": "voice", "voice_id": "voice", "id": "voice", "name": "voice",
}  # fmt: skip
"""How other systems call the fields of a voice."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What a pipeline may be called."""

AZURE_VOICE = re.compile(r"^[a-z]{2,3}-[A-Za-z]{2,4}(-[A-Za-z]+)?-\w+.*(Neural|HD|Turbo)", re.ASCII)
AZURE_SERVICES = frozenset({"azure", "edge"})
"""These speak with voices of Microsoft's names, and no other service does."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A pipeline text that was imported, and is in the database since: not trusted."""

    name: str
    version: int
    text: str

    @property
    def document(self) -> Document:
        """The text, parsed once."""
        return _parsed(self.text, f"{self.name}, version {self.version}")


@dataclass(frozen=True, slots=True)
class RowSpec:
    """What a row became.

    Attributes:
        spec: With all that it builds upon.
        layer: What the row itself says; ``extends`` is missing where it builds upon an import.
        warnings: What in it was left out, and why.
    """

    spec: PipelineSpec
    layer: Mapping[str, Any]
    warnings: tuple[str, ...]


@functools.lru_cache(maxsize=256)
def _parsed(text: str, source: str) -> Document:
    return parse_document(text, file=source, trusted=False)


def spec_of_row(
    row: Mapping[str, Any],
    *,
    imported: Imported | None,
    known: Mapping[str, Document],
    default_pipeline: Callable[[str | None], str],
) -> RowSpec:
    """Make the pipeline of a row.

    Args:
        row: By our column names; None or empty text means that the base decides.
        imported: What ``assistants import`` stored for this row.
        known: Pipelines by name that a row may build upon.
        default_pipeline: Name of the base for a language tag or None.

    Raises:
        SpecError: With every finding; ``file`` names the row.
    """
    source = f'Assistant "{row.get("name")}"'
    columns = {key: value for key, value in row.items() if value not in (None, "")}
    language = str(columns["language"]).replace("_", "-") if "language" in columns else None
    base = columns.get("pipeline")
    choices = dict(known)
    upon_import = imported is not None and builds_upon(imported, row)
    if imported and upon_import:
        base = f"imported {imported.name}"
        choices[base] = imported.document
    elif base is None:
        base = default_pipeline(language)
    parent = _parent(str(base), choices, source)
    data: dict[str, Any] = {"name": slug(row), "extends": base}
    if language and language not in {parent.language_code, parent.language}:
        data["language"] = _language(language)
    for column, key in (("greeting", "greeting"), ("systemPrompt", "prompt")):
        if column in columns:
            data[key] = str(columns[column])
    warnings: list[str] = []
    overrides = _mapping(columns.get("overrides", {}), "overrides", source)
    _refuse_closed(overrides, source)
    if "voice" in columns and "tts" not in overrides:
        voice, warning = _voice(columns["voice"], parent, source)
        data.update({"tts": voice} if voice else {})
        warnings.extend([warning] if warning else [])
    data = _merged(data, overrides)
    spec = load_mapping(data, source=source, known=choices)
    if row.get("greeting") is None and not spec.greeting:
        raise SpecError(_null_greeting("is null, and the pipeline has none", source))
    layer = {key: value for key, value in data.items() if not upon_import or key != "extends"}
    return RowSpec(spec, layer, tuple(warnings))


def builds_upon(imported: Imported, row: Mapping[str, Any]) -> bool:
    """Whether a row is laid over what was imported for it, not over another pipeline."""
    return row.get("pipeline") in (None, "", imported.name)


def refuse_lost_greeting(before: Mapping[str, Any], row: Mapping[str, Any]) -> None:
    """Refuse a greeting that became null, which callers would hear as another.

    Args:
        before: The row as it was, by our column names.
        row: As it is.

    Raises:
        SpecError: It had one and has none.
    """
    if before.get("greeting") and row.get("greeting") is None:
        raise SpecError(_null_greeting("became null", f'Assistant "{row.get("name")}"'))


def _null_greeting(problem: str, source: str) -> Finding:
    fix = "an empty text takes the pipeline's greeting, or lets the caller speak first"
    return Finding(problem, path="greeting", fix=fix, file=source)


def slug(row: Mapping[str, Any]) -> str:
    """A pipeline name for the row: its own name if that is one, else made of it."""
    name = str(row.get("name") or "")
    if NAME.fullmatch(name):
        return name
    cleaned = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:64]
    return cleaned or "assistant-" + re.sub(r"[^A-Za-z0-9]", "", str(row.get("id")))[:40]


def _parent(base: str, known: Mapping[str, Document], source: str) -> PipelineSpec:
    if base not in known:
        nearest = nearest_name(base, known)
        message = f"there is no pipeline '{base}'"
        raise SpecError(Finding(message, path="pipeline", nearest=nearest, file=source))
    return resolve(known[base], known).spec


def _language(tag: str) -> str:
    """``de-de`` as ``de-DE`` (RFC 5646 section 2.1.1)."""
    primary, *rest = tag.split("-")
    return "-".join([primary.lower(), *(part.upper() if len(part) == 2 else part for part in rest)])


def _voice(value: Any, parent: PipelineSpec, source: str) -> tuple[dict[str, Any] | None, str]:
    """The ``tts`` of a voice column, or the reason why there is none."""
    if isinstance(value, str) and not value.lstrip().startswith("{"):
        service = parent.tts.service
        if bool(AZURE_VOICE.match(value)) != (service in AZURE_SERVICES):
            return None, f"voice '{value}' is not one of the service '{service}', which speaks"
        return {"voice": value}, ""
    fields = _mapping(value, "voice", source)
    tts = {VOICE_ALIASES.get(key, key): entry for key, entry in fields.items()}
    _refuse_closed({"tts": tts}, source)
    return tts, ""


def _mapping(value: Any, path: str, source: str) -> dict[str, Any]:
    """A JSON object, also where the column is text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as exc:
            raise SpecError(Finding(f"is not JSON: {exc}", path=path, file=source)) from exc
        except RecursionError as exc:
            raise SpecError(Finding("is nested too deeply", path=path, file=source)) from exc
    if not isinstance(value, dict):
        raise SpecError(Finding("must be a JSON object", path=path, file=source))
    _check_depth(value, path, source)
    return value


def _check_depth(value: Any, path: str, source: str, left: int = MAX_DEPTH) -> None:
    """Refuse what is nested deeper than any pipeline, and text that no database keeps.

    Raises:
        SpecError: Of the first that is found.
    """
    if left == 0:
        raise SpecError(Finding("is nested too deeply", path=path, file=source))
    if isinstance(value, dict):
        for key, entry in value.items():
            _check_depth(key, path, source, left)
            _check_depth(entry, path, source, left - 1)
    elif isinstance(value, list):
        for entry in value:
            _check_depth(entry, path, source, left - 1)
    elif isinstance(value, str) and UNKEPT.search(value):
        raise SpecError(Finding("has a character that is none", path=path, file=source))


def _refuse_closed(overrides: Mapping[str, Any], source: str) -> None:
    """Refuse what belongs in a file.

    Raises:
        SpecError: One finding for each.
    """
    fix = "put it in a pipeline file and name that in the column pipeline"
    paths = [key for key in overrides if key not in OPEN_KEYS]
    paths += [show_path(path) for path in closed_parameters(overrides)]
    tools = overrides.get("tools")
    kinds = set[str]()
    for tool in tools if isinstance(tools, list) else ():
        kinds |= tool.keys() if isinstance(tool, dict) else {str(tool)}
    paths += [f"tools.{kind}" for kind in CLOSED_TOOLS if kind in kinds]
    findings = [
        Finding("is not allowed in a database row", path=path, fix=fix, file=source)
        for path in paths
    ]
    if findings:
        raise SpecError(*findings)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay ``above`` over ``below``: maps merge, all else replaces."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        result[key] = _merged(old, value) if both else value  # type: ignore[arg-type]  # checked
    return result
