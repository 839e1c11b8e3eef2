"""SQL on our tables of calls: what happened is written, and read again."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
from loguru import logger

from voiceai.errors import StoreUnavailable
from voiceai.store.conversations import Earlier
from voiceai.store.database import UNAVAILABLE, Connection, Database
from voiceai.store.numbers import SQL_NORMAL
from voiceai.store.records import CallHistory, CallRecord, Entry, Message, Op, Turn

STATEMENTS: Mapping[Op, str] = {
    Op.BEGIN: """
        INSERT INTO voiceai.calls (id, process_id, number, caller, caller_name, assistant,
                                   assistant_id, started_at,
                                   transcript_removed_at)
        SELECT $1, e->>'process_id', e->>'number', e->>'caller', e->>'caller_name',
               e->>'assistant', e->>'assistant_id', (e->>'started_at')::timestamptz,
               CASE WHEN (e->>'erased')::boolean THEN now() END
        FROM (SELECT $2::jsonb AS e) entry
        ON CONFLICT (id) DO NOTHING""",
    Op.ANSWER: """
        UPDATE voiceai.calls SET answered_at = ($2::jsonb->>'answered_at')::timestamptz,
               assistant = coalesce($2::jsonb->>'assistant', assistant),
               assistant_id = coalesce($2::jsonb->>'assistant_id', assistant_id),
               details = details || coalesce($2::jsonb->'details', '{}')
        WHERE id = $1""",
    Op.TURN: """
        INSERT INTO voiceai.turns
        SELECT $1, t.n, t.role, t.text, t.started_ms, t.ended_ms, t.interrupted, t.latency
        FROM jsonb_to_record($2::jsonb) AS t(n int, role text, text text, started_ms int,
                                             ended_ms int, interrupted boolean, latency jsonb)
        WHERE NOT EXISTS (SELECT 1 FROM voiceai.calls
                          WHERE id = $1 AND transcript_removed_at IS NOT NULL)
        ON CONFLICT (call_id, n) DO UPDATE SET role = excluded.role, text = excluded.text,
            started_ms = excluded.started_ms, ended_ms = excluded.ended_ms,
            interrupted = excluded.interrupted, latency = excluded.latency""",
    Op.MESSAGE: """
        INSERT INTO voiceai.messages
        SELECT $1, m.n, m.kind, m.at_ms, m.content
        FROM jsonb_to_record($2::jsonb) AS m(n int, kind text, at_ms int, content jsonb)
        WHERE NOT EXISTS (SELECT 1 FROM voiceai.calls
                          WHERE id = $1 AND transcript_removed_at IS NOT NULL)
        ON CONFLICT (call_id, n) DO UPDATE SET kind = excluded.kind, at_ms = excluded.at_ms,
            content = excluded.content""",
    Op.RECORDING: """
        UPDATE voiceai.calls SET recording = $2::jsonb
        WHERE id = $1 AND (transcript_removed_at IS NULL OR recording IS NOT NULL)""",
    Op.END: """
        UPDATE voiceai.calls SET ended_at = (e->>'ended_at')::timestamptz,
               end_reason = e->>'end_reason', details = details || coalesce(e->'details', '{}')
        FROM (SELECT $2::jsonb AS e) entry WHERE id = $1""",
}
"""By entry: the call's id and the entry's values as JSON.

