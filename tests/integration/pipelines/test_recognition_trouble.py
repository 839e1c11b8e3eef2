"""Recognition whose model fails or falls behind: no turn waits, and no call stays up deaf."""

import asyncio
import contextlib
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

    def recognise(self, samples: NDArray[np.float32]) -> str:
        if next(self._plan, ".") == "!":
            raise ModelError("out of memory")
        return f"{len(samples) / 16_000 - TRAILING_SECONDS:.2f}"


@contextlib.asynccontextmanager
async def line(plan: str) -> AsyncIterator[Line]:
    caller = Line(Model(plan), ahead=True)
    async with running(caller):
        yield caller


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
