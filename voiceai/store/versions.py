"""SQL on our own tables of versions: what each assistant said, who changed it, and when."""

import getpass
import json
import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

import asyncpg

from voiceai.store.database import Connection

UNKEPT = re.compile("[\\x00\\ud800-\\udfff]")
"""No database keeps these as text, though JSON can be written with them."""

Origin: TypeAlias = Literal["import", "row", "rollback"]

MAX_VERSIONS = 1000
"""Of one assistant; the oldest that nothing builds upon give way."""

COLUMNS = (
    "assistant_id, version AS number, name, yaml AS text, origin, author, created_at, live, "
    "coalesce(base, CASE WHEN origin = 'import' THEN version END) AS base, "
    "row_columns::text AS columns, resolved, ready_at"
)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an assistant.

    Attributes:
        text: All that the row said, as a pipeline; of an import its very text.
        author: The database user, the importer, or ``watch`` where nobody can say.
        live: Whether it was the row's content, not only kept for a canary.
        base: Number of the version whose imported text it builds upon.
        columns: The row by our column names.
        resolved: The whole pipeline with all that it inherits.
        ready_at: When a process had loaded all that it needs.
    """

    assistant_id: str
    number: int
    name: str
    text: str
    origin: Origin
    author: str
    created_at: datetime
    live: bool
    base: int | None
    columns: Mapping[str, Any] | None
    resolved: str | None
    ready_at: datetime | None


@dataclass(frozen=True, slots=True)
class Draft:
    """A version before it has a number.

    Attributes:
        base: None for none, 0 for itself.
    """

    assistant_id: str
    name: str
    text: str
    origin: Origin
    author: str
    base: int | None
    columns: Mapping[str, Any] | None
    resolved: str
    live: bool = True


@dataclass(frozen=True, slots=True)
class CanaryShare:
    """Which version gets how much of an assistant's calls, in percent."""

    assistant_id: str
    version: int
    percent: float


def importer() -> str:
    """Name who runs this command: user and host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # no such account, as in some containers
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


KEEP = """
    WITH newest AS (
        SELECT version, row_columns,
               coalesce(base, CASE WHEN origin = 'import' THEN version END) AS base
        FROM voiceai.assistant_versions
        WHERE assistant_id = $1 AND live ORDER BY version DESC LIMIT 1),
    next AS (
        SELECT coalesce(max(version), 0) + 1 AS version
        FROM voiceai.assistant_versions WHERE assistant_id = $1)
    INSERT INTO voiceai.assistant_versions (assistant_id, version, name, yaml, origin, author, live,
                                            base, row_columns, resolved)
    SELECT $1, next.version, $2, $3, $4, $5, $6,
           CASE WHEN $7::integer = 0 THEN next.version ELSE $7 END, $8::text::jsonb, $9
    FROM next
    WHERE ($10::integer IS NULL OR $10 = coalesce((SELECT version FROM newest), 0))
      AND (NOT $6 OR NOT EXISTS (
        SELECT 1 FROM newest
        WHERE newest.row_columns IS NOT DISTINCT FROM $8::text::jsonb
          AND CASE WHEN $7 = 0 THEN EXISTS (
                        SELECT 1 FROM voiceai.assistant_versions b
                        WHERE b.assistant_id = $1 AND b.version = newest.base AND b.yaml = $3)
                   ELSE newest.base IS NOT DISTINCT FROM $7 END))
    ON CONFLICT DO NOTHING
    RETURNING version"""
"""Nothing is returned where the newest says the same, or another process took the number."""


async def keep(connection: Connection, draft: Draft) -> int:
    """Store a draft unless the newest live version says the same; returns the number."""
    while True:
        number = await keep_after(connection, draft, None)
        if number is not None:
            return number


async def keep_after(connection: Connection, draft: Draft, newest: int | None) -> int | None:
    """Store a draft, likewise, if it follows the newest live version.

    Args:
        connection: To the database.
        draft: What to store.
        newest: The version that it follows, 0 for none; None: whichever it is.

    Returns:
        The number, or None where another process was quicker.
    """
    number: int | None = await connection.fetchval(
        KEEP, draft.assistant_id, draft.name, draft.text, draft.origin, draft.author,
        draft.live, draft.base, _dumped(draft.columns), draft.resolved, newest,
    )  # fmt: skip
    if number is None:
        found = await newest_live(connection, draft.assistant_id)
        same = found is not None and draft.live and found.columns == draft.columns
        return found.number if found and same else None
    if number > MAX_VERSIONS:
        await _forget_oldest(connection, draft.assistant_id, number - MAX_VERSIONS)
    return number


async def _forget_oldest(connection: Connection, assistant_id: str, last: int) -> None:
    await connection.execute(
        "DELETE FROM voiceai.assistant_versions v WHERE assistant_id = $1 AND version <= $2 "
        "AND NOT EXISTS (SELECT 1 FROM voiceai.assistant_versions u "
        "                WHERE u.assistant_id = $1 AND u.base = v.version AND u.version > $2) "
        "AND NOT EXISTS (SELECT 1 FROM voiceai.canaries c "
        "                WHERE c.assistant_id = $1 AND c.version = v.version)",
        assistant_id,
        last,
    )


async def get(connection: Connection, assistant_id: str, number: int) -> Version | None:
    """One version."""
    query = (
        f"SELECT {COLUMNS} FROM voiceai.assistant_versions "  # noqa: S608 - constant
        "WHERE assistant_id = $1 AND version = $2"
    )
    row = await connection.fetchrow(query, assistant_id, number)
    return _version(row) if row else None


async def newest_live(connection: Connection, assistant_id: str) -> Version | None:
    """The newest version that was the row's content."""
    query = (
        f"SELECT {COLUMNS} FROM voiceai.assistant_versions "  # noqa: S608 - constant
        "WHERE assistant_id = $1 AND live ORDER BY version DESC LIMIT 1"
    )
    row = await connection.fetchrow(query, assistant_id)
    return _version(row) if row else None


