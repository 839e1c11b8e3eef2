"""Pipecat's input: audio as it is played, and verdicts where recognition needs them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import cast

import numpy as np
import pytest
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    SystemFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from tests.support.scripted_ears import Scripted
from transports.audio.endpointing import EndpointingParams, Hearing, Verdict
from transports.audio.speech_order import AWAITED_FRAMES, QUIET_FRAMES, SPEECH_FRAMES
from transports.caller_audio import QUEUE_LIMIT
from transports.engine import MediaStream, PlayedFrame
from transports.pipecat_transport import RtpTransport
from transports.rtp.events import ArrivedAudio
from transports.vad import VoiceActivity

FRAME = (np.ones(160) * 3000).astype("<i2").tobytes()
HOPS = 50
"""More turns of the loop than a frame takes from the transport to the recogniser."""


class Line:
    """A media stream on which the test speaks: each frame arrives, and is played later."""

    def __init__(self) -> None:
        self.subscribed = asyncio.Event()
        self.queued_samples = 0
        self.arrived = 0
        self._listener: Callable[[ArrivedAudio], None] = lambda _: None
        self._subscriber: Callable[[PlayedFrame], None] = lambda _: None

    def subscribe(self, on_frame: Callable[[PlayedFrame], None]) -> None:
        self._subscriber = on_frame
        self.subscribed.set()

    def listen(self, on_audio: Callable[[ArrivedAudio], None]) -> None:
        self._listener = on_audio

    def flush(self) -> int:
        return 0

    def arrive(self) -> None:
        self.arrived += 1
        self._listener(ArrivedAudio(FRAME, float(self.arrived)))

    def play(self, number: int) -> None:
        """Play the frame that arrived as the `number`-th; noise before the first."""
        if number > 0:
            self._subscriber(PlayedFrame(FRAME, float(number), "audio"))
        else:
            self._subscriber(PlayedFrame(FRAME, None, "noise"))


class NoDigits:
    async def send_digits(self, digits: str) -> None:
        del digits


class Paused(SystemFrame):
    """A pause, as a recogniser tells itself."""


class Recogniser(FrameProcessor):
    """Stands where speech is recognised: notes verdicts, with the frames heard by then."""

    def __init__(self) -> None:
        super().__init__()
        self.came: list[tuple[str, int]] = []
        self.frames = 0
        self.together: list[int] = []
        self.changed = asyncio.Event()

    def note(self, what: str) -> None:
        self.came.append((what, self.frames))

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStartedSpeakingFrame):
            self.note("started")
        elif isinstance(frame, VADUserStoppedSpeakingFrame):
            self.note("stopped")
        elif isinstance(frame, Paused):
            self.note("paused")
        elif isinstance(frame, InputAudioRawFrame):
            self.together.append(len(frame.audio) // len(FRAME))
            self.frames += self.together[-1]
        self.changed.set()
        await self.push_frame(frame, direction)

    async def until(self, frames: int) -> None:
        """Wait for so many frames."""
        async with asyncio.timeout(5):
            while self.frames < frames:
                self.changed.clear()
                await self.changed.wait()


class Call:
    """A running pipeline behind a line.

    Args:
        windows: What the caller says.
    """

    def __init__(self, windows: str) -> None:
        self.line = Line()
        self.recogniser = Recogniser()
        self.activity = VoiceActivity({"silero": lambda: Scripted(windows)})
        detector = self.activity.open(EndpointingParams(start_seconds=0.096, stop_seconds=0.2))
        stream = cast("MediaStream", self.line)
        self.transport = RtpTransport(stream, detector, NoDigits(), call_id="test")
        self.worker = PipelineWorker(
            Pipeline([self.transport.input(), self.recogniser]),
            params=PipelineParams(audio_in_sample_rate=8000, audio_out_sample_rate=8000),
            enable_rtvi=False,
            enable_turn_tracking=False,
            idle_timeout_secs=None,
        )

    def tick(self, played: int) -> None:
        """Let 20 ms pass: a frame arrives, another is played, and what arrived is judged."""
        self.line.arrive()
        self.line.play(played)
        self.activity.run()

    async def hear(self, frames: int, delay: int) -> None:
        """Let frames arrive, each played so many frames later, as a pipeline that keeps up."""
        for number in range(1, frames + 1):
            self.tick(number - delay)
            for _ in range(HOPS):
                await asyncio.sleep(0)


@pytest.fixture
async def make_call() -> AsyncIterator[Callable[[str], "asyncio.Future[Call]"]]:
    calls: list[tuple[Call, asyncio.Task[None]]] = []

    async def make(windows: str) -> Call:
        call = Call(windows)
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(call.worker)
        calls.append((call, asyncio.create_task(runner.run())))
        await call.line.subscribed.wait()
        return call

    yield lambda windows: asyncio.ensure_future(make(windows))
    for call, running in calls:
        await call.worker.cancel()
        await running


MakeCall = Callable[[str], "asyncio.Future[Call]"]
SPEECH = ".." + "#" * 10 + "." * 12


@pytest.mark.parametrize("delay", [0, 2, 4])
async def test_a_turn_begins_at_once_and_its_end_waits_for_the_audio_up_to_the_pause(
    make_call: MakeCall, delay: int
) -> None:
    call = await make_call(SPEECH)

    async def pause() -> None:
        await call.recogniser.queue_frame(Paused())

    call.transport.add_pause_tap(pause)
    await call.hear(40, delay)

    started, paused, stopped = 8, 23, 29  # frames that hold 5, 14 and 18 windows
    came = call.recogniser.came
    assert [what for what, _ in came] == ["started", "paused", "stopped"]
    assert [frames for _, frames in came] == [
        started,
        paused + delay,
        max(stopped, paused + delay),
    ]


async def test_audio_comes_in_small_pieces_for_as_long_as_a_recogniser_may_wait_for_quiet(
    make_call: MakeCall,
) -> None:
    call = await make_call(SPEECH)

    await call.hear(29 + AWAITED_FRAMES, 0)  # speech ends with the 29th
    soon = call.recogniser.together[:]
    call.recogniser.together.clear()
    await call.hear(2 * QUIET_FRAMES, 0)

    after_speech = soon[-(AWAITED_FRAMES // SPEECH_FRAMES) :]
    assert set(after_speech) == {SPEECH_FRAMES}
    assert call.recogniser.together[-1] == QUIET_FRAMES


async def test_who_must_react_at_once_is_told_while_packets_wait(make_call: MakeCall) -> None:
    call = await make_call("..#...###" + "." * 8)
    told: list[tuple[Verdict, int]] = []

    class Listener:
        def on_verdict(self, hearing: Hearing) -> None:
            told.append((hearing.verdict, call.line.arrived))

    call.transport.add_verdict_listener(Listener())
    early: list[int] = []
    call.transport.add_early_pause_tap(lambda: early.append(call.line.arrived))

    for _ in range(28):
        call.tick(0)

    assert told == [
        (Verdict.SUSPECTED, 5),
        (Verdict.DISMISSED, 7),
        (Verdict.SUSPECTED, 12),
        (Verdict.STARTED, 15),
        (Verdict.PAUSED, 18),
        (Verdict.STOPPED, 24),
    ]
    assert early == [18]


async def test_marks_are_times_of_arrival_on_the_wire(make_call: MakeCall) -> None:
    call = await make_call(SPEECH)

    await call.hear(40, 4)

    marks = call.transport.marks
    assert marks.started_at == pytest.approx(8 - 0.096)
    assert marks.last_voice_at == 20.0  # the frame that ends the twelfth window
    assert marks.stopped_at is not None


async def test_audio_taps_hear_what_arrives_before_it_is_played(make_call: MakeCall) -> None:
    call = await make_call(SPEECH)
    heard: list[bool] = []
    call.transport.add_audio_tap(lambda _, speaking: heard.append(speaking))

    await call.hear(40, 4)

    assert heard == [8 < number <= 29 for number in range(1, 41)]


async def test_a_pipeline_that_stalls_loses_audio_but_neither_begin_nor_end_of_speech(
    make_call: MakeCall,
) -> None:
    """The oldest frame was dropped with its verdict: the turn never ended."""
    call = await make_call(SPEECH)

    for number in range(QUEUE_LIMIT + 100):  # without a pause: the pipeline cannot take any
        call.tick(number)
    await call.recogniser.until(QUEUE_LIMIT - 3)

    assert [what for what, _ in call.recogniser.came] == ["started", "stopped"]
    assert call.transport.input().dropped_frames == 103  # three places are taken by verdicts
