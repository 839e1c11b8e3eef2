"""Recognition whose model fails or falls behind: no turn waits, and no call stays up deaf."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest
from loguru import logger
from numpy.typing import NDArray

from pipelines.segmenter import TRAILING_SECONDS
from tests.integration.pipelines.recognition_line import Line, running


class ModelError(Exception):
    """Of a library that knows nothing of ours."""


class Model:
    """Does for each piece what it was told: `!` raises, else its text is its seconds."""

    def __init__(self, plan: str) -> None:
        self._plan = iter(plan)
        self.may_answer = threading.Event()
        self.may_answer.set()

    def recognise(self, samples: NDArray[np.float32]) -> str:
        self.may_answer.wait(10)
        if next(self._plan, ".") == "!":
            raise ModelError("out of memory")
        return f"{len(samples) / 16_000 - TRAILING_SECONDS:.2f}"


class TroubledLine(Line):
    """A line whose model fails or falls behind."""

    def __init__(self, plan: str) -> None:
        self.model = Model(plan)
        super().__init__(self.model, ahead=True)

    async def speak(self, seconds: float) -> None:
        """Say something whose transcript is not waited for."""
        await self.start()
        await self.say(seconds)
        await self.end()


@contextlib.asynccontextmanager
async def line(plan: str = "") -> AsyncIterator[TroubledLine]:
    caller = TroubledLine(plan)
    async with running(caller):
        try:
            yield caller
        finally:
            caller.model.may_answer.set()


@pytest.fixture
def errors() -> Iterator[list[str]]:
    """What is logged as an error."""
    messages: list[str] = []
    sink = logger.add(lambda message: messages.append(message.record["message"]), level="ERROR")
    yield messages
    logger.remove(sink)


async def test_a_turn_whose_recognition_fails_ends_and_the_next_is_heard(
    errors: list[str],
) -> None:
    async with line("!.") as caller:
        assert await caller.utter(0.6) == ""
        assert await caller.utter(0.8) == "0.80"

    assert errors == ["stt.failed: ModelError: out of memory"]


async def test_what_fails_ahead_at_a_pause_ends_its_turn_too(errors: list[str]) -> None:
    async with line("!.") as caller:
        await caller.start()
        await caller.say(0.6)
        await caller.stt.caller_paused()
        await caller.say(0.12)
        assert await caller.stop() == ""
        assert await caller.utter(0.8) == "0.80"

    assert errors == ["stt.failed: ModelError: out of memory"]


async def test_a_piece_that_fails_leaves_the_rest_of_its_turn() -> None:
    async with line("!.") as caller:
        assert await caller.utter(10.5) == "6.50"  # behind a cut after four seconds


async def test_two_failures_in_a_row_end_the_conversation(errors: list[str]) -> None:
    async with line("!!") as caller:
        assert await caller.utter(0.6) == ""
        assert await caller.utter(0.6) == ""
        async with asyncio.timeout(5):
            await caller.ended.wait()

    assert errors[-1] == "stt.given_up"


async def test_a_success_forgives_the_failure_before_it() -> None:
    async with line("!.!.") as caller:
        texts = [await caller.utter(0.6) for _ in range(4)]

        assert texts == ["", "0.60", "", "0.60"]
        assert not caller.ended.is_set()


async def test_ten_seconds_of_speech_wait_for_a_model_that_is_behind() -> None:
    async with line() as caller:
        caller.model.may_answer.clear()
        for seconds in (3.0, 5.0, 4.9):
            await caller.speak(seconds)
        caller.model.may_answer.set()

        assert [await caller.text() for _ in range(3)] == ["3.00", "5.00", "4.90"]
        assert caller.stt.dropped_seconds == 0


async def test_the_oldest_that_waits_longer_is_dropped_and_its_turn_ends() -> None:
    async with line() as caller:
        caller.model.may_answer.clear()
        for seconds in (3.0, 5.0, 4.0, 2.0):
            await caller.speak(seconds)
        caller.model.may_answer.set()

        assert [await caller.text() for _ in range(4)] == ["3.00", "", "4.00", "2.00"]
        assert caller.stt.dropped_seconds == pytest.approx(5.0)


async def test_speech_that_goes_on_pushes_out_its_own_beginning() -> None:
    """Silence is cut where it gets to eight seconds."""
    async with line() as caller:
        caller.model.may_answer.clear()
        await caller.speak(3.0)
        await caller.start()
        await caller.say(12.5)
        await caller.end()
        caller.model.may_answer.set()

        assert await caller.text() == "3.00"
        heard = await caller.text()
        assert caller.stt.dropped_seconds > 0
        assert float(heard) + caller.stt.dropped_seconds == pytest.approx(12.5, abs=0.02)


async def test_one_piece_may_be_as_long_as_the_model_hears() -> None:
    async with line() as caller:
        assert await caller.utter(9.98) == "9.98"
        assert caller.stt.dropped_seconds == 0


async def test_a_model_is_busy_with_a_guess_until_it_has_finished() -> None:
    """Nobody can stop it, so another call that pauses meanwhile does not ask it ahead."""
    async with line() as caller:
        caller.model.may_answer.clear()
        await caller.start()
        await caller.say(0.6)
        await caller.stt.caller_paused()
        await caller.say(0.1)
        await caller.worker.cancel()
        await caller.ended.wait()

        assert not caller.resources.is_idle("stt")
        caller.model.may_answer.set()
        await caller.resources.run("stt", int)
        assert caller.resources.is_idle("stt")