async def last_good(
    connection: Connection, assistant_id: str, *, besides: int | None = None
) -> Version | None:
    """The newest live version that was ready to answer once, else the newest live one.

    Args:
        connection: To the database.
        assistant_id: Whose.
        besides: A version that was found not to work.
    """
    query = (
        f"SELECT {COLUMNS} FROM voiceai.assistant_versions "  # noqa: S608 - constant
        "WHERE assistant_id = $1 AND live AND resolved IS NOT NULL "
        "AND version IS DISTINCT FROM $2 "
        "ORDER BY ready_at IS NOT NULL DESC, version DESC LIMIT 1"
    )
    row = await connection.fetchrow(query, assistant_id, besides)
    return _version(row) if row else None


async def of_assistant(connection: Connection, assistant_id: str) -> list[Version]:
    """Every version, newest first."""
    query = (
        f"SELECT {COLUMNS} FROM voiceai.assistant_versions "  # noqa: S608 - constant
        "WHERE assistant_id = $1 ORDER BY version DESC"
    )
    return [_version(row) for row in await connection.fetch(query, assistant_id)]


async def mark_ready(
    connection: Connection, assistant_id: str, number: int, *, row_is_good: bool = True
) -> None:
    """Note that a version can answer.

    Args:
        connection: To the database.
        assistant_id: Whose.
        number: Of the version.
        row_is_good: Nothing is wrong with the assistant's row any more.
    """
    await connection.execute(
        "WITH gone AS (DELETE FROM voiceai.assistant_problems WHERE assistant_id = $1 AND $3) "
        "UPDATE voiceai.assistant_versions SET ready_at = now() "
        "WHERE assistant_id = $1 AND version = $2 AND ready_at IS NULL",
        assistant_id,
        number,
        row_is_good,
    )


async def note_resolved(
    connection: Connection, assistant_id: str, number: int, resolved: str
) -> None:
    """Keep what a version inherits since a pipeline file changed."""
    await connection.execute(
        "UPDATE voiceai.assistant_versions SET resolved = $3 "
        "WHERE assistant_id = $1 AND version = $2 AND resolved IS DISTINCT FROM $3",
        assistant_id, number, resolved,
    )  # fmt: skip


async def note_problem(
    connection: Connection, assistant_id: str, problem: str, columns: Mapping[str, Any] | None
) -> None:
    """Keep what is wrong with a row that has these columns, for every command to see."""
    await connection.execute(
        "INSERT INTO voiceai.assistant_problems (assistant_id, problem, row_columns) "
        "VALUES ($1, $2, $3::text::jsonb) ON CONFLICT (assistant_id) DO UPDATE SET "
        "problem = excluded.problem, row_columns = excluded.row_columns, since = now()",
        assistant_id, UNKEPT.sub("?", problem), _kept(columns),
    )  # fmt: skip


async def problems(connection: Connection) -> dict[str, tuple[str, Mapping[str, Any] | None]]:
    """What is wrong and the row that it is wrong with, by the assistants' ids."""
    rows = await connection.fetch(
        "SELECT assistant_id, problem, row_columns::text AS columns FROM voiceai.assistant_problems"
    )
    return {row["assistant_id"]: (row["problem"], _loaded(row["columns"])) for row in rows}


async def set_canary(
    connection: Connection, assistant_id: str, version: int, percent: float, author: str
) -> None:
    """Give a version a share of the assistant's calls."""
    await connection.execute(
        "INSERT INTO voiceai.canaries (assistant_id, version, percent, author) "
        "VALUES ($1, $2, $3, $4) ON CONFLICT (assistant_id) DO UPDATE SET "
        "version = excluded.version, percent = excluded.percent, author = excluded.author, "
        "created_at = now()",
        assistant_id, version, percent, author,
    )  # fmt: skip


async def end_canary(connection: Connection, assistant_id: str) -> bool:
    """Give all calls to the row again; False if there was no canary."""
    status = await connection.execute(
        "DELETE FROM voiceai.canaries WHERE assistant_id = $1", assistant_id
    )
    return not status.endswith(" 0")


async def canaries(connection: Connection) -> dict[str, CanaryShare]:
    """Every canary, by the assistants' ids."""
    rows = await connection.fetch("SELECT assistant_id, version, percent FROM voiceai.canaries")
    return {row["assistant_id"]: CanaryShare(**row) for row in rows}


async def forget(connection: Connection, assistant_ids: Iterable[str]) -> None:
    """Drop problems and canaries of assistants that are gone; their versions stay."""
    ids = list(assistant_ids)
    for table in ("assistant_problems", "canaries"):
        query = f"DELETE FROM voiceai.{table} WHERE assistant_id = ANY ($1::text[])"  # noqa: S608
        await connection.execute(query, ids)


def _version(row: asyncpg.Record) -> Version:
    return Version(**{**row, "columns": _loaded(row["columns"])})


def _dumped(columns: Mapping[str, Any] | None) -> str | None:
    return None if columns is None else json.dumps(columns, ensure_ascii=False)


def _kept(columns: Mapping[str, Any] | None) -> str | None:
    """A row's columns, or nothing if they hold what no database keeps."""
    text = _dumped(columns)
    return None if text is None or UNKEPT.search(text) or "\\u0000" in text else text


def _loaded(text: str | None) -> Mapping[str, Any] | None:
    return None if text is None else json.loads(text)
