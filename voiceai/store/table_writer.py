"""SQL that writes the users' two tables: for ``import``, ``assign`` and ``rollback`` only."""

import uuid
from collections.abc import Mapping
from typing import Any

from pipelines.findings import nearest_name
from pipelines.spec import PipelineSpec
from voiceai.errors import ImportRefused, UnknownAssistant
from voiceai.store.assistants import UserTables
from voiceai.store.database import Connection
from voiceai.store.mapping import quote
from voiceai.store.numbers import SQL_NORMAL, normalise_number
from voiceai.store.rows import slug


class TableWriter:
    """Writes rows of tables whose columns are only known at run time."""

    def __init__(self, tables: UserTables) -> None:
        self._tables = tables

    async def put(self, connection: Connection, spec: PipelineSpec) -> tuple[str, bool]:
        """Insert or update the row of ``spec.name``.

        A row whose name could not be a pipeline's has that of its export, and keeps its own.

        Returns:
            The row's id, and whether it is new.

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
        rows = await self._tables.names(connection)
        ids = [row_id for row_id, name in rows if name == spec.name]
        if not ids:
            ids = [i for i, name in rows if slug({"id": i, "name": name}) == spec.name]
            if ids:
                del values["name"]
        if len(ids) > 1:
            raise ImportRefused(f"{len(ids)} rows of {self._tables.assistant} are {spec.name}")
        if not ids:
            return await self._insert("Assistant", values, connection), True
        await self._update("Assistant", values, ids[0], connection)
        return ids[0], False

    async def restore(
        self, connection: Connection, assistant_id: str, columns: Mapping[str, Any]
    ) -> None:
        """Write a row's columns as they were, those that are still there."""
        await self._update("Assistant", columns, assistant_id, connection)

    async def assign(self, connection: Connection, number: str, assistant_id: str) -> str:
        """Point a number to an assistant; returns the number as it is stored.

        Raises:
            ImportRefused: A column of the number's table needs what we do not know.
        """
        normal = normalise_number(number)
        tables = self._tables
        column = tables.quoted("PhoneNumber", "number")
        link = tables.quoted("PhoneNumber", "assignedToAssistantId")
        link_type = tables.type_of("PhoneNumber", "assignedToAssistantId")
        query = f"""
            UPDATE {tables.phone} p SET {link} = $1::text::{link_type}
            WHERE {SQL_NORMAL.format(f"p.{column}::text")} = $2
            RETURNING p.{column}::text"""  # noqa: S608 - quoted identifiers
        stored = await connection.fetchval(query, assistant_id, normal)
        if stored:
            return str(stored)
        values = {"number": normal, "assignedToAssistantId": assistant_id}
        await self._insert("PhoneNumber", values, connection)
        return normal

    async def _update(
        self, table: str, values: Mapping[str, Any], row_id: str, connection: Connection
    ) -> None:
        tables = self._tables
        known = {key: value for key, value in values.items() if tables.has(table, key)}
        parts = [
            f"{tables.quoted(table, key)} = ${index}::text::{tables.type_of(table, key)}"
            for index, key in enumerate(known, start=2)
        ]
        query = (
            f"UPDATE {tables.names_here.table(table)} SET {', '.join(parts)} "  # noqa: S608 - likewise
            f"WHERE {tables.quoted(table, 'id')}::text = $1"
        )
        texts = [tables.column(table, key).text_of(value) for key, value in known.items()]
        await connection.execute(query, row_id, *texts)

    async def _insert(self, table: str, values: Mapping[str, Any], connection: Connection) -> str:
        """Insert a row; columns that must have a value get one if it can be known."""
        tables, names = self._tables, self._tables.names_here
        given = {
            names.column(table, key): value
            for key, value in values.items()
            if tables.has(table, key) and value is not None
        }
        id_name = names.column(table, "id")
        columns = tables.columns[table]
        for name, column in columns.items():
            if not column.needed or name in given:
                continue
            if name == id_name:
                given[name] = await self._new_id(table, column.type, connection)
            elif column.type.startswith("timestamp"):
                given[name] = "now"
            elif name in {names.column(table, key) for key in values}:
                given[name] = ""
            else:
                raise ImportRefused(
                    f"column {quote(name)} of {names.table(table)} must have a value that we "
                    "do not know; make the row in your own application, then repeat this"
                )
        quoted = ", ".join(map(quote, given))
        casts = ", ".join(
            f"${index}::text::{columns[name].type}" for index, name in enumerate(given, start=1)
        )
        returned = f"{quote(id_name)}::text" if id_name in columns else "''"
        query = f"INSERT INTO {names.table(table)} ({quoted}) VALUES ({casts}) RETURNING {returned}"  # noqa: S608
        texts = [columns[name].text_of(value) for name, value in given.items()]
        return str(await connection.fetchval(query, *texts))

    async def _new_id(self, table: str, type_name: str, connection: Connection) -> str:
        if type_name in {"smallint", "integer", "bigint", "numeric"}:
            name = self._tables.names_here.table(table)
            await connection.execute(f"LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE")
            query = f"SELECT coalesce(max({self._tables.quoted(table, 'id')}), 0) + 1 FROM {name}"  # noqa: S608
            return str(await connection.fetchval(query))
        return str(uuid.uuid4())


async def assistant_id(tables: UserTables, connection: Connection, name: str) -> str:
    """The id of the one assistant of a name or an id.

    Raises:
        UnknownAssistant: No row, or several, have it; names the nearest.
    """
    rows = await tables.names(connection)
    ids = [row_id for row_id, found in rows if found == name]
    ids = ids or [row_id for row_id, _ in rows if row_id == name]
    if len(ids) == 1:
        return ids[0]
    nearest = nearest_name(name, [found for _, found in rows]) if not ids else None
    hint = f"; did you mean {nearest}?" if nearest else ""
    raise UnknownAssistant(f"{len(ids) or 'no'} assistants are called {name}{hint}")
