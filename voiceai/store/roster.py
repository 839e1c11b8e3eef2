"""Who answers which number now: one look at the row for each call, and the lineup behind it."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pipelines.errors import SpecError
from voiceai.errors import StoreUnavailable
from voiceai.store import versions
from voiceai.store.access import TableAccess
from voiceai.store.answering import Answering, Assistant, AssistantEntry
from voiceai.store.assistants import AssistantRow
from voiceai.store.database import Database
from voiceai.store.lineup import Lineup, reason
from voiceai.store.numbers import normalise_number
from voiceai.store.versions import CanaryShare
from voiceai.store.warming import Warm, Warming
from voiceai.store.watcher import Watcher

CHANGE_SECONDS = 1.0
"""So long calls wait for a row that changed; then the version before answers."""


class Roster:
    """The assistants of one database, as calls need them.

    Args:
        database: Where they are.
        access: To the users' tables.
        answering: Makes assistants of rows.
    """

    def __init__(self, database: Database, access: TableAccess, answering: Answering) -> None:
        self._database = database
        self._access = access
        self._answering = answering
        self._lineup = Lineup(answering)
        self._warming = Warming(database, answering, self._lineup)
        self._watcher = Watcher(database, access, answering, self._lineup, self._warming)
        self._watched = False
        self._changing: dict[str, tuple[object, float]] = {}

    async def run(self) -> None:
        """Watch for changes until cancelled."""
        self._watched = True
        try:
            await self._watcher.run()
        finally:
            self._watched = False

    async def look(self) -> None:
        """Take over what changed, once."""
        await self._watcher.look()

    async def settled(self) -> None:
        """Wait until every assistant is loaded, or refused."""
        await self._watcher.looked.wait()
        while not self._warming.idle:
            await self._warming.news()

    def load_with(self, warm: Warm) -> None:
        """Have assistants loaded by this before they answer; before :meth:`run`."""
        self._warming.warm = warm

    @property
    def invalid(self) -> int:
        """How many assistants have rows that cannot answer; older versions may."""
        return self._lineup.invalid

    async def answer(self, number: str, call_id: str = "") -> Assistant | None:
        """Who answers ``number``, in whatever notation; None if nobody is assigned.

        The newest version that is good: of a row that is wrong, or whose models are not loaded
        within a second, the one before. While the database is away, whoever answered last.

        Args:
            number: As it was dialled.
            call_id: Decides whether a canary takes the call; empty: none does.

        Raises:
            StoreUnavailable: The database is away and the number was never called.
            SchemaMismatch: The users' tables are not as we need them.
            SpecError: The assistant's row does not make a pipeline, and never did.
        """
        normal = normalise_number(number)
        try:
            row = await self._row(number, normal)
            if row is None:
                self._lineup.unremember(normal)
                return None
            row, assistant = await self._newest_good(number, normal, row)
        except StoreUnavailable:
            remembered = self._lineup.recall(normal)
            if remembered is None:
                raise
            return remembered
        assistant = replace(assistant, numbers=row.numbers)
        self._lineup.remember(normal, assistant)
        return self._lineup.choose(assistant, row, call_id)

    async def entries(self) -> list[AssistantEntry]:
        """Every assistant by name, also those whose row does not make a pipeline.

        Raises:
            StoreUnavailable: The database is away.
            SchemaMismatch: The users' tables are not as we need them.
        """
        known: Mapping[str, tuple[str, Mapping[str, Any] | None]] = {}
        canaries: Mapping[str, CanaryShare] = {}
        async with self._database.connection() as connection:
            tables = await self._access.inspect(connection)
            with self._access.reading():
                rows = await tables.rows(connection)
                if self._database.has_schema:
                    known = await versions.problems(connection)
                    canaries = await versions.canaries(connection)
        return [self._entry(row, known.get(row.id), canaries.get(row.id)) for row in rows]

    async def _row(self, number: str, normal: str) -> AssistantRow | None:
        async with self._database.connection() as connection:
            return await self._access.find(connection, number, self._lineup.hint(normal))

    async def _newest_good(
        self, number: str, normal: str, row: AssistantRow
    ) -> tuple[AssistantRow, Assistant]:
        """The row, read again if it changed meanwhile, and what of it may answer.

        Raises:
            SpecError: Nothing may.
        """
        good = self._lineup.good(row.id)
        if good is not None and self._watched:
            row = await self._await_change(number, normal, row)
            return row, self._lineup.good(row.id) or good
        if good is not None and self._lineup.is_seated(row):
            return row, good
        try:
            candidate = self._lineup.candidate(row)
        except SpecError as exc:
            if not self._watched:
                self._lineup.reject(row, reason(exc))
            good = good or await self._last_good(row)
            if good is None:
                raise
            return row, good
        if not self._watched:
            self._lineup.seat(row, candidate)
        elif self._lineup.problem(row):  # what it needs does not load
            return row, await self._last_good(row, besides=row.version) or candidate
        return row, candidate

    async def _await_change(self, number: str, normal: str, row: AssistantRow) -> AssistantRow:
        """Give a row that changed a moment ago the time to be loaded; returns it as it is then."""
        if self._lineup.is_seated(row) or self._lineup.problem(row):
            self._changing.pop(row.id, None)
            return row
        now = asyncio.get_running_loop().time()
        content, since = self._changing.get(row.id, (None, now))
        if content != row.columns:
            since = now
        self._changing[row.id] = (row.columns, since)
        try:
            async with asyncio.timeout(since + CHANGE_SECONDS - now):
                while not (self._lineup.is_seated(row) or self._lineup.problem(row)):
                    self._watcher.suspect(row.id)
                    self._warming.hurry(row.id)
                    await self._warming.news()
                    row = await self._row(number, normal) or row
        except TimeoutError:
            return row
        self._changing.pop(row.id, None)
        return row

    async def _last_good(
        self, row: AssistantRow, *, besides: int | None = None
    ) -> Assistant | None:
        """The last good version of before this process, if one was kept besides a bad one."""
        if not self._database.has_schema:
            return None
        async with self._database.connection() as connection:
            version = await versions.last_good(connection, row.id, besides=besides)
        if version is None:
            return None
        with contextlib.suppress(SpecError):
            return self._answering.of_version(version)
        return None

    def _entry(
        self,
        row: AssistantRow,
        known: tuple[str, Mapping[str, Any] | None] | None,
        canary: CanaryShare | None,
    ) -> AssistantEntry:
        entry = self._answering.entry(row)
        problem = entry.problem or self._lineup.problem(row)
        if not problem and known and known[1] == row.columns:
            problem = known[0]
        share = (canary.version, canary.percent) if canary else None
        return replace(entry, problem=problem, canary=share)
