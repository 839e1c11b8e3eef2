"""What a caller says, between a stream and whoever takes it."""

from collections.abc import Callable
from typing import cast

from tests.support.scripted_ears import Scripted
from transports.audio.endpointing import EndpointingParams, Hearing, Verdict
from transports.caller_audio import CallerAudio
from transports.media import MediaStream
from transports.rtp.events import ArrivedAudio, PlayedFrame
from transports.vad import VoiceActivity

WINDOW = bytes([0, 16]) * 256
PARAMS = EndpointingParams(start_seconds=0.064, stop_seconds=0.096)


class Line:
    """A media stream on which the test speaks, window by window."""

    def __init__(self, windows: str) -> None:
        self.activity = VoiceActivity({"script": lambda: Scripted(windows)})
        self.heard = CallerAudio(self.activity.open(PARAMS, model="script"), None)
        self.heard.follow(cast("MediaStream", self))

    def listen(self, on_audio: Callable[[ArrivedAudio], None]) -> None:
        self._listener = on_audio

    def subscribe(self, on_frame: Callable[[PlayedFrame], None]) -> None:
        self._subscriber = on_frame

    def arrive(self, at: float) -> None:
        self._listener(ArrivedAudio(WINDOW, at))
        self.activity.run()

    def play(self, at: float) -> None:
        self._subscriber(PlayedFrame(bytes(320), at, "audio"))


async def test_marks_tell_when_the_caller_began_last_spoke_and_has_stopped() -> None:
    line = Line("..###.##...")
    for number in range(10):
        line.arrive(float(number))

    marks = line.heard.marks
    assert (marks.started_at, marks.last_voice_at) == (3.0 - 0.064, 7.0)
    assert marks.stopped_at is None

    line.arrive(10.0)
    assert marks.last_voice_at == 7.0
    assert marks.stopped_at is not None


async def test_taps_are_told_whether_the_caller_was_speaking_before() -> None:
    line = Line(".##..")
    told: list[tuple[bytes, bool]] = []
    line.heard.taps.append(lambda pcm, speaking: told.append((pcm, speaking)))

    for number in range(5):
        line.arrive(float(number))

    assert told == [(WINDOW, speaking) for speaking in (False, False, False, True, True)]


async def test_a_verdict_makes_what_waits_due_and_is_told_at_once() -> None:
    line = Line(".##")
    verdicts: list[Verdict] = []

    class Listener:
        def on_verdict(self, hearing: Hearing) -> None:
            verdicts.append(hearing.verdict)

    line.heard.listeners.append(Listener())
    line.arrive(0.0)
    line.play(0.0)
    waiting = line.heard.due.is_set()
    line.arrive(1.0)
    line.arrive(2.0)

    assert not waiting
    assert line.heard.due.is_set()
    assert verdicts == [Verdict.SUSPECTED, Verdict.STARTED]
    assert line.heard.order.take() == bytes(320)
    assert line.heard.order.take() is Verdict.STARTED
