"""A caller's pauses, told to who wants to work ahead, in order with audio and verdicts."""

import asyncio
from collections.abc import AsyncIterator

import pytest
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
from transports.engine import MediaStream, make_engine
from transports.params import RtpParams
from transports.pipecat_transport import RtpTransport
from transports.vad import Hearing, SileroModel, VoiceDetector

PORT = 18_600
SCRIPT = {
    3: Hearing(Verdict.STARTED, speaking=True, voiced=True),
    8: Hearing(Verdict.NOTHING, speaking=True, voiced=False, paused=True),
    13: Hearing(Verdict.STOPPED, speaking=False, voiced=False),
}


class NoDigits:
    async def send_digits(self, digits: str) -> None:
        del digits


class Scripted(VoiceDetector):
    """Hears what the script says, frame by frame."""

    def __init__(self) -> None:
        super().__init__(SileroModel(), EndpointingParams())
        self.frames = 0

    def put(self, pcm: bytes) -> Hearing:
        del pcm
        self.frames += 1
        nothing = Hearing(Verdict.NOTHING, speaking=3 <= self.frames < 13, voiced=None)
        return SCRIPT.get(self.frames, nothing)


class Witness(FrameProcessor):
    """Notes what comes out of the telephone: seconds of audio, and verdicts."""

    def __init__(self) -> None:
        super().__init__()
        self.frames = 0
        self.came: list[tuple[str, int]] = []
        self.stopped = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            self.frames += len(frame.audio) // 320
        elif isinstance(frame, VADUserStartedSpeakingFrame | VADUserStoppedSpeakingFrame):
            self.came.append((type(frame).__name__, self.frames))
            if isinstance(frame, VADUserStoppedSpeakingFrame):
                self.stopped.set()
        await self.push_frame(frame, direction)


@pytest.fixture
async def stream() -> AsyncIterator[MediaStream]:
    engine = make_engine(RtpParams(port_min=PORT, port_max=PORT + 99))
    await engine.start()
    yield await engine.open_stream()
    await engine.close()


async def test_a_pause_is_told_between_the_verdicts_and_with_its_audio_on_the_way(
    stream: MediaStream,
) -> None:
    detector = Scripted()
    transport = RtpTransport(stream, detector, NoDigits(), call_id="test")
    witness = Witness()
    pauses: list[list[str]] = []
    heard: list[int] = []
    transport.add_audio_tap(lambda _pcm, _speaking: heard.append(1))

    async def pause() -> None:
        pauses.append([str(len(heard)), *dict(witness.came)])

    transport.add_pause_tap(pause)
    worker = PipelineWorker(
        Pipeline([transport.input(), witness, transport.output()]),
        params=PipelineParams(audio_in_sample_rate=8000, audio_out_sample_rate=8000),
        enable_rtvi=False,
        enable_turn_tracking=False,
        idle_timeout_secs=None,
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())

    await asyncio.wait_for(witness.stopped.wait(), 5)
    await worker.cancel()
    await asyncio.wait_for(running, 5)

    assert pauses == [["8", "VADUserStartedSpeakingFrame"]]
    assert witness.came == [
        ("VADUserStartedSpeakingFrame", 3),
        ("VADUserStoppedSpeakingFrame", 13),
    ]
