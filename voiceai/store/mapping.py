"""``VOICEAI_DB_MAP``: what the users' tables and columns are called in their database.

Either a list or JSON, naming only what differs::

    Assistant=crm.assistants,Assistant.greeting=welcome_text,PhoneNumber.number=e164
    {"Assistant": "crm.assistants", "Assistant.greeting": "welcome_text"}
"""

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from voiceai.errors import SettingsError

ASSISTANT_COLUMNS = (
    "id", "name", "greeting", "systemPrompt", "voice", "language", "pipeline", "overrides",
)  # fmt: skip
PHONE_COLUMNS = ("id", "number", "assignedToAssistantId")
REQUIRED = {"Assistant": ("id", "name", "greeting"), "PhoneNumber": PHONE_COLUMNS[1:]}
"""Without these no call can be answered."""

NAMES = (
    "Assistant", *(f"Assistant.{column}" for column in ASSISTANT_COLUMNS),
    "PhoneNumber", *(f"PhoneNumber.{column}" for column in PHONE_COLUMNS),
)  # fmt: skip

EXAMPLE = "VOICEAI_DB_MAP=Assistant.greeting=welcome_text,PhoneNumber=phone_numbers"


class TableNames:
    """Our names for tables and columns to theirs."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = dict(names)

    @classmethod
    def parse(cls, text: str | None) -> "TableNames":
        """Read the variable.

        Raises:
            SettingsError: Not ``name=value`` pairs or JSON, or a name that we do not have.
        """
        pairs = _pairs(text.strip()) if text else {}
        for name in pairs:
            if name not in NAMES:
                nearest = get_close_matches(name, NAMES, n=1, cutoff=0.4)
                hint = f"; did you mean {nearest[0]}?" if nearest else ""
                raise SettingsError(
                    f"VOICEAI_DB_MAP: unknown name {name}{hint}. Example: {EXAMPLE}"
                )
        return cls(pairs)

    def table(self, name: str) -> str:
        """The quoted name, with its schema if one was given."""
        return ".".join(quote(part) for part in self._names.get(name, name).split("."))

    def column(self, table: str, column: str) -> str:
        """Their name of our ``table.column``, not quoted."""
        return self._names.get(f"{table}.{column}", column)


def quote(identifier: str) -> str:
    """Quote an SQL identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def _pairs(text: str) -> dict[str, str]:
    if text.startswith("{"):
        try:
            parsed: Any = json.loads(text)
        except ValueError as exc:
            raise SettingsError(f"VOICEAI_DB_MAP is not JSON: {exc}. Example: {EXAMPLE}") from exc
        if not all(isinstance(value, str) and value for value in parsed.values()):
            raise SettingsError(f"VOICEAI_DB_MAP: every value is a name. Example: {EXAMPLE}")
        return dict(parsed)
    pairs = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not name or not value:
            raise SettingsError(f"VOICEAI_DB_MAP: {part!r} is not name=value. Example: {EXAMPLE}")
        pairs[name] = value
    return pairs
