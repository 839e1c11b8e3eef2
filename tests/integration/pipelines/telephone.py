"""A telephone without a network: speech in with its VAD verdicts, audio out in real time."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    StartFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner

from pipelines.builder import Conversation, build
from pipelines.ports import AttendedTransfer, AudioTap, EarlyPauseTap, PauseTap
from pipelines.resources import Resources
from pipelines.spec import PipelineSpec
from tests.support.waiting import until

RATE = 8000
FRAME_BYTES = 320
FRAME_SECONDS = 0.02
START_SECONDS = 0.1
STOP_SECONDS = 0.2
PAUSE_SECONDS = 0.06


class Passing(FrameProcessor):
    """An input into which frames are queued from outside."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


class Speaker(BaseOutputTransport):
    """Plays in real time, and remembers what and when."""

    def __init__(self, changed: asyncio.Event) -> None:
        super().__init__(
            TransportParams(
                audio_out_enabled=True, audio_out_10ms_chunks=2, audio_out_end_silence_secs=0
            )
        )
        self.played: list[tuple[float, bytes]] = []
        self._changed = changed

    @property
    def seconds(self) -> float:
        """How much was played."""
        return len(self.played) * FRAME_SECONDS

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        loop = asyncio.get_running_loop()
        self.played.append((loop.time(), frame.audio))
        self._changed.set()
        await asyncio.sleep(len(frame.audio) / (2 * RATE))
        return True


class Telephone:
    """``PhoneTransport``, ``CallControl`` and ``ConversationListener`` of one test call."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.speaker = Speaker(self.changed)
        self.ended = False
        self._microphone = Passing()
        self._taps: list[AudioTap] = []
        self._early_pause_taps: list[EarlyPauseTap] = []
        self._pause_taps: list[PauseTap] = []
        self.caller: list[str] = []
        self.assistant: list[tuple[str, bool]] = []
        self.results: list[tuple[str, object, bool]] = []
        self.failures: list[tuple[str, str, str, str | None]] = []
        self.tools: list[tuple[str, dict[str, Any]]] = []
        self.control: list[tuple[Any, ...]] = []
        self.secrets: list[bool] = []
        self.played_when_ended = 0

    def input(self) -> FrameProcessor:
        return self._microphone

    def output(self) -> FrameProcessor:
        return self.speaker

    @property
    def is_held(self) -> bool:
        return False

    def allow_barge_in(self, *, hold: bool) -> None:
        del hold

    def dismiss_barge_in(self) -> None:
        raise AssertionError("nothing was held")

    def expect_speech(self, *, expected: bool) -> None:
        del expected

    def add_audio_tap(self, tap: AudioTap) -> None:
        self._taps.append(tap)

    def add_early_pause_tap(self, tap: EarlyPauseTap) -> None:
        self._early_pause_taps.append(tap)

    def add_pause_tap(self, tap: PauseTap) -> None:
        self._pause_taps.append(tap)

    async def hangup(self) -> None:
        self.control.append(("hangup",))
        self.played_when_ended = len(self.speaker.played)
        self.changed.set()

    async def transfer(self, to: str) -> None:
        self.control.append(("transfer", to))
        self.changed.set()

    async def consult(self, transfer: AttendedTransfer) -> None:
        self.control.append(("consult", transfer))
        self.changed.set()

    async def send_digits(self, digits: str) -> None:
        self.control.append(("send_digits", digits))
        self.changed.set()

    def caller_turn(self, text: str, *, started_at: float | None) -> None:
        assert started_at is not None
        self.caller.append(text)
        self.changed.set()

    def assistant_turn(self, text: str, *, interrupted: bool) -> None:
        self.assistant.append((text, interrupted))
        self.changed.set()

    def tool_called(self, name: str, arguments: Mapping[str, Any]) -> None:
        self.tools.append((name, dict(arguments)))
        self.changed.set()

    def tool_returned(self, name: str, result: object, *, failed: bool = False) -> None:
        self.results.append((name, result, failed))
        self.changed.set()

    def service_failed(self, kind: str, service: str, *, reason: str, instead: str | None) -> None:
        self.failures.append((kind, service, reason, instead))
        self.changed.set()

    async def until(self, true: Callable[[], object], seconds: float = 10.0) -> None:
        """Wait for something that this telephone is told."""
        async with asyncio.timeout(seconds):
            while not true():
                self.changed.clear()
                await self.changed.wait()

    async def make_noise(self, conversation: Conversation) -> None:
        """Interrupt; return when a tool was cancelled by that."""
        await conversation.worker.queue_frame(InterruptionFrame())
        await until(lambda: "CANCELLED" in str(conversation.context.messages))

    async def speak(self, conversation: Conversation, speech: bytes, after: float = 1.4) -> None:
        """Say something in real time: verdicts as a VAD gives them, then silence."""
        loop = asyncio.get_running_loop()
        length = len(speech) / (2 * RATE)
        pcm = speech + bytes(int(after * RATE) * 2)
        begun = loop.time()
        started = paused = stopped = False
        for index in range(len(pcm) // FRAME_BYTES):
            at = index * FRAME_SECONDS
            await asyncio.sleep(max(0.0, begun + at - loop.time()))
            piece = pcm[index * FRAME_BYTES : (index + 1) * FRAME_BYTES]
            await conversation.worker.queue_frame(InputAudioRawFrame(piece, RATE, 1))
            if not started and at >= START_SECONDS:
                started = True
                frame = VADUserStartedSpeakingFrame(start_secs=START_SECONDS)
                await conversation.worker.queue_frame(frame)
            for tap in self._taps:
                tap(piece, started and not stopped)
            if not paused and at >= length + PAUSE_SECONDS:
                paused = True
                for early_pause_tap in self._early_pause_taps:
                    early_pause_tap()
                for pause_tap in self._pause_taps:
                    await pause_tap()
            if not stopped and at >= length + STOP_SECONDS:
                stopped = True
                stop = VADUserStoppedSpeakingFrame(stop_secs=STOP_SECONDS)
                await conversation.worker.queue_frame(stop)


async def call(
    spec: PipelineSpec,
    resources: Resources,
    script: Callable[[Conversation, Telephone], Awaitable[None]],
) -> tuple[Conversation, Telephone]:
    """Run one conversation while ``script`` is the caller; he hangs up when it returns."""
    telephone = Telephone()
    conversation = build(
        spec,
        transport=telephone,
        resources=resources,
        control=telephone,
        listener=telephone,
        call_id="test",
        on_secret=telephone.secrets.append,
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(conversation.worker)

    async def run() -> None:
        await runner.run()
        telephone.ended = True
        telephone.changed.set()

    running = asyncio.create_task(run())
    try:
        await script(conversation, telephone)
    finally:
        await conversation.worker.cancel()
        await asyncio.wait_for(running, 10)
    return conversation, telephone


def to_telephone(samples: NDArray[np.float64], rate: int) -> bytes:
    """Bring speech (mono, -1..1) to 16-bit mono at 8 kHz, without the silence around it."""
    audible = np.flatnonzero(np.abs(samples) > 0.01)
    speech = soxr.resample(samples[audible[0] : audible[-1]].astype(np.float32), rate, RATE)
    return bytes((np.clip(speech, -1, 1) * 32767).astype("<i2"))
