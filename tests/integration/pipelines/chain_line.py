"""A chain in a pipeline of its own, with services that do as they are told."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    MetricsFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.settings import TTSSettings
from pipecat.workers.runner import WorkerRunner

from pipelines.fallback.rung import RungParams
from pipelines.services.voice import WordTeller

RATE = 8000
LOUD, QUIET = b"\x00\x20", b"\x00\x00"
FOR_EVER = 3600.0
PATIENCE = 0.15
LOOK_SECONDS = 0.02


def sound(seconds: float, sample: bytes = LOUD) -> bytes:
    """Audio of one sample value."""
    return sample * int(seconds * RATE)


class Model(FrameProcessor):
    """A language model. Of each question: ``error``, ``hang``, ``nothing``, or what it says.

    A text that ends in ``|`` breaks off there and hangs.
    """

    def __init__(self, does: Sequence[str], asked: list[str], name: str) -> None:
        super().__init__()
        self._does = list(does)
        self._asked, self._called = asked, name

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        self._asked.append(self._called)
        does = self._does.pop(0) if len(self._does) > 1 else self._does[0]
        await self.push_frame(LLMFullResponseStartFrame())
        try:
            if does == "error":
                await self.push_error("status 500")
            elif does == "hang":
                await asyncio.sleep(FOR_EVER)
            elif does != "nothing":
                for word in does.removesuffix("|").split():
                    await self.push_frame(LLMTextFrame(f"{word} "))
                if does.endswith("|"):
                    await asyncio.sleep(FOR_EVER)
        finally:
            await self.push_frame(LLMFullResponseEndFrame())


class Ears(FrameProcessor):
    """A recogniser: after speech, ``error``, ``hang`` (also its input), ``nothing`` or a text."""

    def __init__(self, does: Sequence[str], heard: list[tuple[str, float]], name: str) -> None:
        super().__init__()
        self._does = list(does)
        self._heard, self._called = heard, name
        self._seconds = 0.0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            self._seconds += frame.num_frames / frame.sample_rate
            if self._does[0] == "hang":
                await asyncio.sleep(FOR_EVER)
            return
        await self.push_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            self._heard.append((self._called, round(self._seconds, 2)))
            does = self._does.pop(0) if len(self._does) > 1 else self._does[0]
            if does == "error":
                await self.push_error("socket closed")
            elif does != "nothing":
                await self.push_frame(TranscriptionFrame(does, "", ""))


class Voice(WordTeller):
    """A voice: ``error``, ``raise``, ``hang``, ``silence``, ``nothing``, ``break`` or ``speak``.

    Speaks 0.1 s a word; ``break`` hangs after the first, ``slow`` begins late.
    """

    def __init__(self, does: Sequence[str], asked: list[tuple[str, str]], name: str) -> None:
        super().__init__(
            push_start_frame=True,
            push_text_frames=False,
            sample_rate=RATE,
            settings=TTSSettings(model=name, voice=name, language="en"),
        )
        self._does = list(does)
        self._asked, self._called = asked, name
        self._seconds = 0.0

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        self._asked.append((self._called, text))
        does = self._does.pop(0) if len(self._does) > 1 else self._does[0]
        if does == "error":
            yield ErrorFrame(error="status 401")
        elif does == "raise":
            raise OSError("no route")
        elif does == "hang":
            await asyncio.sleep(FOR_EVER)
        elif does == "silence":
            for _ in range(20):
                yield TTSAudioRawFrame(sound(0.2, QUIET), RATE, 1, context_id=context_id)
        elif does == "slow":
            await asyncio.sleep(2 * PATIENCE)
        if does not in {"speak", "break", "slow"}:
            return
        yield TTSAudioRawFrame(sound(0.05, QUIET), RATE, 1, context_id=context_id)
        self._seconds += 0.05
        for word in text.split():
            await self.add_word_timestamps([(word, self._seconds)], context_id)
            yield TTSAudioRawFrame(sound(0.1), RATE, 1, context_id=context_id)
            self._seconds += 0.1
            if does == "break":
                await asyncio.sleep(FOR_EVER)


class Noting(FrameProcessor):
    """A service that does nothing but to keep what it is told."""

    def __init__(self, told: list[Frame]) -> None:
        super().__init__()
        self._told = told

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        self._told.append(frame)
        await self.push_frame(frame, direction)


@dataclass(slots=True)
class Line:
    """What is around a chain.

    Attributes:
        frames: What came out of it, downstream.
        errors: What came out upstream.
        failures: Service, reason and who took its place.
    """

    frames: list[Frame] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    failures: list[tuple[str, str, str | None]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    worker: PipelineWorker | None = None

    async def put(self, *frames: Frame) -> None:
        """Send frames into the chain."""
        assert self.worker is not None
        await self.worker.queue_frames(list(frames))

    async def until(self, true: Callable[[], object], seconds: float = 5.0) -> None:
        """Wait for something to come out, or to be done by a service."""
        async with asyncio.timeout(seconds):
            while not true():
                self.changed.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self.changed.wait()

    def of(self, *types: type[Frame]) -> list[Any]:
        """Return the frames of some types."""
        return [frame for frame in self.frames if isinstance(frame, types)]

    def texts(self) -> list[str]:
        """Return what was answered, one text for each answer."""
        answers: list[str] = []
        for frame in self.of(LLMFullResponseStartFrame, LLMTextFrame, LLMFullResponseEndFrame):
            if isinstance(frame, LLMFullResponseStartFrame):
                answers.append("")
            elif isinstance(frame, LLMTextFrame):
                answers[-1] += frame.text
        return [answer.strip() for answer in answers]

    def words(self) -> list[str]:
        """Return the words that were told to be heard."""
        return [frame.text for frame in self.of(TTSTextFrame)]

    def metrics(self) -> list[tuple[str, str]]:
        """Return of whom something was measured, and what; zeros are announcements."""
        return [
            (data.processor, type(data).__name__.removesuffix("MetricsData"))
            for frame in self.of(MetricsFrame)
            for data in frame.data
            if getattr(data, "value", 0)
        ]

    def service_failed(self, kind: str, service: str, *, reason: str, instead: str | None) -> None:
        """Note a failure."""
        del kind
        self.failures.append((service, reason, instead))
        self.changed.set()


class _Collector(FrameProcessor):
    """Keeps what passes in one direction."""

    def __init__(self, line: Line, direction: FrameDirection) -> None:
        super().__init__(enable_direct_mode=True)
        self._line, self._direction = line, direction

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if direction is self._direction:
            if isinstance(frame, ErrorFrame):
                self._line.errors.append(frame.error)
            elif direction is FrameDirection.DOWNSTREAM:
                self._line.frames.append(frame)
            self._line.changed.set()
        await self.push_frame(frame, direction)


def rung(name: str, make: Callable[[], FrameProcessor], patience: float = PATIENCE) -> RungParams:
    """One service of a chain."""
    return RungParams(name=name, key=name, make=make, first_byte_seconds=patience)


@asynccontextmanager
async def running(line: Line, chain: FrameProcessor) -> AsyncIterator[None]:
    """Run a chain between collectors."""
    before = _Collector(line, FrameDirection.UPSTREAM)
    after = _Collector(line, FrameDirection.DOWNSTREAM)
    worker = PipelineWorker(
        Pipeline([before, chain, after]),
        params=PipelineParams(
            audio_in_sample_rate=RATE,
            audio_out_sample_rate=RATE,
            enable_metrics=True,
            enable_usage_metrics=True,
        ),
        enable_rtvi=False,
        enable_turn_tracking=False,
        idle_timeout_secs=None,
        cancel_runner_on_idle_timeout=False,
    )
    line.worker = worker
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    try:
        yield
    finally:
        await worker.cancel()
        await running
