"""Transcripts are kept for so long and no longer, and a caller's are erased when he asks.

What stays of a call is its skeleton: when, how long, which assistant, how it ended.
"""

from dataclasses import dataclass
from datetime import datetime

from voiceai.store.database import Connection
from voiceai.store.numbers import SQL_NORMAL

BATCH = 500
"""Calls in one transaction."""


@dataclass(frozen=True, slots=True)
class Erased:
    """How much was removed.

    Attributes:
        calls: Calls that were the caller's.
        waiting: Entries that waited on disk.
        recordings: Files.
    """

    calls: int = 0
    turns: int = 0
    messages: int = 0
    waiting: int = 0
    recordings: int = 0


async def remove_old(connection: Connection, before: datetime) -> int:
    """Remove the transcripts of the oldest calls that began before; returns of how many calls.

    At most ``BATCH`` at once; repeat until it returns fewer.
    """
    async with connection.transaction():
        rows = await connection.fetch(
            "SELECT id FROM voiceai.calls WHERE transcript_removed_at IS NULL "
            "AND started_at < $1 ORDER BY started_at LIMIT $2 FOR UPDATE SKIP LOCKED",
            before,
            BATCH,
        )
        await _remove(connection, [row["id"] for row in rows])
    return len(rows)


async def erase(connection: Connection, caller: str) -> tuple[Erased, list[str]]:
    """Remove all that is known of a caller.

    Args:
        connection: To the database.
        caller: Normalised.

    Returns:
        How much, and the ids of the calls.
    """
    async with connection.transaction():
        rows = await connection.fetch(
            "UPDATE voiceai.calls "  # noqa: S608 - constant
            "SET caller = NULL, caller_name = NULL, recording = NULL "
            f"WHERE {SQL_NORMAL.format('caller')} = $1 RETURNING id",
            caller,
        )
        ids = [row["id"] for row in rows]
        turns, messages = await _remove(connection, ids)
    return Erased(len(ids), turns, messages), ids


async def _remove(connection: Connection, ids: list[str]) -> tuple[int, int]:
    """Remove transcripts; whatever of them comes later is not taken."""
    counts = []
    for table in ("turns", "messages"):
        query = f"DELETE FROM voiceai.{table} WHERE call_id = ANY ($1::text[])"  # noqa: S608
        status = await connection.execute(query, ids)
        counts.append(int(status.rpartition(" ")[2]))
    await connection.execute(
        "UPDATE voiceai.calls SET transcript_removed_at = now() WHERE id = ANY ($1::text[])", ids
    )
    return counts[0], counts[1]
