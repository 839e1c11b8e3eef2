"""Pipecat's output on a media stream: what goes on to the context, and when."""

import asyncio
import functools
import sys
from collections.abc import AsyncIterator

import pytest
from pipecat.frames.frames import (
    AggregatedTextFrame,
    EndFrame,
    Frame,
    LLMFullResponseEndFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
    TTSTextFrame,
    VADUserStartedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner

from tests.support.waiting import until
from transports.audio.endpointing import EndpointingParams
from transports.engine import MediaStream, make_engine
from transports.params import RtpParams
from transports.pipecat_transport import RtpTransport
from transports.silero import SileroModel, SileroScorer
from transports.vad import VoiceActivity

RATE = 8000
PORT = 18_400
PLACEMENTS = ("inline", "process") if sys.platform == "linux" else ("inline",)
ANSWER = "answer"


class NoDigits:
    async def send_digits(self, digits: str) -> None:
        del digits


class Context(FrameProcessor):
    """Stands behind the output and remembers what was played by then."""

    def __init__(self, stream: MediaStream) -> None:
        super().__init__()
        self.came: list[tuple[str, float]] = []
        self.begun = asyncio.Event()
        self.overtaken = asyncio.Event()
        self._stream = stream

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        seconds = self._stream.played_samples / RATE
        if isinstance(frame, TTSTextFrame):
            self.came.append((frame.text, seconds))
            self.begun.set()
        elif isinstance(frame, LLMFullResponseEndFrame):
            self.came.append(("end", seconds))
        elif isinstance(frame, VADUserStartedSpeakingFrame):
            self.overtaken.set()
        await self.push_frame(frame, direction)


@pytest.fixture(params=PLACEMENTS)
async def stream(request: pytest.FixtureRequest) -> AsyncIterator[MediaStream]:
    engine = make_engine(RtpParams(port_min=PORT, port_max=PORT + 99, placement=request.param))
    await engine.start()
    stream = await engine.open_stream()
    stream.connect(("127.0.0.1", 9))
    yield stream
    await engine.close()


def word(text: str, seconds: float) -> TTSTextFrame:
    frame = TTSTextFrame(text, text_type="word")
    frame.context_id, frame.pts = ANSWER, round(1e9 * (5 + seconds))
    return frame


def audio(seconds: float) -> TTSAudioRawFrame:
    return TTSAudioRawFrame(bytes(2 * round(seconds * RATE)), RATE, 1, context_id=ANSWER)


def speaking(stream: MediaStream, context: Context) -> tuple[PipelineWorker, WorkerRunner]:
    """Return a pipeline that says to the stream what is queued, and who runs it."""
    ears = VoiceActivity({"silero": lambda: SileroScorer(SileroModel())})
    detector = ears.open(EndpointingParams())
    transport = RtpTransport(stream, detector, NoDigits(), call_id="test")
    worker = PipelineWorker(
        Pipeline([transport.input(), transport.output(), context]),
        params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
        enable_rtvi=False,
        enable_turn_tracking=False,
        idle_timeout_secs=None,
    )
    return worker, WorkerRunner(handle_sigint=False)


async def test_words_and_the_end_of_an_answer_follow_its_audio_through_a_pause(
    stream: MediaStream,
) -> None:
    context = Context(stream)
    worker, runner = speaking(stream, context)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())

    await worker.queue_frames([word("one", 0.0), audio(0.3)])
    await asyncio.wait_for(context.begun.wait(), 5)
    await stream.drained()
    announcement = AggregatedTextFrame("two three", "sentence")
    announcement.pts = round(6e9)
    end = LLMFullResponseEndFrame()
    end.pts = round(5.6e9)
    last = [announcement, word("two", 0.3), word("three", 0.6), audio(0.5)]
    await worker.queue_frames([*last, TTSStoppedFrame(context_id=ANSWER), end, EndFrame()])
    await asyncio.wait_for(running, 10)

    assert [text for text, _ in context.came] == ["one", "two", "three", "end"]
    expected = (0.0, 0.3, 0.6, 0.8)
    for (text, seconds), due in zip(context.came, expected, strict=True):
        assert due - 0.1 <= seconds <= due + 0.1, (text, seconds)  # audio is written by 80 ms


async def test_an_answer_that_waits_for_digits_for_long_is_said_nevertheless(
    stream: MediaStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pipecat took a write of more than ten seconds for a peer that is gone, and was mute then."""
    impatient = functools.partial(TransportParams, audio_out_write_timeout_secs=0.1)
    monkeypatch.setattr("transports.pipecat_transport.TransportParams", impatient)
    context = Context(stream)
    worker, runner = speaking(stream, context)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())

    stream.send_digits("12", duration_ms=100, pause_ms=100)
    end = LLMFullResponseEndFrame()
    said = [word("one", 0.0), audio(0.32), word("two", 0.2), TTSStoppedFrame(context_id=ANSWER)]
    await worker.queue_frames([*said, end, EndFrame()])
    await asyncio.wait_for(running, 10)
    await stream.drained()

    assert [text for text, _ in context.came] == ["one", "two", "end"]
    assert stream.played_samples == round(0.32 * RATE)


async def test_a_held_answer_has_no_words_whatever_overtakes_it(stream: MediaStream) -> None:
    context = Context(stream)
    worker, runner = speaking(stream, context)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())

    stream.hold()
    await worker.queue_frames([word("one", 0.0), audio(0.3)])
    await until(lambda: stream.queued_samples >= 640)
    await worker.queue_frame(VADUserStartedSpeakingFrame())
    await asyncio.wait_for(context.overtaken.wait(), 5)
    while_held = list(context.came)
    stream.release()
    await asyncio.wait_for(context.begun.wait(), 5)
    await worker.cancel()
    await asyncio.wait_for(running, 10)

    assert while_held == []
    assert [text for text, _ in context.came] == ["one"]
