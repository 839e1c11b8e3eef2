"""The store: who answers a number, and what was said. One object for the whole process.

``serve`` opens it with :meth:`Store.run` in a task group, and it keeps trying for as long as the
database is away. Commands use :func:`open_store`, which fails at once instead.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loguru import logger

from pipelines.errors import SpecError
from voiceai.errors import SettingsError, StoreUnavailable
from voiceai.recording.folder import RecordingFolder
from voiceai.settings import Settings
from voiceai.store.access import TableAccess
from voiceai.store.answering import Answering, Assistant, AssistantEntry
from voiceai.store.call_log import CallLog
from voiceai.store.conversations import Earlier
from voiceai.store.database import Database, connect_arguments
from voiceai.store.editing import Editor, ImportResult
from voiceai.store.embedded import Address, EmbeddedPostgres
from voiceai.store.erasure import Erased
from voiceai.store.files import PipelineFiles
from voiceai.store.mapping import TableNames
from voiceai.store.processes import INTERVAL, close_interrupted, process_id, sign_of_life
from voiceai.store.recordings import RecordingKeeper
from voiceai.store.records import CallHistory, CallRecord, Message, Turn
from voiceai.store.roster import Roster
from voiceai.store.seeding import seed
from voiceai.store.warming import Warm

__all__ = ["Assistant", "AssistantEntry", "ImportResult", "Store", "open_store"]

RECONNECT_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Pauses between attempts to connect; the last one repeats."""

RETRY_SECONDS = 0.5
"""Pause while a database that was there does not answer."""


