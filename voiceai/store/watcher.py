"""Notices changed rows, and has what they need loaded before they answer calls.

Where our trigger is on the tables, a notification wakes the watcher; elsewhere one cheap query
each half a second does (:mod:`voiceai.store.changes`). What was found to be good is kept as a
version; what is wrong is told once, and leaves the version before it at work.
"""

import asyncio
import contextlib
from dataclasses import replace

import asyncpg
from loguru import logger

from pipelines.errors import SpecError
from pipelines.loader import dump_pipeline
from pipelines.trust import holds_closed
from voiceai.errors import SchemaMismatch, StoreUnavailable
from voiceai.store import versions
from voiceai.store.access import TableAccess
from voiceai.store.answering import Answering, Assistant
from voiceai.store.assistants import AssistantRow, UserTables
from voiceai.store.changes import Changes, Fingerprint
from voiceai.store.database import Connection, Database
from voiceai.store.layers import resolved_text
from voiceai.store.lineup import Lineup, reason
from voiceai.store.listening import Listener
from voiceai.store.versions import Draft
from voiceai.store.warming import Warming

POLL_SECONDS = 0.5
"""Between looks where nobody tells us of changes."""

TOLD_SECONDS = 5.0
"""Between looks where our triggers do; they can be dropped."""

SHARE = 0.05
"""Of the time that looking may take; a huge table is looked at less often."""

BATCH = 200
"""Rows that are read at once."""

BROKEN = (ValueError, TypeError, LookupError, RecursionError, asyncpg.DataError)
"""What a row may do to us that nobody has thought of; it takes no other row along."""

UNKNOWN_AUTHOR = "watch"


class _Overtaken(Exception):  # a turn of events, not an error
    """A row is not as it was read."""


