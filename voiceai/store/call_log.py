"""The calls of a database or, without one of ours, of a disk: recorded, read, and forgotten."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
from loguru import logger

from voiceai.errors import StoreUnavailable
from voiceai.store import erasure, history
from voiceai.store.answering import Assistant
from voiceai.store.call_tables import CallTables
from voiceai.store.conversations import WITHHELD, Earlier
from voiceai.store.database import Database
from voiceai.store.erasure import Erased
from voiceai.store.numbers import normalise_number
from voiceai.store.recorder import Recorder
from voiceai.store.recordings import RecordingKeeper
from voiceai.store.records import CallHistory, CallRecord, Entry, Message, Op, Turn

RETENTION_SECONDS = 3600.0
"""Between two looks for transcripts that are too old."""

DISK_EVERY = 24
"""So many of these until the disk is looked at: its files are read from the beginning."""

PAUSE_SECONDS = 0.1
"""Between two batches, so that calls come first."""


class CallLog:
    """What happened in calls. The methods that record return at once and never fail.

    Args:
        database: Where calls are kept.
        folder: Where they wait while it is away.
        process_id: Of this process.
        recordings: Of the calls.
        transcript_days: So long transcripts are kept; 0: for ever.
    """

    def __init__(
        self,
        database: Database,
        folder: Path,
        process_id: str,
        recordings: RecordingKeeper,
        *,
        transcript_days: int,
    ) -> None:
        self._database = database
        self._folder = folder
        self._process_id = process_id
        self._recordings = recordings
        self._days = transcript_days
        self._tables = CallTables(database)
        self.recorder = Recorder(folder, process_id, self._tables.write)

    def begin(self, record: CallRecord) -> None:
        """A call arrived."""
        values = {
            "process_id": self._process_id,
            "number": record.number,
            "caller": record.caller,
            "caller_name": record.caller_name,
            "assistant": record.assistant,
            "assistant_id": record.assistant_id,
            "started_at": record.started_at.isoformat(),
        }
        self.recorder.put(Entry(Op.BEGIN, record.id, values))

    def answer(self, call_id: str, answered_at: datetime, assistant: Assistant | None) -> None:
        """It was answered; the milliseconds of turns count from here."""
        values: dict[str, Any] = {"answered_at": answered_at.isoformat()}
        if assistant:
            values |= {"assistant": assistant.name, "assistant_id": assistant.id}
            if assistant.version is not None:
                details = {"version": assistant.version, "canary": assistant.canary}
                values["details"] = details
        self.recorder.put(Entry(Op.ANSWER, call_id, values))

    def turn(self, call_id: str, turn: Turn) -> None:
        """Something was said; the same ``n`` again replaces it."""
        self.recorder.put(Entry(Op.TURN, call_id, asdict(turn)))

    def message(self, call_id: str, message: Message) -> None:
        """Something else happened; the same ``n`` again replaces it."""
        self.recorder.put(Entry(Op.MESSAGE, call_id, asdict(message)))

    def recording(self, call_id: str, recording: Mapping[str, Any]) -> None:
        """It is recorded; later news replace it."""
        self.recorder.put(Entry(Op.RECORDING, call_id, recording))

    def end(
        self, call_id: str, ended_at: datetime, reason: str, details: Mapping[str, Any] | None
    ) -> None:
        """It ended; ``details`` are figures of the call, plain JSON."""
        values = {"ended_at": ended_at.isoformat(), "end_reason": reason, "details": details or {}}
        self.recorder.put(Entry(Op.END, call_id, values))

    async def calls(self, limit: int) -> list[CallRecord]:
        """The newest calls; from disk where the database has no tables of ours.

        Raises:
            StoreUnavailable: The database is away.
        """
        if self._database.has_schema:
            return await self._tables.calls(limit)
        histories = await asyncio.to_thread(history.read_history, self._folder)
        return [found.call for found in histories[:limit]]

    async def call(self, call_id: str) -> CallHistory | None:
        """One call with everything in it.

        Raises:
            StoreUnavailable: The database is away.
        """
        if self._database.has_schema:
            found = await self._tables.call(call_id)
        else:
            histories = await asyncio.to_thread(history.read_history, self._folder)
            found = next((each for each in histories if each.call.id == call_id), None)
        if found is None:
            return None
        recording = self._recordings.measured(found.call.recording)
        return replace(found, call=replace(found.call, recording=recording))

    async def earlier(self, caller: str, assistant_id: str, calls: int) -> list[Earlier]:
        """The last conversations of a caller with an assistant, newest first.

        None of a caller who withholds his number, and none without tables of ours.

        Raises:
            StoreUnavailable: The database is away.
        """
        normal = normalise_number(caller)
        if calls < 1 or normal in WITHHELD or not self._database.has_schema:
            return []
        return await self._tables.earlier(normal, assistant_id, calls)

    async def erase(self, number: str) -> Erased:
        """Erase what is known of a caller: in the database, on disk, and recordings.

        Raises:
            StoreUnavailable: The database is away.
        """
        normal = normalise_number(number)
        if normal in WITHHELD:
            return Erased()
        erased, ids = Erased(), list[str]()
        await self.recorder.flush()
        async with self.recorder.disk.held():
            if self._database.has_schema:
                async with self._database.connection() as connection:
                    erased, ids = await erasure.erase(connection, normal)
            begun, gone = await asyncio.to_thread(history.erase_caller, self._folder, normal, ids)
        recordings = await self._recordings.erase({*ids, *begun})
        calls = erased.calls + len(begun)
        return replace(erased, calls=calls, waiting=gone, recordings=len(recordings))

    async def keep_retention(self) -> None:
        """Remove transcripts that are too old, now and every hour, until cancelled."""
        rounds = 0
        while self._days > 0:
            try:
                await self._remove_old(disk=rounds % DISK_EVERY == 0)
                rounds += 1
            except (StoreUnavailable, asyncpg.PostgresError, OSError) as exc:
                logger.warning("history.retention: {}", exc)
            await asyncio.sleep(RETENTION_SECONDS)

    async def _remove_old(self, *, disk: bool) -> None:
        before = datetime.now(UTC) - timedelta(days=self._days)
        total = await asyncio.to_thread(history.remove_old, self._folder, before) if disk else 0
        while self._database.has_schema:
            async with self._database.connection() as connection:
                removed = await erasure.remove_old(connection, before)
            total += removed
            if removed < erasure.BATCH:
                break
            await asyncio.sleep(PAUSE_SECONDS)
        if total:
            logger.bind(calls=total, days=self._days).info("history.transcripts_removed")
