"""Pipecat's input: verdicts arrive in order with the audio, whatever the pipeline keeps up with."""

import asyncio
from collections.abc import Callable
from typing import cast

from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from transports.audio.endpointing import EndpointingParams, Verdict
from transports.engine import MediaStream, PlayedFrame
from transports.pipecat_transport import QUEUE_LIMIT, RtpTransport
from transports.vad import Hearing, VoiceDetector

FRAME = bytes(320)


class Line:
    """A media stream that plays what the test says."""

    def __init__(self) -> None:
        self.subscribed = asyncio.Event()
        self.play: Callable[[PlayedFrame], None] = lambda _: None

    def subscribe(self, on_frame: Callable[[PlayedFrame], None]) -> None:
        self.play = on_frame
        self.subscribed.set()

    def flush(self) -> int:
        return 0


class Ear:
    """A detector that decides what the test says, then nothing."""

    def __init__(self, verdicts: dict[int, Verdict]) -> None:
        self.params = EndpointingParams()
        self._verdicts = verdicts
        self._heard = 0

    def put(self, pcm: bytes) -> Hearing:
        del pcm
        self._heard += 1
        verdict = self._verdicts.get(self._heard, Verdict.NOTHING)
        return Hearing(verdict, speaking=False, voiced=False)


class NoDigits:
    async def send_digits(self, digits: str) -> None:
        del digits


class Recogniser(FrameProcessor):
    """Stands where speech is recognised."""

    def __init__(self) -> None:
        super().__init__()
        self.came: list[str] = []
        self.heard_all = asyncio.Event()
        self._audio_bytes = 0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStartedSpeakingFrame | VADUserStoppedSpeakingFrame):
            self.came.append(type(frame).__name__)
        elif isinstance(frame, InputAudioRawFrame):
            self._audio_bytes += len(frame.audio)
            if self._audio_bytes == QUEUE_LIMIT * len(FRAME):
                self.heard_all.set()
        await self.push_frame(frame, direction)


async def test_a_pipeline_that_stalls_loses_audio_but_neither_begin_nor_end_of_speech() -> None:
    """The oldest frame was dropped with its verdict: the turn never ended."""
    line, recogniser = Line(), Recogniser()
    ear = Ear({1: Verdict.STARTED, 40: Verdict.STOPPED})
    transport = RtpTransport(
        cast("MediaStream", line), cast("VoiceDetector", ear), NoDigits(), call_id="test"
    )
    worker = PipelineWorker(
        Pipeline([transport.input(), recogniser]),
        params=PipelineParams(audio_in_sample_rate=8000, audio_out_sample_rate=8000),
        enable_rtvi=False,
        enable_turn_tracking=False,
        idle_timeout_secs=None,
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = runner.create_task(runner.run())
    await line.subscribed.wait()

    for _ in range(QUEUE_LIMIT + 100):  # without a pause: the pipeline cannot take any
        line.play(PlayedFrame(FRAME, None, "noise"))
    async with asyncio.timeout(5):
        await recogniser.heard_all.wait()
    await worker.cancel()
    await running

    assert recogniser.came == ["VADUserStartedSpeakingFrame", "VADUserStoppedSpeakingFrame"]
    assert transport.input().dropped_frames == 100
