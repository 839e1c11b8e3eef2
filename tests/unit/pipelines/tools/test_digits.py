"""One entry on the keypad."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.clocks.system_clock import SystemClock
from pipecat.frames.frames import InputDTMFFrame, TranscriptionFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessorSetup
from pipecat.utils.asyncio.task_manager import TaskManager

from pipelines.tool_specs import CollectDigitsTool
from pipelines.tools.answer import ToolFailed
from pipelines.tools.digits import DigitCollector, DigitEntry, EntryDropped


def entry(**given: object) -> DigitEntry:
    return DigitEntry(CollectDigitsTool.model_validate(given), began_at=100.0)


def typed(one: DigitEntry, keys: str, *, at: float = 101.0, every: float = 0.5) -> DigitEntry:
    for index, key in enumerate(keys):
        one.press(key, at + index * every)
    return one


def test_the_terminator_ends_it_and_is_not_part_of_it() -> None:
    one = typed(entry(), "1234#9")
    assert (one.digits, one.ended, one.ending()) == ("1234", True, "complete")


def test_so_many_digits_end_it() -> None:
    one = typed(entry(max=4), "12345")
    assert (one.digits, one.ended) == ("1234", True)


def test_without_a_terminator_every_key_is_a_digit() -> None:
    one = typed(entry(terminator="", max=3), "1#*")
    assert (one.digits, one.ended) == ("1#*", True)


def test_it_ends_after_a_pause_behind_the_last_digit() -> None:
    one = entry(between_ms=3000, within_ms=20_000)
    assert one.deadline() == 120.0
    one.press("1", 110.0)
    assert one.deadline() == 113.0
    one.press("2", 119.0)
    assert one.deadline() == 120.0


def test_time_does_not_run_while_the_caller_is_spoken_to() -> None:
    one = entry(within_ms=5000, between_ms=1000)
    one.spoken(130.0)
    assert one.deadline() == 135.0
    one.press("1", 131.0)
    one.spoken(150.0)
    assert one.deadline() == 132.0


def test_too_few_and_nothing_are_told() -> None:
    assert typed(entry(min=4), "12").ending() == "too_few"
    assert typed(entry(), "#").ending() == "nothing"


PIN = CollectDigitsTool(max=4, masked=True)
OPEN = CollectDigitsTool(max=4, masked=False)
SHORT = CollectDigitsTool.model_validate({"max": 4, "masked": True, "between_ms": 500})


class Caller:
    """Types into a collector that a tool asked, in the midst of which the tool is cancelled.

    Attributes:
        secrets: What was told of secrets.
        typed: What the tool was given.
    """

    def __init__(self) -> None:
        self.secrets: list[bool] = []
        self.typed: list[str] = []
        self.changed = asyncio.Event()
        self.collector = DigitCollector(1.0, self._told)

    def _told(self, secret: bool) -> None:
        self.secrets.append(secret)
        self.changed.set()

    async def presses(self, keys: str) -> None:
        for key in keys:
            frame = InputDTMFFrame(button=KeypadEntry(key))
            await self.collector.process_frame(frame, FrameDirection.DOWNSTREAM)

    async def asked(self, tool: CollectDigitsTool) -> asyncio.Task[None]:
        asking = asyncio.create_task(self.collector.outlives(self._tool(tool), lambda: None))
        for _ in range(3):
            await asyncio.sleep(0)
        return asking

    async def _tool(self, tool: CollectDigitsTool) -> None:
        with contextlib.suppress(EntryDropped):
            self.typed.append((await self.collector.collect(tool))["digits"])
            self.changed.set()

    async def interrupts(self, tool: CollectDigitsTool, *, after: str = "") -> None:
        asking = await self.asked(tool)
        await self.presses(after)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert asking.cancelled()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not true():
                await self.changed.wait()
                self.changed.clear()
                await asyncio.sleep(0)


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    caller = Caller()
    worker = PipelineWorker(Pipeline([]))
    clock = SystemClock()  # type: ignore[no-untyped-call]
    await caller.collector.setup(FrameProcessorSetup(clock, TaskManager(), worker))
    yield caller
    await caller.collector.cleanup()


async def test_a_noise_takes_nothing_of_an_entry(caller: Caller) -> None:
    """The digits went nowhere: the tool was over, and its entry swallowed them."""
    await caller.interrupts(PIN, after="47")
    await caller.presses("1")
    assert (caller.typed, caller.secrets) == ([], [True])

    await caller.presses("1")
    await caller.until(lambda: bool(caller.typed))

    assert caller.secrets == [True, False]
    assert caller.typed == ["4711"]


@pytest.mark.parametrize("tool", [PIN, OPEN])
async def test_an_interrupted_entry_ends_with_the_terminator(
    caller: Caller, tool: CollectDigitsTool
) -> None:
    await caller.interrupts(tool, after="47")
    await caller.presses("#")
    await caller.until(lambda: bool(caller.typed))

    assert caller.typed == ["47"]


async def test_an_interrupted_secret_ends_when_its_time_is_over(caller: Caller) -> None:
    await caller.interrupts(SHORT, after="4")
    await caller.presses("7")
    assert caller.secrets == [True]
    await caller.until(lambda: bool(caller.typed))

    assert caller.secrets == [True, False]
    assert caller.typed == ["47"]


async def test_who_spoke_instead_has_typed_nothing(caller: Caller) -> None:
    """The conversation is somewhere else by then, and nobody is to be told of the entry."""
    await caller.interrupts(SHORT)
    words = TranscriptionFrame("I do not have one.", "", "")
    await caller.collector.process_frame(words, FrameDirection.DOWNSTREAM)
    await caller.presses("#")
    await caller.until(lambda: caller.secrets == [True, False])

    assert caller.typed == []


async def test_a_noise_before_nothing_at_all_is_still_answered(caller: Caller) -> None:
    await caller.interrupts(SHORT)
    await caller.presses("#")
    await caller.until(lambda: bool(caller.typed))

    assert caller.secrets == [True, False]
    assert caller.typed == [""]


async def test_an_interrupted_secret_ends_with_the_call(caller: Caller) -> None:
    await caller.interrupts(PIN, after="47")
    await caller.collector.cleanup()
    assert caller.secrets == [True, False]


async def test_a_secret_that_is_cancelled_after_the_call_ends_at_once(caller: Caller) -> None:
    asking = await caller.asked(PIN)
    await caller.collector.cleanup()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert caller.secrets == [True, False]


async def test_another_secret_takes_over_from_an_interrupted_one(caller: Caller) -> None:
    await caller.interrupts(PIN, after="47")
    asking = await caller.asked(PIN)
    await caller.presses("1234")
    await asking

    assert caller.typed == ["1234"]
    assert caller.secrets == [True, False], "it was secret all the time"


async def test_what_is_no_secret_takes_over_from_an_interrupted_one(caller: Caller) -> None:
    await caller.interrupts(PIN, after="47")
    asking = await caller.asked(CollectDigitsTool(max=2, masked=False))
    assert caller.secrets == [True, False]
    await caller.presses("56")
    await asking

    assert caller.typed == ["56"]


async def test_two_tools_do_not_ask_at_once(caller: Caller) -> None:
    asking = await caller.asked(PIN)
    with pytest.raises(ToolFailed, match="already asked"):
        await caller.collector.collect(PIN)
    await caller.presses("1234")
    await asking

    assert caller.typed == ["1234"]
    assert caller.secrets == [True, False]


async def test_a_tool_that_is_interrupted_before_it_asks_gives_way(caller: Caller) -> None:
    """Its entry was taken for one that somebody waits for, and the next was refused."""
    begins = asyncio.Event()

    async def tool() -> None:
        await begins.wait()
        with contextlib.suppress(EntryDropped):
            await caller.collector.collect(PIN)

    asking = asyncio.create_task(caller.collector.outlives(tool(), lambda: None))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    begins.set()
    await caller.asked(CollectDigitsTool(max=2))
    await caller.presses("12")
    await caller.until(lambda: caller.typed == ["12"])