class Watcher:
    """Keeps a lineup as the users' tables have it.

    Args:
        database: Where the tables are.
        access: To the tables.
        answering: Makes assistants of rows.
        lineup: Who answers.
        warming: Loads what assistants need.
    """

    def __init__(
        self,
        database: Database,
        access: TableAccess,
        answering: Answering,
        lineup: Lineup,
        warming: Warming,
    ) -> None:
        self._database = database
        self._access = access
        self._answering = answering
        self._lineup = lineup
        self._warming = warming
        self._listener = Listener(database, self._wake)
        self._woken = asyncio.Event()
        self._suspects: set[str] = set()
        self._overtaken: set[str] = set()
        self._changes: Changes | None = None
        self._tables: UserTables | None = None
        self._seen: Fingerprint | None = None
        self._revision = 0
        self._files_changed = False
        self._stamps: dict[str, str] = {}
        self._complained = ""
        self.looked = asyncio.Event()

    def suspect(self, assistant_id: str) -> None:
        """Look now: this row is not as it was."""
        self._suspects.add(assistant_id)
        self._wake()

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._warming.run(), name="warming")
            tasks.create_task(self._listener.run(), name="listener")
            while True:
                self._woken.clear()
                pause = await self.look()
                self.looked.set()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._woken.wait()

    async def look(self) -> float:
        """Take over what changed; returns how many seconds to wait for the next time."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with self._database.connection() as connection:
                with self._access.reading():
                    asked = await self._look(connection)
                    await self._listener.prove(connection)
        except (StoreUnavailable, SchemaMismatch) as exc:
            self._changes = None
            if isinstance(exc, SchemaMismatch) and str(exc) != self._complained:
                self._complained = str(exc)
                logger.warning("assistants.unknown: {}", exc)
            return POLL_SECONDS
        self._complained = ""
        told = self._listener.hears and self._seen is not None and self._seen.triggers == 2
        return max(TOLD_SECONDS if told else POLL_SECONDS, (asked - began) / SHARE)

    async def _look(self, connection: Connection) -> float:
        """Bring the lineup up to date; returns when the cheap query was answered."""
        if self._changes is None or self._tables is None:
            self._tables = await self._access.inspect(connection)
            self._changes = await Changes.inspect(
                connection, self._tables, has_schema=self._database.has_schema
            )
        changes, tables, before = self._changes, self._tables, self._seen
        found = await changes.fingerprint(connection)
        asked = asyncio.get_running_loop().time()
        revision = self._answering.revision()
        if before is not None and before.columns != found.columns:
            self._changes = None
            self._seen = None
            return await self._look(connection)
        if before is None or before.phones != found.phones:
            self._lineup.learn(await changes.phones(connection))
        suspects, self._suspects = self._suspects | self._overtaken, set()
        self._overtaken = set()
        self._files_changed = before is not None and revision != self._revision
        everything = before is None or self._files_changed
        if everything or suspects or before is None or before.assistants != found.assistants:
            try:
                await self._read_rows(connection, changes, tables, suspects, everything=everything)
            except BaseException:
                self._suspects |= suspects
                raise
        if before is None or before.canaries != found.canaries:
            await self._read_canaries(connection)
        self._seen, self._revision = found, revision
        return asked

    async def _read_rows(
        self,
        connection: Connection,
        changes: Changes,
        tables: UserTables,
        suspects: set[str],
        *,
        everything: bool,
    ) -> None:
        author = self._listener.authors() or UNKNOWN_AUTHOR
        stamps = await changes.stamps(connection)
        gone = self._lineup.forget(stamps)
        if gone and self._database.has_schema:
            await versions.forget(connection, gone)
        changed = [
            row_id
            for row_id, stamp in stamps.items()
            if everything or row_id in suspects or self._stamps.get(row_id) != stamp
        ]
        changed.sort(key=lambda row_id: row_id not in suspects)
        for start in range(0, len(changed), BATCH):
            taken: set[str] = set()
            for row in await tables.rows(connection, changed[start : start + BATCH]):
                if row.id not in taken:  # since then it was read again
                    await self._take(connection, row, author)
                while self._suspects:  # calls wait for these
                    urgent, self._suspects = self._suspects, set()
                    taken |= urgent
                    for fresh in await tables.rows(connection, sorted(urgent)):
                        await self._take(connection, fresh, author)
                await asyncio.sleep(0)  # making a pipeline takes a millisecond
        self._stamps = stamps

    async def _take(self, connection: Connection, row: AssistantRow, author: str) -> None:
        """Let one row answer, if it can, once what it needs is loaded."""
        try:
            candidate = self._lineup.candidate(row)
            number = await self._number(connection, row, candidate, author)
        except SpecError as exc:
            await self._warming.reject(connection, row, reason(exc))
            return
        except BROKEN as exc:
            logger.bind(assistant=row.name).opt(exception=exc).error("assistant.unreadable")
            await self._warming.reject(connection, row, f"cannot be read: {type(exc).__name__}")
            return
        except _Overtaken:
            self._overtaken.add(row.id)
            self._wake()
            return
        await self._warming.admit(connection, row, replace(candidate, version=number))

    async def _number(
        self,
        connection: Connection,
        row: AssistantRow,
        candidate: Assistant,
        author: str,
    ) -> int | None:
        """Keep what a good row says as a version, unless the newest says the same.

        Raises:
            SpecError: The row makes no pipeline.
            _Overtaken: Since the row was read, it was imported, or another process kept it.
        """
        if not self._database.has_schema:
            return None
        if row.version is not None and row.kept == row.columns:
            if self._files_changed and not holds_closed(candidate.spec):
                resolved = dump_pipeline(candidate.spec)
                await versions.note_resolved(connection, row.id, row.version, resolved)
            return row.version
        base = row.imported.version if row.imported else None
        text = self._answering.text(row)
        draft = Draft(
            row.id,
            row.name,
            text,
            "row",
            author,
            base,
            row.columns,
            resolved_text(candidate.spec, text),
        )
        number = await versions.keep_after(connection, draft, row.version or 0)
        if number is None:
            raise _Overtaken
        logger.bind(assistant=row.name, version=number, author=author).info("assistant.changed")
        return number

    async def _read_canaries(self, connection: Connection) -> None:
        found: dict[str, tuple[Assistant, float]] = {}
        if self._database.has_schema:
            for share in (await versions.canaries(connection)).values():
                version = await versions.get(connection, share.assistant_id, share.version)
                if version is None:
                    continue
                try:
                    found[share.assistant_id] = (self._answering.of_version(version), share.percent)
                except SpecError as exc:
                    logger.bind(assistant=version.name, version=version.number).error(
                        "assistant.canary_invalid: {}", reason(exc)
                    )
        self._warming.admit_canaries(found)

    def _wake(self) -> None:
        self._woken.set()
