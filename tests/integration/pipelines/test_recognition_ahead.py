"""Recognition that works ahead at a pause, and is right all the same."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator

import numpy as np
import pytest
from numpy.typing import NDArray
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    TranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from pipelines.resources import Resources
from pipelines.segmenter import TRAILING_SECONDS
from pipelines.services.recognition import LocalRecognition

FRAME = bytes(320)
FRAME_SECONDS = 0.02
STOP_SECONDS = 0.2


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


class Ears(FrameProcessor):
    """The end of a pipeline: keeps transcripts and counts audio."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: asyncio.Queue[str] = asyncio.Queue()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TranscriptionFrame):
            await self.texts.put(frame.text)
        await self.push_frame(frame, direction)


class Line:
    """A caller and the recognition of what he says."""

    def __init__(self, *, ahead: bool) -> None:
        self.recogniser = Stopwatch()
        self.resources = Resources()
        self.ears = Ears()
        self.stt = LocalRecognition(
            self.recogniser,
            self.resources,
            language="en-US",
            model="stopwatch",
            latency=0.2,
            ahead=ahead,
        )
        self.worker = PipelineWorker(
            Pipeline([self.stt, self.ears]),
            params=PipelineParams(audio_in_sample_rate=8000),
            enable_rtvi=False,
            enable_turn_tracking=False,
            idle_timeout_secs=None,
        )

    async def say(self, seconds: float) -> None:
        """Let audio arrive, and return when it has."""
        for _ in range(round(seconds / FRAME_SECONDS)):
            await self.worker.queue_frame(InputAudioRawFrame(FRAME, 8000, 1))
        await asyncio.sleep(0.1)

    async def start(self) -> None:
        await self.worker.queue_frame(VADUserStartedSpeakingFrame(start_secs=0.1))

    async def stop(self) -> str:
        await self.worker.queue_frame(VADUserStoppedSpeakingFrame(stop_secs=STOP_SECONDS))
        async with asyncio.timeout(5):
            return await self.ears.texts.get()


@contextlib.asynccontextmanager
async def line(*, ahead: bool = True) -> AsyncIterator[Line]:
    caller = Line(ahead=ahead)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(caller.worker)
    running = asyncio.create_task(runner.run())
    try:
        yield caller
    finally:
        caller.recogniser.may_answer.set()
        await caller.worker.cancel()
        await asyncio.wait_for(running, 5)
        await caller.resources.aclose()


async def test_quiet_after_a_pause_needs_no_second_recognition() -> None:
    async with line() as caller:
        await caller.start()
        await caller.say(0.6)
        await caller.stt.caller_paused()
        await caller.say(0.12)

        assert await caller.stop() == "0.60"
        assert caller.recogniser.heard == [0.6]


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
