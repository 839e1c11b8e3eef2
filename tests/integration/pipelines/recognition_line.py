"""A call's recognition alone: audio and VAD verdicts in, transcripts out."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    SystemFrame,
    TranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from pipelines.resources import Resources
from pipelines.services.recognition import LocalRecognition, Recogniser

FRAME = bytes(320)
FRAME_SECONDS = 0.02
STOP_SECONDS = 0.2


class Mark(SystemFrame):
    """Comes out of the pipeline behind the audio that went in before it."""


class Ears(FrameProcessor):
    """The end of a pipeline: keeps transcripts."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: asyncio.Queue[str] = asyncio.Queue()
        self.marks: asyncio.Queue[Mark] = asyncio.Queue()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TranscriptionFrame):
            await self.texts.put(frame.text)
        if isinstance(frame, Mark):
            await self.marks.put(frame)
        await self.push_frame(frame, direction)


class Line:
    """A caller and the recognition of what he says."""

    def __init__(self, recogniser: Recogniser, *, ahead: bool) -> None:
        self.resources = Resources()
        self.ended = asyncio.Event()
        self.stt = LocalRecognition(
            recogniser,
            self.resources,
            language="en-US",
            model="test",
            latency=0.2,
            ahead=ahead,
        )
        self._ears = Ears()
        self.worker = PipelineWorker(
            Pipeline([self.stt, self._ears]),
            params=PipelineParams(audio_in_sample_rate=8000),
            enable_rtvi=False,
            enable_turn_tracking=False,
            idle_timeout_secs=None,
        )

    async def say(self, seconds: float, frame: bytes = FRAME) -> None:
        """Let audio arrive, and return when it has."""
        for _ in range(round(seconds / FRAME_SECONDS)):
            await self.worker.queue_frame(InputAudioRawFrame(frame, 8000, 1))
        await self.worker.queue_frame(Mark())
        async with asyncio.timeout(5):
            await self._ears.marks.get()

    async def start(self) -> None:
        await self.worker.queue_frame(VADUserStartedSpeakingFrame(start_secs=0.1))

    async def end(self) -> None:
        await self.worker.queue_frame(VADUserStoppedSpeakingFrame(stop_secs=STOP_SECONDS))

    async def text(self) -> str:
        """Return the next turn's transcript."""
        async with asyncio.timeout(5):
            return await self._ears.texts.get()

    async def stop(self) -> str:
        """End speech, and return its transcript."""
        await self.end()
        return await self.text()

    async def utter(self, seconds: float) -> str:
        """Say something, and return its transcript."""
        await self.start()
        await self.say(seconds)
        return await self.stop()


@contextlib.asynccontextmanager
async def running(line: Line) -> AsyncIterator[None]:
    """Run a line's pipeline."""
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(line.worker)

    async def run() -> None:
        await runner.run()
        line.ended.set()

    task = asyncio.create_task(run())
    try:
        yield
    finally:
        await line.worker.cancel()
        await asyncio.wait_for(task, 5)
        await line.resources.aclose()