class Store:
    """Assistants and history of one database.

    Args:
        settings: Where the database is.
        owner: Keeps an embedded server alive and records calls (``serve``); else a guest.

    Raises:
        SettingsError: ``VOICEAI_DB_MAP`` or a pipeline in ``VOICEAI_PIPELINES`` is wrong.
    """

    def __init__(self, settings: Settings, *, owner: bool) -> None:
        self._settings = settings
        self._owner = owner
        self._names = TableNames.parse(settings.voiceai_db_map)
        try:
            self._files = PipelineFiles(settings.voiceai_pipelines)
        except SpecError as exc:
            raise SettingsError(f"VOICEAI_PIPELINES={settings.voiceai_pipelines}:\n{exc}") from exc
        self._embedded = (
            None if settings.has_database else EmbeddedPostgres(settings.voiceai_data_dir)
        )
        self._database = Database(self._address)
        self._access = TableAccess(self._database, self._names)
        self._prepared = False
        self._process_id = process_id()
        self._recordings = RecordingKeeper(
            self._database, RecordingFolder(settings.voiceai_data_dir)
        )
        self._log = CallLog(
            self._database,
            settings.voiceai_data_dir / "history",
            self._process_id,
            self._recordings,
            transcript_days=settings.voiceai_transcript_days,
        )
        answering = Answering(self._files, settings.default_pipeline)
        self._roster = Roster(self._database, self._access, answering)
        self.editor = Editor(self._database, self._access, answering, self._files)
        self._connected = asyncio.Event()

    # Life

    async def open(self) -> None:
        """Connect once.

        Raises:
            StoreUnavailable: The database cannot be reached.
        """
        await self._database.open()
        if self._embedded:
            async with self._database.connection() as connection:
                await seed(connection, self.editor)
        self._prepared = True

    async def run(self) -> None:
        """Connect, for as long as it takes, then record and give signs of life; until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._log.recorder.run(), name="history")
            await self._connect_for_ever()
            group.create_task(self._roster.run(), name="watcher")
            group.create_task(self._log.keep_retention(), name="retention")
            group.create_task(self._recordings.keep(), name="recordings")
            while True:
                try:
                    await self._keep_alive()
                except StoreUnavailable as exc:
                    logger.warning("database.away: {}", exc)
                    await self._revive()
                    await asyncio.sleep(RETRY_SECONDS)
                else:
                    await self._until_trouble()

    async def settled(self) -> None:
        """Wait until :meth:`run` has connected and every assistant is loaded or refused."""
        await self._connected.wait()
        await self._roster.settled()

    async def look_once(self) -> None:
        """Keep what changed in the rows as versions, and take canaries over; :meth:`run` does."""
        await self._roster.look()

    def load_with(self, warm: Warm) -> None:
        """Have assistants loaded by this before they answer; before :meth:`run`."""
        self._roster.load_with(warm)

    async def close(self) -> None:
        """Write what waits, disconnect, and stop the embedded server if this was its last owner."""
        await self._log.recorder.close()
        await self._database.close()
        self._prepared = False
        if self._embedded:
            await self._embedded.close()

    def problems(self) -> list[str]:
        """Why calls cannot be answered as they should; for readiness. Empty when all is well."""
        if not self._prepared:
            return [self._database.problem or "the database is being prepared"]
        return [problem for problem in (self._database.problem, self._access.problem) if problem]

    @property
    def advice(self) -> str:
        """SQL that an administrator has to run, or nothing."""
        return self._database.advice

    @property
    def invalid_assistants(self) -> int:
        """How many assistants have rows that cannot answer; older versions may."""
        return self._roster.invalid

    @property
    def waiting_records(self) -> int:
        """Entries that are not in the database yet."""
        return self._log.recorder.waiting

    @property
    def dropped_records(self) -> int:
        """Entries that are lost."""
        return self._log.recorder.dropped

    # Assistants

    async def assistant_for(self, number: str, call_id: str = "") -> Assistant | None:
        """Who answers ``number``, in whatever notation (:meth:`Roster.answer`).

        Raises:
            StoreUnavailable: The database is away and the number was never called.
            SchemaMismatch: The users' tables are not as we need them.
            SpecError: The assistant's row does not make a pipeline, and never did.
        """
        return await self._roster.answer(number, call_id)

    async def assistants(self) -> list[AssistantEntry]:
        """Every assistant by name, also those whose row does not make a pipeline.

        Raises:
            StoreUnavailable: The database is away.
            SchemaMismatch: The users' tables are not as we need them.
        """
        return await self._roster.entries()

    async def import_assistant(self, text: str, *, source: str) -> ImportResult:
        """Make a pipeline YAML the assistant of its name (:meth:`Editor.import_text`)."""
        return await self.editor.import_text(text, source=source)

    async def assign(self, number: str, name: str) -> str:
        """Point a number to the assistant ``name`` (:meth:`Editor.assign`)."""
        return await self.editor.assign(number, name)

    # History. The methods that record return at once and never fail.

    def begin_call(self, record: CallRecord) -> None:
        """A call arrived."""
        self._log.begin(record)

    def answer_call(
        self, call_id: str, answered_at: datetime, assistant: Assistant | None = None
    ) -> None:
        """It was answered; the milliseconds of turns count from here."""
        self._log.answer(call_id, answered_at, assistant)

    def add_turn(self, call_id: str, turn: Turn) -> None:
        """Something was said; the same ``n`` again replaces it."""
        self._log.turn(call_id, turn)

    def add_message(self, call_id: str, message: Message) -> None:
        """Something else happened; the same ``n`` again replaces it."""
        self._log.message(call_id, message)

    def add_recording(self, call_id: str, recording: Mapping[str, Any]) -> None:
        """It is recorded; later news replace it."""
        self._log.recording(call_id, recording)

    def end_call(
        self,
        call_id: str,
        ended_at: datetime,
        reason: str,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """It ended; ``details`` are figures of the call, plain JSON."""
        self._log.end(call_id, ended_at, reason, details)

    async def calls(self, limit: int = 50) -> list[CallRecord]:
        """The newest calls; from disk where the database has no tables of ours.

        Raises:
            StoreUnavailable: The database is away.
        """
        return await self._log.calls(limit)

    async def call(self, call_id: str) -> CallHistory | None:
        """One call with everything in it.

        Raises:
            StoreUnavailable: The database is away.
        """
        return await self._log.call(call_id)

    async def recording(self, call_id: str) -> Path | None:
        """The file of a call's recording; None if there is none on this machine.

        Raises:
            StoreUnavailable: The database is away.
        """
        found = await self._log.call(call_id)
        return self._recordings.file(found.call.recording) if found else None

    async def delete_recording(self, call_id: str) -> bool:
        """Delete the recording of a call that is over; returns whether there was one.

        Raises:
            StoreUnavailable: The database is away.
            OSError: The file cannot be deleted.
        """
        found = await self._log.call(call_id)
        recording = found.call.recording if found else None
        if recording is None or self._recordings.file(recording) is None:
            return False
        await self._recordings.remove([call_id])
        deleted_at = datetime.now(UTC).isoformat(timespec="seconds")
        self._log.recording(call_id, {**recording, "path": None, "deleted_at": deleted_at})
        await self.flush()
        return True

    async def last_conversations(self, caller: str, assistant_id: str, calls: int) -> list[Earlier]:
        """The last conversations of a caller with an assistant, newest first.

        Raises:
            StoreUnavailable: The database is away.
        """
        return await self._log.earlier(caller, assistant_id, calls)

    async def flush(self) -> None:
        """Write what waits now, to disk if the database is away."""
        await self._log.recorder.flush()

    async def erase(self, number: str) -> Erased:
        """Erase what is known of the caller of a number, in whatever notation.

        Raises:
            StoreUnavailable: The database is away.
        """
        return await self._log.erase(number)

    # Inside

    async def _address(self) -> dict[str, Any] | Address:
        if self._embedded:
            return await self._embedded.open(owner=self._owner)
        return connect_arguments(self._settings)

    async def _connect_for_ever(self) -> None:
        attempts = 0
        while not self._prepared:
            try:
                await self.open()
            except StoreUnavailable as exc:
                pause = RECONNECT_SECONDS[min(attempts, len(RECONNECT_SECONDS) - 1)]
                if attempts < len(RECONNECT_SECONDS):
                    logger.bind(retry_seconds=pause).warning("database.away: {}", exc)
                attempts += 1
                await asyncio.sleep(pause)
            else:
                logger.bind(embedded=self._embedded is not None).info("database.connected")
        self._connected.set()

    async def _keep_alive(self) -> None:
        """Give a sign of life, close calls of the dead."""
        async with self._database.connection() as connection:
            if not self._database.has_schema:
                await connection.execute("SELECT 1")
                return
            await sign_of_life(connection, self._process_id)
        await self._log.recorder.flush()  # what dead processes left on disk comes first
        async with self._database.connection() as connection:
            closed = await close_interrupted(connection, self._process_id)
        if closed:
            logger.bind(calls=closed).warning("history.interrupted_calls_closed")

    async def _until_trouble(self) -> None:
        """Wait for the next sign of life, or for the first failure of anybody's query."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(INTERVAL):
                await self._database.trouble.wait()
        self._database.trouble.clear()

    async def _revive(self) -> None:
        """Start an embedded server again that has gone, and connect anew."""
        if self._embedded:
            with contextlib.suppress(StoreUnavailable):
                await self._embedded.open(owner=self._owner)
        await self._database.renew()


@contextlib.asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """The store for one command, beside a running ``serve`` or alone.

    Raises:
        StoreUnavailable: The database cannot be reached.
    """
    store = Store(settings, owner=False)
    try:
        await store.open()
        yield store
    finally:
        await store.close()
