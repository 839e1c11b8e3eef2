"""SQL that reads the users' two tables: for each call one row, for the watcher what changed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from voiceai.errors import SchemaMismatch
from voiceai.store.database import Connection
from voiceai.store.mapping import ASSISTANT_COLUMNS, EXAMPLE, REQUIRED, TableNames, quote
from voiceai.store.numbers import SQL_MAY_MATCH, SQL_NORMAL, normalise_number, written_forms
from voiceai.store.rows import Imported

COLUMNS = """
    SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type,
           a.attnotnull AS not_null,
           a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS needed
    FROM pg_attribute a
    WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped"""

VERSIONS = """
    LEFT JOIN LATERAL (SELECT version, row_columns,
                              coalesce(base, CASE WHEN origin = 'import' THEN version END) AS base
                       FROM voiceai.assistant_versions
                       WHERE assistant_id = {id}::text AND live
                       ORDER BY version DESC LIMIT 1) n ON true
    LEFT JOIN voiceai.assistant_versions v
           ON v.assistant_id = {id}::text AND v.version = n.base"""
"""The newest live version of a row, and what was imported that it builds upon."""

NO_VERSIONS = """
    CROSS JOIN (SELECT NULL::integer AS version, NULL::jsonb AS row_columns) n
    CROSS JOIN (SELECT NULL::text AS name, NULL::integer AS version, NULL::text AS yaml) v"""

MAX_ROW_CHARACTERS = 524_288
"""Of a row as JSON; a longer one is not read, and no pipeline: a prompt has 20,000 at most."""

CONTENT = """
    {id}::text AS id, {name}::text AS row_name,
    (SELECT CASE WHEN length(t.content) <= {limit} THEN t.content END
     FROM ({content}) t) AS columns,
    n.version AS newest, n.row_columns::text AS kept, v.name, v.version, v.yaml"""


WHOLE = """SELECT jsonb_object_agg(key, value)::text AS content FROM jsonb_each(to_jsonb(a))
           WHERE key IN ({wanted})"""
"""Of a row: whatever columns it has now."""

EACH = "SELECT jsonb_build_object({wanted})::text AS content"
"""Of a row in which ``json`` may be that is no text, unlike ``jsonb``: one row has the fault then,
and not the reading of all.
"""


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the catalogue knows it; ``needed``: an INSERT must give it a value."""

    type: str
    not_null: bool
    needed: bool

    def text_of(self, value: Any) -> str | None:
        """A value as the text from which the column's type is cast."""
        if value is None:
            return "" if self.not_null else None
        if self.type in {"json", "jsonb"} or not isinstance(value, str):
            return json.dumps(value, ensure_ascii=False)
        return value


@dataclass(frozen=True, slots=True)
class AssistantRow:
    """A row by our column names.

    Attributes:
        columns: Without the id; None where the row is too long to be read, or no JSON of Python's.
        numbers: As they are stored; of a call only the one that was dialled.
        imported: What was imported for the row and is in force.
        version: The newest of its versions.
        kept: The columns of that version, where they are known.
    """

    id: str
    name: str
    columns: Mapping[str, Any] | None
    numbers: tuple[str, ...]
    imported: Imported | None
    version: int | None = None
    kept: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class PhoneHint:
    """Where a number was last seen.

    Attributes:
        place: Of its row, if rows have one.
        stored: Its notation there.
        assistant_id: Whom it points to.
    """

    place: str | None
    stored: str
    assistant_id: str


