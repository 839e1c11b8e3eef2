"""Stock Pipecat for ``bench capacity``: its own pieces and defaults, as in its examples.

Only the wire is ours: RTP over UDP, where its examples have a websocket, sent by that websocket
transport's own pacing. There is no jitter buffer and no check of what comes, which saves it work.
"""

import asyncio
import audioop
import contextlib
import secrets
import socket
import time
from collections.abc import AsyncIterator
from typing import Any, Final

from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    StartFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner

from transports.rtp.packet import RtpPacket
from transports.scheduling import scheduling_class
from voiceai.bench.capacity_subject import Subject
from voiceai.bench.delayed_services import DelayedModel, DelayedRecognition, DelayedVoice
from voiceai.bench.senders import PipecatPacer
from voiceai.priority import prefer_this_thread

__all__ = ["stock_pipecat"]

SAMPLE_RATE_HZ: Final = 8000
PCMA: Final = 8
HEADER_BYTES: Final = 12
DATAGRAM_BYTES: Final = 2048
PAUSE_SECONDS: Final = 0.5
"""So long after the last packet the next one begins a talkspurt, and carries the marker."""


@contextlib.asynccontextmanager
async def stock_pipecat(greeting: dict[str, Any]) -> AsyncIterator[Subject]:
    """Run what calls are opened, each a bot as in Pipecat's examples."""
    del greeting
    prefer_this_thread()
    async with contextlib.AsyncExitStack() as stack:
        yield _Stock(stack)


class _Stock:
    """The measured system; implements ``Subject``."""

    def __init__(self, stack: contextlib.AsyncExitStack) -> None:
        self._stack = stack
        self._turns = 0

    async def open_call(self, port: int) -> int:
        wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._stack.callback(wire.close)
        wire.settimeout(0)
        wire.bind(("127.0.0.1", 0))
        wire.connect(("127.0.0.1", port))
        await self._stack.enter_async_context(self._bot(wire))
        own: int = wire.getsockname()[1]
        return own

    def parts(self) -> dict[str, float]:
        return {}

    def turns(self) -> int:
        return self._turns

    def scheduling(self) -> str:
        return scheduling_class()

    async def end(self) -> None:
        pass

    @contextlib.asynccontextmanager
    async def _bot(self, wire: socket.socket) -> AsyncIterator[None]:
        params = TransportParams(audio_in_enabled=True, audio_out_enabled=True)
        pair = LLMContextAggregatorPair(
            LLMContext(), user_params=LLMUserAggregatorParams(vad_analyzer=SileroVADAnalyzer())
        )
        pair.user().add_event_handler("on_user_turn_stopped", self._turn)
        pipeline = Pipeline(
            [
                _Input(params, wire),
                DelayedRecognition(audio_passthrough=True),
                pair.user(),
                DelayedModel(),
                DelayedVoice(),
                _Output(params, wire),
                pair.assistant(),
            ]
        )
        worker = PipelineWorker(
            pipeline,
            params=PipelineParams(
                audio_in_sample_rate=SAMPLE_RATE_HZ,
                audio_out_sample_rate=SAMPLE_RATE_HZ,
                enable_metrics=True,
                enable_usage_metrics=True,
            ),
        )
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(runner.run())
            try:
                yield
            finally:
                await runner.cancel()

    async def _turn(self, *_: Any) -> None:
        self._turns += 1


class _Input(BaseInputTransport):
    """Reads packets in a task, as the websocket transports read messages."""

    def __init__(self, params: TransportParams, wire: socket.socket) -> None:
        super().__init__(params)
        self._wire = wire
        self._reading: asyncio.Task[None] | None = None

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        self._reading = self.create_task(self._read())
        await self.set_transport_ready(frame)

    async def stop(self, frame: EndFrame) -> None:
        await super().stop(frame)
        await self._end()

    async def cancel(self, frame: CancelFrame) -> None:
        await super().cancel(frame)
        await self._end()

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            datagram = await loop.sock_recv(self._wire, DATAGRAM_BYTES)
            pcm = audioop.alaw2lin(datagram[HEADER_BYTES:], 2)
            await self.push_audio_frame(InputAudioRawFrame(pcm, SAMPLE_RATE_HZ, 1))

    async def _end(self) -> None:
        if self._reading is not None:
            await self.cancel_task(self._reading)
            self._reading = None


class _Output(BaseOutputTransport):
    """Sends a packet per chunk, and sleeps as the websocket transports do."""

    def __init__(self, params: TransportParams, wire: socket.socket) -> None:
        super().__init__(params)
        self._wire = wire
        self._pacer = PipecatPacer(params.audio_out_10ms_chunks / 100)
        self._ssrc = secrets.randbits(32)
        self._sequence = 0
        self._timestamp = 0
        self._sent_at = 0.0

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InterruptionFrame):
            self._pacer.interrupt()

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        payload = audioop.lin2alaw(frame.audio, 2)
        now = time.monotonic()
        packet = RtpPacket(
            PCMA,
            self._sequence % (1 << 16),
            self._timestamp % (1 << 32),
            self._ssrc,
            payload,
            marker=now - self._sent_at > PAUSE_SECONDS,
        )
        self._sequence += 1
        self._timestamp += len(payload)
        self._sent_at = now
        with contextlib.suppress(BlockingIOError):
            self._wire.send(packet.serialize())
        await self._pacer.sleep()
        return True
