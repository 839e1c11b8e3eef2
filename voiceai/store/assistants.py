"""SQL on the users' two tables: read for each call, written only by ``import`` and ``assign``."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from pipelines.spec import PipelineSpec
from voiceai.errors import ImportRefused, SchemaMismatch, UnknownAssistant
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

LATEST_VERSION = """
    LEFT JOIN LATERAL (SELECT name, version, yaml FROM voiceai.assistant_versions
                       WHERE assistant_id = a.{id}::text ORDER BY version DESC LIMIT 1) v ON true"""

NO_VERSION = """
    CROSS JOIN (SELECT NULL::text AS name, NULL::integer AS version, NULL::text AS yaml) v"""


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
    """A row by our column names, with its numbers and what was imported for it."""

    id: str
    name: str
    columns: Mapping[str, Any]
    numbers: tuple[str, ...]
    imported: Imported | None


class UserTables:
    """The two tables under the names they have here. Make one with :meth:`inspect`."""

    def __init__(
        self,
        names: TableNames,
        assistant: Mapping[str, Column],
        phone: Mapping[str, Column],
        *,
        has_schema: bool,
    ) -> None:
        self._names = names
        self._columns = {"Assistant": assistant, "PhoneNumber": phone}
        self._has_schema = has_schema
        self._assistant = names.table("Assistant")
        self._phone = names.table("PhoneNumber")

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

    async def find(self, connection: Connection, number: str) -> AssistantRow | None:
        """The assistant of a number in any notation; one query."""
        normal = normalise_number(number)
        if not normal:
            return None
        phone, link = f"p.{self._quoted('PhoneNumber', 'number')}::text", self._link()
        plain = self._type("PhoneNumber", "number") in {"text", "character varying"}
        exact = phone.removesuffix("::text") if plain else phone
        query = f"""
            SELECT to_jsonb(a)::text AS columns, hit.number, v.name, v.version, v.yaml
            FROM (
                (SELECT p.{link} AS link, {phone} AS number FROM {self._phone} p
                 WHERE {exact} = ANY ($1::text[]) AND p.{link} IS NOT NULL LIMIT 1)
                UNION ALL
                (SELECT p.{link}, {phone} FROM {self._phone} p
                 WHERE {SQL_MAY_MATCH.format(phone, "$2")}
                   AND {SQL_NORMAL.format(phone)} = $2 AND p.{link} IS NOT NULL LIMIT 1)
                LIMIT 1
            ) hit
            JOIN {self._assistant} a ON {self._joined("a", "hit.link")}
            {self._versions()}"""  # noqa: S608 - quoted identifiers
        row = await connection.fetchrow(query, written_forms(normal), normal)
        return self._row(row, (row["number"],)) if row else None

    async def list(self, connection: Connection) -> list[AssistantRow]:
        """Every assistant with its numbers, by name."""
        query = f"""
            SELECT to_jsonb(a)::text AS columns, v.name, v.version, v.yaml,
                   ARRAY(SELECT p.{self._quoted("PhoneNumber", "number")}::text
                         FROM {self._phone} p
                         WHERE {self._joined("a", f"p.{self._link()}")} ORDER BY 1) AS numbers
            FROM {self._assistant} a {self._versions()}
            ORDER BY a.{self._quoted("Assistant", "name")}::text"""  # noqa: S608 - likewise
        return [self._row(row, tuple(row["numbers"])) for row in await connection.fetch(query)]

    async def store(
        self, connection: Connection, spec: PipelineSpec, text: str
    ) -> tuple[str, int, bool]:
        """Insert or update the row of ``spec.name`` and keep the text as its newest version.

        Returns:
            The row's id, the version, and whether the row is new.

        Raises:
            ImportRefused: Several rows have the name, or a column needs what we do not know.
        """
        values = {
            "name": spec.name,
            "greeting": spec.greeting,
            "systemPrompt": spec.prompt or None,
            "language": spec.language,
            "voice": spec.tts.params.get("voice"),
            "pipeline": spec.name,
        }
        id_column, name_column = self._quoted("Assistant", "id"), self._quoted("Assistant", "name")
        select = f"SELECT {id_column}::text FROM {self._assistant} WHERE {name_column}::text = $1"  # noqa: S608
        ids = [row[0] for row in await connection.fetch(select, spec.name)]
        if len(ids) > 1:
            raise ImportRefused(f"{len(ids)} rows of {self._assistant} are called {spec.name}")
        if ids:
            await self._update("Assistant", values, ids[0], connection)
            assistant_id = ids[0]
        else:
            assistant_id = await self._insert("Assistant", values, connection)
        version = await _keep_version(connection, assistant_id, spec.name, text)
        return assistant_id, version, not ids

    async def assign(self, connection: Connection, number: str, name: str) -> tuple[str, bool]:
        """Point a number to an assistant.

        Returns:
            The number as it is stored, and whether its row is new.

        Raises:
            UnknownAssistant: No row, or several, have the name.
            ImportRefused: A column of the number's table needs what we do not know.
        """
        id_column, name_column = self._quoted("Assistant", "id"), self._quoted("Assistant", "name")
        query = f"SELECT {id_column}::text FROM {self._assistant} WHERE {name_column}::text = $1"  # noqa: S608
        ids = [row[0] for row in await connection.fetch(query, name)]
        if len(ids) != 1:
            raise UnknownAssistant(f"{len(ids) or 'no'} assistants are called {name}")
        normal = normalise_number(number)
        column = self._quoted("PhoneNumber", "number")
        link_type = self._type("PhoneNumber", "assignedToAssistantId")
        query = f"""
            UPDATE {self._phone} p SET {self._link()} = $1::text::{link_type}
            WHERE {SQL_NORMAL.format(f"p.{column}::text")} = $2
            RETURNING p.{column}::text"""  # noqa: S608 - quoted identifiers
        stored = await connection.fetchval(query, ids[0], normal)
        if stored:
            return stored, False
        values = {"number": normal, "assignedToAssistantId": ids[0]}
        await self._insert("PhoneNumber", values, connection)
        return normal, True

    async def _update(
        self,
        table: str,
        values: Mapping[str, Any],
        row_id: str,
        connection: Connection,
    ) -> None:
        known = {key: value for key, value in values.items() if self._has(table, key)}
        parts = [
            f"{self._quoted(table, key)} = {self._cast(table, key, index)}"
            for index, key in enumerate(known, start=2)
        ]
        query = (
            f"UPDATE {self._names.table(table)} SET {', '.join(parts)} "  # noqa: S608 - likewise
            f"WHERE {self._quoted(table, 'id')}::text = $1"
        )
        columns = [self._column(table, key) for key in known]
        texts = [
            column.text_of(value) for column, value in zip(columns, known.values(), strict=True)
        ]
        await connection.execute(query, row_id, *texts)

    async def _insert(self, table: str, values: Mapping[str, Any], connection: Connection) -> str:
        """Insert a row; columns that must have a value get one if it can be known."""
        given = {
            self._names.column(table, key): value
            for key, value in values.items()
            if self._has(table, key) and value is not None
        }
        id_name = self._names.column(table, "id")
        for name, column in self._columns[table].items():
            if not column.needed or name in given:
                continue
            if name == id_name:
                given[name] = await self._new_id(table, column.type, connection)
            elif column.type.startswith("timestamp"):
                given[name] = "now"
            elif name in {self._names.column(table, key) for key in values}:
                given[name] = ""
            else:
                raise ImportRefused(
                    f"column {quote(name)} of {self._names.table(table)} must have a value that we "
                    "do not know; make the row in your own application, then repeat this"
                )
        names = ", ".join(map(quote, given))
        casts = ", ".join(
            f"${index}::text::{self._columns[table][name].type}"
            for index, name in enumerate(given, start=1)
        )
        returned = f"{quote(id_name)}::text" if id_name in self._columns[table] else "''"
        query = f"INSERT INTO {self._names.table(table)} ({names}) VALUES ({casts}) RETURNING {returned}"  # noqa: E501, S608
        texts = [self._columns[table][name].text_of(value) for name, value in given.items()]
        return str(await connection.fetchval(query, *texts))

    async def _new_id(self, table: str, type_name: str, connection: Connection) -> str:
        if type_name in {"smallint", "integer", "bigint", "numeric"}:
            await connection.execute(
                f"LOCK TABLE {self._names.table(table)} IN SHARE ROW EXCLUSIVE MODE"
            )
            query = f"SELECT coalesce(max({self._quoted(table, 'id')}), 0) + 1 FROM {self._names.table(table)}"  # noqa: E501, S608
            return str(await connection.fetchval(query))
        return str(uuid.uuid4())

    def _row(self, row: asyncpg.Record, numbers: tuple[str, ...]) -> AssistantRow:
        theirs = json.loads(row["columns"])
        columns = {
            column: theirs.get(self._names.column("Assistant", column))
            for column in ASSISTANT_COLUMNS
        }
        imported = None
        if row["yaml"] is not None:
            imported = Imported(row["name"], row["version"], row["yaml"])
        return AssistantRow(str(columns["id"]), str(columns["name"]), columns, numbers, imported)

    def _versions(self) -> str:
        if not self._has_schema:
            return NO_VERSION
        return LATEST_VERSION.format(id=self._quoted("Assistant", "id"))

    def _joined(self, assistant: str, link: str) -> str:
        """Compare id and link, as text where their types differ."""
        own = f"{assistant}.{self._quoted('Assistant', 'id')}"
        same = self._type("Assistant", "id") == self._type("PhoneNumber", "assignedToAssistantId")
        return f"{own} = {link}" if same else f"{own}::text = {link}::text"

    def _cast(self, table: str, column: str, index: int) -> str:
        return f"${index}::text::{self._type(table, column)}"

    def _has(self, table: str, column: str) -> bool:
        return self._names.column(table, column) in self._columns[table]

    def _type(self, table: str, column: str) -> str:
        return self._column(table, column).type

    def _column(self, table: str, column: str) -> Column:
        return self._columns[table][self._names.column(table, column)]

    def _quoted(self, table: str, column: str) -> str:
        return quote(self._names.column(table, column))

    def _link(self) -> str:
        return self._quoted("PhoneNumber", "assignedToAssistantId")


async def _keep_version(connection: Connection, assistant_id: str, name: str, text: str) -> int:
    """Store the text unless it is the newest version already; returns its number."""
    newest = await connection.fetchrow(
        "SELECT version, yaml FROM voiceai.assistant_versions WHERE assistant_id = $1 "
        "ORDER BY version DESC LIMIT 1",
        assistant_id,
    )
    if newest and newest["yaml"] == text:
        return int(newest["version"])
    version = newest["version"] + 1 if newest else 1
    await connection.execute(
        "INSERT INTO voiceai.assistant_versions (assistant_id, version, name, yaml) "
        "VALUES ($1, $2, $3, $4)",
        assistant_id, version, name, text,
    )  # fmt: skip
    return int(version)
