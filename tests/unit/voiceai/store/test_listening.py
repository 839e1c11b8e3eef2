"""Whether notifications arrive is known, and not only hoped."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest

from voiceai.store import listening
from voiceai.store.database import Connection, Database
from voiceai.store.listening import Listener


class Line:
    """A database of one connection, whose notifications get through or not."""

    def __init__(self) -> None:
        self.has_schema = True
        self.deaf = False
        self.listened = 0
        self._heard: Callable[[Any, int, str, object], None] | None = None

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator["Line"]:
        yield self

    async def add_listener(self, _channel: str, heard: Callable[..., None]) -> None:
        self.listened += 1
        self._heard = heard

    async def remove_listener(self, _channel: str, _heard: object) -> None:
        self._heard = None

    def add_termination_listener(self, _lost: object) -> None: ...

    def remove_termination_listener(self, _lost: object) -> None: ...

    def is_closed(self) -> bool:
        return False

    async def execute(self, _statement: str, _channel: str, payload: str) -> None:
        self.notify(payload)

    def notify(self, payload: str) -> None:
        if self._heard and not self.deaf:
            self._heard(self, 1, "channel", payload)


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    monkeypatch.setattr(listening, "PROOF_SECONDS", 0.0)
    monkeypatch.setattr(listening, "RETRY_SECONDS", 0.0)
    return Line()


@contextlib.asynccontextmanager
async def listening_on(line: Line, woken: list[int]) -> AsyncIterator[Listener]:
    listener = Listener(cast("Database", line), lambda: woken.append(1))
    task = asyncio.ensure_future(listener.run())
    async with asyncio.timeout(2):
        while not woken:  # noqa: ASYNC110 - until it has tried itself out
            await asyncio.sleep(0)
    yield listener
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_notification_wakes_and_says_who(line: Line) -> None:
    woken: list[int] = []
    async with listening_on(line, woken) as listener:
        before = len(woken)
        line.notify("anna")
        line.notify("berta")
        line.notify("hello from another process")

        assert len(woken) == before + 2
        assert listener.authors() == "anna, berta"
        assert listener.authors() == ""
        assert listener.hears


async def test_behind_what_swallows_notifications_nothing_is_expected_of_them(line: Line) -> None:
    line.deaf = True
    async with listening_on(line, []) as listener:
        assert not listener.hears


async def test_a_line_that_died_in_silence_is_found_out_and_replaced(line: Line) -> None:
    async with listening_on(line, []) as listener:
        connection = cast("Connection", line)
        await listener.prove(connection)
        await listener.prove(connection)
        assert listener.hears

        line.deaf = True
        await listener.prove(connection)
        await listener.prove(connection)
        assert not listener.hears

        line.deaf = False
        async with asyncio.timeout(2):
            while not listener.hears:  # noqa: ASYNC110 - its own task
                await asyncio.sleep(0)
        assert line.listened >= 2
