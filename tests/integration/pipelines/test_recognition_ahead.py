"""Recognition that works ahead at a pause, and is right all the same."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.segmenter import TRAILING_SECONDS
from tests.integration.pipelines.recognition_line import Line, running
from tests.support.waiting import until

VOWEL = bytes(np.full(160, 8000, "<i2"))
BURST = bytes(np.full(160, 1000, "<i2"))


class Stopwatch:
    """A recogniser whose text is how many seconds it was given; can be held up."""

    def __init__(self) -> None:
        self.heard: list[float] = []
        self.may_answer = threading.Event()
        self.may_answer.set()

    def recognise(self, samples: NDArray[np.float32]) -> str:
        self.may_answer.wait(5)
        self.heard.append(round(len(samples) / 16_000 - TRAILING_SECONDS, 2))
        return f"{self.heard[-1]:.2f}"


class TimedLine(Line):
    """A line whose recogniser is a stopwatch."""

    def __init__(self, *, ahead: bool) -> None:
        self.recogniser = Stopwatch()
        super().__init__(self.recogniser, ahead=ahead)

    async def worked_ahead(self, times: int) -> None:
        """Return when the recogniser has answered so often, and is idle."""
        await until(lambda: len(self.recogniser.heard) >= times and self.resources.is_idle("stt"))


@contextlib.asynccontextmanager
async def line(*, ahead: bool = True) -> AsyncIterator[TimedLine]:
    caller = TimedLine(ahead=ahead)
    async with running(caller):
        try:
            yield caller
        finally:
            caller.recogniser.may_answer.set()


async def test_quiet_after_a_pause_needs_no_second_recognition() -> None:
    async with line() as caller:
        await caller.start()
        await caller.say(0.6)
        await caller.stt.caller_paused()
        await caller.say(0.12)

        assert await caller.stop() == "0.60"
        assert caller.recogniser.heard == [0.6]


async def test_a_word_that_ends_behind_the_pause_is_recognised_whole_and_ahead() -> None:
    """As in "locked": the tongue closes, and the last sound is a burst of air."""
    async with line() as caller:
        await caller.start()
        await caller.say(0.6, VOWEL)
        await caller.say(0.06)
        await caller.stt.caller_paused()
        await caller.worked_ahead(1)
        await caller.say(0.04, BURST)
        await caller.say(0.06)
        await caller.worked_ahead(2)
        await caller.say(0.08)

        assert await caller.stop() == "0.74"
        assert caller.recogniser.heard == [0.66, 0.74]


async def test_a_word_whose_end_comes_with_the_verdict_is_recognised_whole() -> None:
    async with line() as caller:
        await caller.start()
        await caller.say(0.6, VOWEL)
        await caller.say(0.06)
        await caller.stt.caller_paused()
        await caller.say(0.04, BURST)

        assert await caller.stop() == "0.70"


async def test_speech_after_a_pause_is_recognised_with_what_was_before() -> None:
    async with line() as caller:
        await caller.start()
        await caller.say(0.6)
        await caller.stt.caller_paused()
        await caller.say(0.5)

        assert await caller.stop() == "1.10"
        assert caller.recogniser.heard == [0.6, 1.1]


async def test_the_last_of_several_pauses_counts() -> None:
    async with line() as caller:
        await caller.start()
        await caller.say(0.4)
        await caller.stt.caller_paused()
        await caller.worked_ahead(1)
        await caller.say(0.4)
        await caller.stt.caller_paused()
        await caller.say(0.14)

        assert await caller.stop() == "0.80"


async def test_a_pause_before_a_cut_says_nothing_of_what_is_behind_it() -> None:
    """What was left behind the cut was as long as what had been said at the pause."""
    async with line() as caller:
        await caller.start()
        await caller.say(6.02)
        await caller.stt.caller_paused()
        await caller.say(3.98)  # now the first four seconds are cut off
        await caller.say(0.1)

        assert await caller.stop() == "4.00 6.10"


async def test_the_text_is_waited_for_when_the_end_comes_first() -> None:
    async with line() as caller:
        await caller.start()
        await caller.say(0.6)
        caller.recogniser.may_answer.clear()
        await caller.stt.caller_paused()
        await caller.say(0.14)
        stopping = asyncio.create_task(caller.stop())
        await asyncio.sleep(0.1)
        assert not stopping.done()
        caller.recogniser.may_answer.set()

        assert await stopping == "0.60"


async def test_a_busy_recogniser_is_not_asked_ahead() -> None:
    async with line() as caller:
        caller.recogniser.may_answer.clear()
        other = asyncio.create_task(
            caller.resources.run("stt", caller.recogniser.may_answer.wait, 5)
        )
        await asyncio.sleep(0)
        await caller.start()
        await caller.say(0.6)
        await caller.stt.caller_paused()
        await caller.say(0)  # the pause has been heard
        caller.recogniser.may_answer.set()
        await other
        await caller.say(0.14)

        assert await caller.stop() == "0.74"
        assert caller.recogniser.heard == [0.74]


@pytest.mark.parametrize("ahead", [True, False])
async def test_a_pause_between_utterances_is_none(ahead: bool) -> None:
    async with line(ahead=ahead) as caller:
        await caller.say(0.6)
        await caller.stt.caller_paused()
        await caller.say(0.1)

    assert caller.recogniser.heard == []


async def test_a_service_that_does_not_work_ahead_recognises_once_at_the_end() -> None:
    async with line(ahead=False) as caller:
        await caller.start()
        await caller.say(0.6)
        await caller.stt.caller_paused()
        await caller.say(0.14)

        assert await caller.stop() == "0.74"


async def test_a_call_that_ends_at_a_pause_leaves_nothing_behind() -> None:
    async with line() as caller:
        await caller.start()
        await caller.say(0.6)
        caller.recogniser.may_answer.clear()
        await caller.stt.caller_paused()

    assert caller.resources.is_idle("stt")