class UserTables:
    """The two tables under the names they have here. Make one with :meth:`inspect`.

    Attributes:
        assistant: The quoted name of the one.
        phone: Of the other.
        names_here: Their names by ours.
        columns: What the catalogue says, by our table and their column.
    """

    def __init__(
        self,
        names: TableNames,
        assistant: Mapping[str, Column],
        phone: Mapping[str, Column],
        *,
        has_schema: bool,
    ) -> None:
        self.names_here = names
        self.columns = {"Assistant": assistant, "PhoneNumber": phone}
        self.assistant = names.table("Assistant")
        self.phone = names.table("PhoneNumber")
        self._has_schema = has_schema

    @classmethod
    async def inspect(
        cls, connection: Connection, names: TableNames, *, has_schema: bool
    ) -> "UserTables":
        """Look which tables and columns there are.

        Raises:
            SchemaMismatch: One that we cannot do without is missing.
        """
        found: dict[str, dict[str, Column]] = {}
        for table, required in REQUIRED.items():
            rows = await connection.fetch(COLUMNS, names.table(table))
            if not rows:
                raise SchemaMismatch(
                    f"there is no table {names.table(table)}; if yours has another name, map it. "
                    "Example: VOICEAI_DB_MAP="
                    f"{table}=public.{'assistants' if table == 'Assistant' else 'phone_numbers'}"
                )
            found[table] = {
                row["name"]: Column(row["type"], row["not_null"], row["needed"]) for row in rows
            }
            for column in required:
                name = names.column(table, column)
                if name not in found[table]:
                    known = ", ".join(sorted(found[table]))
                    raise SchemaMismatch(
                        f"table {names.table(table)} has no column {quote(name)} (it has {known}); "
                        f"map it. Example: VOICEAI_DB_MAP={table}.{column}=... , as in {EXAMPLE}"
                    )
        return cls(names, found["Assistant"], found["PhoneNumber"], has_schema=has_schema)

    async def find(
        self, connection: Connection, number: str, hint: PhoneHint | None = None
    ) -> AssistantRow | None:
        """The assistant of a number in any notation.

        Args:
            connection: To the database.
            number: As it was dialled.
            hint: Where the number was last seen; saves reading the whole table.
        """
        normal = normalise_number(number)
        if not normal:
            return None
        phone, link = self._phone_number(), self._link()
        if hint is not None:
            where, arguments = f"{phone} = $1", [hint.stored]
            if hint.place is not None:
                where, arguments = (
                    f"p.ctid = $1::text::tid AND {phone} = $2",
                    [
                        hint.place,
                        hint.stored,
                    ],
                )
            hit = f"""SELECT p.{link} AS link, {phone} AS number FROM {self.phone} p
                      WHERE {where} AND p.{link} IS NOT NULL LIMIT 1"""  # noqa: S608 - quoted
            row = await connection.fetchrow(self._answering(hit), *arguments)
            if row:
                return self._row(row, (row["number"],))
        plain = self.type_of("PhoneNumber", "number") in {"text", "character varying"}
        exact = phone.removesuffix("::text") if plain else phone
        hit = f"""
            (SELECT p.{link} AS link, {phone} AS number FROM {self.phone} p
             WHERE {exact} = ANY ($1::text[]) AND p.{link} IS NOT NULL LIMIT 1)
            UNION ALL
            (SELECT p.{link}, {phone} FROM {self.phone} p
             WHERE {SQL_MAY_MATCH.format(phone, "$2")}
               AND {SQL_NORMAL.format(phone)} = $2 AND p.{link} IS NOT NULL LIMIT 1)
            LIMIT 1"""  # noqa: S608 - quoted identifiers
        row = await connection.fetchrow(self._answering(hit), written_forms(normal), normal)
        return self._row(row, (row["number"],)) if row else None

    async def rows(
        self, connection: Connection, ids: Sequence[str] | None = None
    ) -> list[AssistantRow]:
        """Assistants with their numbers, by name.

        Args:
            connection: To the database.
            ids: Which; all unless given.
        """
        own = f"a.{self.quoted('Assistant', 'id')}"
        query = f"""
            SELECT {self._content()}, coalesce(p.numbers, '{{}}') AS numbers
            FROM {self.assistant} a
            LEFT JOIN (SELECT p.{self._link()}::text AS link,
                              array_agg({self._phone_number()} ORDER BY {self._phone_number()})
                                  AS numbers
                       FROM {self.phone} p GROUP BY 1) p ON p.link = {own}::text
            {self._versions()}
            WHERE $1::text[] IS NULL OR {own}::text = ANY ($1::text[])
            ORDER BY a.{self.quoted("Assistant", "name")}::text"""  # noqa: S608 - likewise
        rows = await connection.fetch(query, None if ids is None else list(ids))
        return [self._row(row, tuple(row["numbers"])) for row in rows]

    async def names(self, connection: Connection) -> list[tuple[str, str]]:
        """Id and name of every assistant."""
        query = f"""SELECT {self.quoted("Assistant", "id")}::text AS id,
                           coalesce({self.quoted("Assistant", "name")}::text, '') AS name
                    FROM {self.assistant} ORDER BY 2, 1"""  # noqa: S608 - likewise
        return [(row["id"], row["name"]) for row in await connection.fetch(query)]

    def type_of(self, table: str, column: str) -> str:
        """The type of one of our columns."""
        return self.column(table, column).type

    def column(self, table: str, column: str) -> Column:
        """What the catalogue says of one of our columns."""
        return self.columns[table][self.names_here.column(table, column)]

    def has(self, table: str, column: str) -> bool:
        """Whether the table has one of our columns."""
        return self.names_here.column(table, column) in self.columns[table]

    def quoted(self, table: str, column: str) -> str:
        """Their name of one of our columns, quoted."""
        return quote(self.names_here.column(table, column))

    def _row(self, row: asyncpg.Record, numbers: tuple[str, ...]) -> AssistantRow:
        columns = None
        theirs = _read(row["columns"])
        if theirs is not None:
            columns = {
                column: theirs.get(self.names_here.column("Assistant", column))
                for column in ASSISTANT_COLUMNS
                if column != "id"
            }
        imported = None
        if row["yaml"] is not None:
            imported = Imported(row["name"], row["version"], row["yaml"])
        name = str(row["row_name"] or "")
        kept = None if row["kept"] is None else json.loads(row["kept"])
        return AssistantRow(str(row["id"]), name, columns, numbers, imported, row["newest"], kept)

    def _answering(self, hit: str) -> str:
        """The query for the row that a number's row points to."""
        return f"""
            SELECT {self._content()}, hit.number FROM ({hit}) hit
            JOIN {self.assistant} a ON {self._joined("a", "hit.link")} {self._versions()}"""  # noqa: S608

    def _content(self) -> str:
        own = {name: f"a.{self.quoted('Assistant', name)}" for name in ("id", "name")}
        names = {name: self.names_here.column("Assistant", name) for name in ASSISTANT_COLUMNS}
        literals = {name: "'" + there.replace("'", "''") + "'" for name, there in names.items()}
        content = WHOLE.format(wanted=", ".join(literals.values()))
        if any(column.type == "json" for column in self.columns["Assistant"].values()):
            wanted = [
                f"{literals[name]}, a.{quote(there)}{self._cast(name)}"
                for name, there in names.items()
                if self.has("Assistant", name)
            ]
            content = EACH.format(wanted=", ".join(wanted))
        return CONTENT.format(**own, content=content, limit=MAX_ROW_CHARACTERS)

    def _cast(self, column: str) -> str:
        return "::text" if self.type_of("Assistant", column) == "json" else ""

    def _versions(self) -> str:
        if not self._has_schema:
            return NO_VERSIONS
        return VERSIONS.format(id=f"a.{self.quoted('Assistant', 'id')}")

    def _joined(self, assistant: str, link: str) -> str:
        """Compare id and link, as text where their types differ."""
        own = f"{assistant}.{self.quoted('Assistant', 'id')}"
        same = self.type_of("Assistant", "id") == self.type_of(
            "PhoneNumber", "assignedToAssistantId"
        )
        return f"{own} = {link}" if same else f"{own}::text = {link}::text"

    def _phone_number(self) -> str:
        return f"p.{self.quoted('PhoneNumber', 'number')}::text"

    def _link(self) -> str:
        return self.quoted("PhoneNumber", "assignedToAssistantId")


def _read(content: str | None) -> Any:
    """A row as plain data; None if it is nested too deeply, or has numbers of too many digits."""
    try:
        return None if content is None else json.loads(content)
    except (ValueError, RecursionError):
        return None
