"""What stands between a good row and its first call: its models, voices and greeting are loaded.

Until they are, the version before it answers. Without anybody to load them, as in a command, a
good row answers at once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
from loguru import logger

from pipelines.errors import SpecError
from voiceai.errors import StoreUnavailable
from voiceai.store import versions
from voiceai.store.answering import Answering, Assistant
from voiceai.store.assistants import AssistantRow
from voiceai.store.database import Connection, Database
from voiceai.store.lineup import Lineup

Warm = Callable[[Assistant], Awaitable[str]]
"""Loads what an assistant needs; returns why it cannot work, or nothing."""

AT_ONCE = 2
"""Assistants that are loaded beside each other; calls share the voices' threads with them."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An assistant to load.

    Attributes:
        row: As it is now.
        assistant: Made of it, or of an older state.
        stands_in: Whether it is of an older state, because the row as it is cannot answer.
        columns: The row's columns then, where they are known.
    """

    row: AssistantRow
    assistant: Assistant
    stands_in: bool = False
    columns: Mapping[str, Any] | None = None


class Warming:
    """Loads, then seats.

    Args:
        database: Where versions and problems are kept.
        answering: Makes assistants of versions.
        lineup: Who answers.

    Attributes:
        warm: Loads what an assistant needs; None: nothing has to be loaded.
    """

    def __init__(self, database: Database, answering: Answering, lineup: Lineup) -> None:
        self._database = database
        self._answering = answering
        self._lineup = lineup
        self._wanted: dict[str, _Wanted] = {}
        self._busy: set[str] = set()
        self._urgent: set[str] = set()
        self._canaries: dict[str, tuple[Assistant, float]] | None = None
        self._something = asyncio.Event()
        self._news = asyncio.Event()
        self.warm: Warm | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be loaded."""
        return not (self._wanted or self._busy)

    async def news(self) -> None:
        """Wait until the lineup has changed, or has refused a change."""
        await self._news.wait()

    def hurry(self, assistant_id: str) -> None:
        """Load this one before others: a call waits for it."""
        self._urgent.add(assistant_id)

    async def admit(self, connection: Connection, row: AssistantRow, assistant: Assistant) -> None:
        """Let a good row answer, as soon as it can."""
        good = self._lineup.good(row.id)
        if self.warm is None or (good is not None and good.spec == assistant.spec):
            self._wanted.pop(row.id, None)
            self._urgent.discard(row.id)
            self._lineup.seat(row, assistant)
            self._tell()
            await self._note_ready(connection, assistant)
        else:
            self._want(_Wanted(row, assistant))

    async def reject(self, connection: Connection, row: AssistantRow, problem: str) -> None:
        """Refuse a row: the last good version answers, after a restart too."""
        waiting = self._wanted.pop(row.id, None)
        if waiting is not None:
            older = _Wanted(row, waiting.assistant, stands_in=True, columns=_columns(waiting))
            self._want(older)
        elif self._lineup.good(row.id) is None:
            await self._stand_in(connection, row, besides=None)
        if self._lineup.reject(row, problem) and self._database.has_schema:
            await versions.note_problem(connection, row.id, problem, row.columns)
        self._tell()

    def admit_canaries(self, canaries: Mapping[str, tuple[Assistant, float]]) -> None:
        """Put exactly these on trial, each with its percentage, as soon as they can answer."""
        if self.warm is None:
            self._lineup.set_canaries(canaries)
            self._tell()
        else:
            self._canaries = dict(canaries)
            self._something.set()

    async def run(self) -> None:
        """Load until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._something.wait()
                self._something.clear()
                if self._canaries is not None:
                    tasks.create_task(self._try_out(self._canaries), name="canaries")
                    self._canaries = None
                while len(self._busy) < AT_ONCE and (assistant_id := self._next()) is not None:
                    self._busy.add(assistant_id)
                    tasks.create_task(self._load(assistant_id), name="warm")

    def _next(self) -> str | None:
        """Whom to load: first those for whom calls wait, then those who wait longest."""
        waiting = [each for each in self._wanted if each not in self._busy]
        return min(waiting, key=lambda each: each not in self._urgent, default=None)

    async def _load(self, assistant_id: str) -> None:
        try:
            wanted = self._wanted[assistant_id]
            self._urgent.discard(assistant_id)
            problem = await self.warm(wanted.assistant) if self.warm else ""
            if self._wanted.get(assistant_id) is wanted:
                del self._wanted[assistant_id]
                self._judge(wanted, problem)
                await self._note(wanted, problem)
            elif assistant_id in self._wanted and not problem:  # newer than who answers now
                self._lineup.seat_older(wanted.assistant, _columns(wanted))
        finally:
            self._busy.discard(assistant_id)
            self._something.set()
            self._tell()

    def _judge(self, wanted: _Wanted, problem: str) -> None:
        """Let what was loaded answer, or not."""
        if problem:
            if not wanted.stands_in:
                self._lineup.reject(wanted.row, problem)
        elif wanted.stands_in:
            self._lineup.seat_older(wanted.assistant, _columns(wanted))
        else:
            self._lineup.seat(wanted.row, wanted.assistant)
        self._tell()

    async def _note(self, wanted: _Wanted, problem: str) -> None:
        """Keep what became of it, if the database lets us."""
        row, assistant = wanted.row, wanted.assistant
        if not self._database.has_schema or (problem and wanted.stands_in):
            return
        try:
            async with self._database.connection() as connection:
                if not problem:
                    good = not wanted.stands_in
                    await self._note_ready(connection, assistant, row_is_good=good)
                    return
                await versions.note_problem(connection, row.id, problem, row.columns)
                if self._lineup.good(row.id) is None:
                    await self._stand_in(connection, row, besides=assistant.version)
        except (StoreUnavailable, asyncpg.PostgresError) as exc:
            logger.bind(assistant=row.name).warning("assistant.not_kept: {}", exc)

    async def _note_ready(
        self, connection: Connection, assistant: Assistant, *, row_is_good: bool = True
    ) -> None:
        if assistant.version is not None:
            await versions.mark_ready(
                connection, assistant.id, assistant.version, row_is_good=row_is_good
            )

    async def _stand_in(
        self, connection: Connection, row: AssistantRow, *, besides: int | None
    ) -> None:
        """Let the last good version answer that was kept."""
        if not self._database.has_schema:
            return
        version = await versions.last_good(connection, row.id, besides=besides)
        if version is None:
            return
        try:
            assistant = self._answering.of_version(version)
        except SpecError as exc:
            logger.bind(assistant=row.name, version=version.number).error(
                "assistant.version_invalid: {}", exc
            )
            return
        if self.warm is None:
            self._lineup.seat_older(assistant, version.columns)
        else:
            self._want(_Wanted(row, assistant, stands_in=True, columns=version.columns))

    async def _try_out(self, canaries: Mapping[str, tuple[Assistant, float]]) -> None:
        ready: dict[str, tuple[Assistant, float]] = {}
        for assistant_id, (assistant, percent) in canaries.items():
            canary = replace(assistant, canary=True)
            problem = await self.warm(canary) if self.warm else ""
            if problem:
                logger.bind(assistant=canary.name, version=canary.version).error(
                    "assistant.canary_invalid: {}", problem
                )
            else:
                ready[assistant_id] = (canary, percent)
        self._lineup.set_canaries(ready)
        self._tell()

    def _want(self, wanted: _Wanted) -> None:
        self._wanted[wanted.row.id] = wanted
        self._something.set()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _columns(wanted: _Wanted) -> Mapping[str, Any] | None:
    """What the row said that the assistant was made of."""
    return wanted.columns if wanted.stands_in else wanted.row.columns
