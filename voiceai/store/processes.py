"""Which of our processes live, and the calls that dead ones left open."""

import os
import socket
from collections.abc import Sequence
from pathlib import Path

import psutil

from voiceai.store.database import Connection

INTERVAL = 15.0
"""Seconds between signs of life."""

SILENCE = 60.0
"""Seconds without one after which a process of another machine counts as dead."""

PID_NAMESPACE = "/proc/self/ns/pid"
"""See pid_namespaces(7)."""

INTERRUPTED = "interrupted by restart"


def process_id() -> str:
    """Name this process for ever: host, process id and start time in seconds."""
    return _identity(os.getpid())


async def sign_of_life(connection: Connection, own: str) -> None:
    """Say that this process lives."""
    await connection.execute(
        "INSERT INTO voiceai.processes (id) VALUES ($1) "
        "ON CONFLICT (id) DO UPDATE SET seen_at = now()",
        own,
    )


async def close_interrupted(connection: Connection, own: str) -> int:
    """End the open calls of processes that are dead; returns how many.

    A process whose number means something here is dead when it does not run, any other when it is
    silent. A call ends
    when its process was last seen, or with its last turn.
    """
    rows = await connection.fetch(
        "SELECT DISTINCT c.process_id, "
        "       coalesce(extract(epoch FROM now() - p.seen_at) > $2, true) AS silent "
        "FROM voiceai.calls c LEFT JOIN voiceai.processes p ON p.id = c.process_id "
        "WHERE c.ended_at IS NULL AND c.process_id <> $1",
        own,
        SILENCE,
    )
    dead = [row["process_id"] for row in rows if _is_dead(row["process_id"], silent=row["silent"])]
    return await _close(connection, dead) if dead else 0


async def _close(connection: Connection, dead: Sequence[str]) -> int:
    status = await connection.execute(
        """
        UPDATE voiceai.calls c SET end_reason = $2, ended_at = greatest(
            c.started_at,
            (SELECT seen_at FROM voiceai.processes WHERE id = c.process_id),
            (SELECT c.answered_at + max(ended_ms) * interval '1 ms'
             FROM voiceai.turns WHERE call_id = c.id))
        WHERE c.ended_at IS NULL AND c.process_id = ANY ($1::text[])""",
        list(dead),
        INTERRUPTED,
    )
    await connection.execute(
        "DELETE FROM voiceai.processes WHERE id = ANY ($1::text[])", list(dead)
    )
    return int(status.rpartition(" ")[2])


def _is_dead(identity: str, *, silent: bool) -> bool:
    host, _, rest = identity.rpartition("_")[0].rpartition("_")
    if host != _place():
        return silent
    return not rest.isdigit() or _identity(int(rest)) != identity


def _identity(pid: int) -> str:
    """``host_pid_start``; a number that was given to another process makes another identity."""
    try:
        started = int(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        started = 0
    return f"{_place()}_{pid}_{started}"


def _place() -> str:
    """This host, and where process ids count here: containers of one host may share its name."""
    try:
        namespace = f"-{Path(PID_NAMESPACE).stat().st_ino}"
    except OSError:  # no Linux
        namespace = ""
    return f"{socket.gethostname()}{namespace}"
