"""Services of a chain are opened once, and closed to the end."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from pipecat.frames.frames import (
    CancelFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMContextFrame,
    StartFrame,
    TranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from pipelines.fallback.health import ServiceHealth
from pipelines.fallback.llm import LanguageModelChain
from pipelines.fallback.stt import RecognitionChain
from tests.integration.pipelines.chain_line import (
    RATE,
    Ears,
    Line,
    Model,
    rung,
    running,
    sound,
)

HAND_SHAKES = 5
NO_ONE = "I am sorry."


@dataclass(slots=True)
class Lives:
    """What became of the services that were made."""

    made: int = 0
    hung_up: int = 0
    cleaned_up: int = 0
    may_start: asyncio.Event = field(default_factory=asyncio.Event)


class Remote(Model):
    """A language model behind a connection, which takes its time to open and to close."""

    def __init__(self, lives: Lives, does: list[str], asked: list[str]) -> None:
        super().__init__(does, asked, "remote")
        self._lives = lives
        lives.made += 1

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        if isinstance(frame, StartFrame):
            await self._lives.may_start.wait()
        if isinstance(frame, CancelFrame):
            for _ in range(HAND_SHAKES):
                await asyncio.sleep(0)
            self._lives.hung_up += 1
        await super().process_frame(frame, direction)

    async def cleanup(self) -> None:
        await super().cleanup()  # type: ignore[no-untyped-call]
        self._lives.cleaned_up += 1


class FailsToStart(Ears):
    """A recogniser that says so when its connection cannot be opened, and never starts."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        if isinstance(frame, StartFrame):
            await FrameProcessor.process_frame(self, frame, direction)
            await self.push_error("status 401")
            return
        await super().process_frame(frame, direction)


def models(line: Line, *make: Callable[[], FrameProcessor]) -> LanguageModelChain:
    return LanguageModelChain(
        [rung(str(index), each) for index, each in enumerate(make)],
        health=ServiceHealth(),
        listener=line,
        apology=NO_ONE,
    )


async def test_a_service_that_failed_hangs_up_before_it_is_gone() -> None:
    line, lives, asked = Line(), Lives(), list[str]()
    lives.may_start.set()
    chain = models(line, lambda: Remote(lives, ["error"], asked), lambda: Model(["yes"], asked, ""))
    async with running(line, chain):
        await line.put(LLMContextFrame(LLMContext()))
        await line.until(lambda: lives.cleaned_up)
    assert (lives.made, lives.hung_up, lives.cleaned_up) == (1, 1, 1)


async def test_one_that_is_still_opening_when_the_caller_interrupts_is_opened_once() -> None:
    line, lives, asked = Line(), Lives(), list[str]()
    chain = models(
        line, lambda: Model(["error"], asked, "first"), lambda: Remote(lives, ["yes"], asked)
    )
    async with running(line, chain):
        await line.put(LLMContextFrame(LLMContext()))
        await line.until(lambda: lives.made)
        await line.put(InterruptionFrame())
        await line.until(lambda: line.of(InterruptionFrame))
        lives.may_start.set()
        await line.put(LLMContextFrame(LLMContext()))
        await line.until(lambda: line.texts() == ["yes"])
    assert (lives.made, lives.cleaned_up) == (1, 1)


async def test_one_that_does_not_start_is_cleaned_up_and_the_failure_told_once() -> None:
    line, lives, asked = Line(), Lives(), list[str]()
    chain = models(line, lambda: Remote(lives, ["never"], asked), lambda: Model(["yes"], asked, ""))
    async with running(line, chain):
        await line.put(LLMContextFrame(LLMContext()))
        await line.until(lambda: line.texts() == ["yes"] and lives.cleaned_up)
    assert lives.made == lives.cleaned_up
    assert line.failures == [("0", "does not start", "1")]


async def test_a_recogniser_that_errs_while_it_starts_fails_once() -> None:
    line, heard = Line(), list[tuple[str, float]]()
    chain = RecognitionChain(
        [
            rung("first", lambda: FailsToStart(["never"], heard, "first")),
            rung("second", lambda: Ears(["good morning"], heard, "second")),
        ],
        health=ServiceHealth(),
        listener=line,
    )
    async with running(line, chain):
        await line.put(VADUserStartedSpeakingFrame())
        await line.put(InputAudioRawFrame(sound(0.2), RATE, 1))
        await line.put(VADUserStoppedSpeakingFrame(stop_secs=0.0))
        await line.until(lambda: line.of(TranscriptionFrame))
    assert line.failures == [("first", "status 401", "second")]