A call whose transcript was removed gets no more of one, whatever comes late from a disk; of its
recording there is news as long as it has one.
"""

CALL_COLUMNS = (
    "id, number, caller, caller_name, assistant, assistant_id, started_at, answered_at, ended_at, "
    "end_reason, details::text AS details, recording::text AS recording"
)


class CallTables:
    """The calls of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, entries: Sequence[Entry]) -> None:
        """Write entries in order; one that the database refuses is logged and left out.

        Raises:
            StoreUnavailable: The database is away, or has no tables of ours.
        """
        if not self._database.has_schema:
            raise StoreUnavailable(self._database.problem or "the schema voiceai does not exist")
        async with self._database.connection() as connection:
            try:
                async with connection.transaction():
                    for entry in entries:
                        await _write_entry(connection, entry)
            except UNAVAILABLE:
                raise
            except asyncpg.PostgresError:
                for entry in entries:
                    await _try_entry(connection, entry)

    async def calls(self, limit: int) -> list[CallRecord]:
        """The newest calls."""
        query = f"SELECT {CALL_COLUMNS} FROM voiceai.calls ORDER BY started_at DESC, id LIMIT $1"  # noqa: S608
        async with self._database.connection() as connection:
            return [_call(row) for row in await connection.fetch(query, limit)]

    async def call(self, call_id: str) -> CallHistory | None:
        """One call with everything in it."""
        query = f"SELECT {CALL_COLUMNS} FROM voiceai.calls WHERE id = $1"  # noqa: S608 - constant
        async with self._database.connection() as connection:
            row = await connection.fetchrow(query, call_id)
            if row is None:
                return None
            turns = await connection.fetch(
                "SELECT n, role, text, started_ms, ended_ms, interrupted, latency::text AS latency "
                "FROM voiceai.turns WHERE call_id = $1 ORDER BY n",
                call_id,
            )
            messages = await connection.fetch(
                "SELECT n, kind, content::text AS content, at_ms "
                "FROM voiceai.messages WHERE call_id = $1 ORDER BY n",
                call_id,
            )
        return CallHistory(
            _call(row),
            tuple(Turn(**{**turn, "latency": _json(turn["latency"])}) for turn in turns),
            tuple(Message(**{**item, "content": _json(item["content"])}) for item in messages),
        )

    async def earlier(self, caller: str, assistant_id: str, calls: int) -> list[Earlier]:
        """The last conversations that an assistant had with a caller, newest first.

        Args:
            caller: Normalised.
            assistant_id: Whose.
            calls: At most so many.
        """
        query = f"""
            SELECT c.id, c.started_at FROM voiceai.calls c
            WHERE {SQL_NORMAL.format("c.caller")} = $1 AND c.assistant_id = $2
              AND c.ended_at IS NOT NULL AND c.transcript_removed_at IS NULL
              AND EXISTS (SELECT 1 FROM voiceai.turns t
                          WHERE t.call_id = c.id AND t.role = 'caller')
            ORDER BY c.started_at DESC LIMIT $3"""  # noqa: S608 - constant
        async with self._database.connection() as connection:
            found = await connection.fetch(query, caller, assistant_id, calls)
            turns = await connection.fetch(
                "SELECT call_id, role, text FROM voiceai.turns "
                "WHERE call_id = ANY ($1::text[]) ORDER BY call_id, n",
                [row["id"] for row in found],
            )
        said: dict[str, list[tuple[str, str]]] = {row["id"]: [] for row in found}
        for turn in turns:
            said[turn["call_id"]].append((turn["role"], turn["text"]))
        return [Earlier(row["started_at"], tuple(said[row["id"]])) for row in found]


async def _write_entry(connection: Connection, entry: Entry) -> None:
    values = json.dumps(_storable(entry.values), ensure_ascii=False, default=str)
    await connection.execute(STATEMENTS[entry.op], entry.call_id, values)


async def _try_entry(connection: Connection, entry: Entry) -> None:
    try:
        async with connection.transaction():
            await _write_entry(connection, entry)
    except UNAVAILABLE:
        raise
    except asyncpg.PostgresError as exc:
        logger.bind(call_id=entry.call_id, op=entry.op).error("history.refused: {}", exc)


def _storable(value: Any) -> Any:
    """Leave out what PostgreSQL's text cannot hold and a recogniser or model may produce.

    That is U+0000, and half of a surrogate pair: an emoji that was cut in two.
    """
    if isinstance(value, str):
        return value.replace("\x00", "").encode(errors="replace").decode()
    if isinstance(value, Mapping):
        return {_storable(key): _storable(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(entry) for entry in value]
    return value


def _call(row: asyncpg.Record) -> CallRecord:
    details, recording = _json(row["details"]) or {}, _json(row["recording"])
    return CallRecord(**{**row, "details": details, "recording": recording})


def _json(text: str | None) -> Any:
    return None if text is None else json.loads(text)
