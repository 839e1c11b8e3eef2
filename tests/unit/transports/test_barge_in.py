"""The assistant's voice on one stream: lowered, held, dropped; and its echo known."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import cast

import numpy as np
import pytest

from transports.audio.barge_in import BargeInTally
from transports.audio.endpointing import Hearing, Verdict
from transports.audio.fade import ramped
from transports.barge_in import EXPECTED_TICKS, BargeIn
from transports.media import MediaStream
from transports.rtp.events import ArrivedAudio, PlayedFrame

FRAME = 160


class Line:
    """A stream that plays a frame per tick, and notes what is asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.queue = bytearray()
        self.played_samples = 0
        self._gain = 1.0
        self._hear: Callable[[ArrivedAudio], None] = lambda _: None
        self._ticks: list[Callable[[PlayedFrame], None]] = []

    @property
    def queued_samples(self) -> int:
        return len(self.queue) // 2

    def listen(self, on_audio: Callable[[ArrivedAudio], None]) -> None:
        self._hear = on_audio

    def subscribe(self, on_frame: Callable[[PlayedFrame], None]) -> None:
        self._ticks.append(on_frame)

    def duck(self) -> None:
        self.asked.append("duck")

    def unduck(self) -> None:
        self.asked.append("unduck")

    def hold(self) -> None:
        self.asked.append("hold")

    def release(self) -> None:
        self.asked.append("release")

    def flush(self) -> int:
        dropped = self.queued_samples
        self.queue.clear()
        return dropped

    def tick(self, heard: bytes, decide: Callable[[], None] = lambda: None) -> bytes:
        """Let 20 ms pass; return what was sent in them, after what was heard decided."""
        self._hear(ArrivedAudio(heard, None))
        for told in self._ticks:
            told(PlayedFrame(heard, None, "audio"))
        decide()
        sent = bytes(self.queue[: 2 * FRAME])
        del self.queue[: 2 * FRAME]
        self.played_samples += len(sent) // 2
        before, self._gain = self._gain, 0.25 if self.asked[-1:] == ["duck"] else 1.0
        return ramped(sent, before, self._gain, 40)


def heard(verdict: Verdict) -> Hearing:
    return Hearing(verdict, speaking=False, voiced=True, level=-20.0, arrived_at=None)


def speech(seed: int, seconds: float = 2.0) -> bytes:
    """Return a voice: pulses at a pitch that moves, through a resonance, in syllables."""
    random = np.random.default_rng(seed)
    n = np.arange(int(seconds * 8000))
    pitch = 100 + 40 * random.random() + 25 * np.sin(n / (1200 + 800 * random.random()))
    pulses = np.diff(np.floor(np.cumsum(pitch / 8000)), prepend=0) + random.normal(0, 0.05, n.size)
    tap = np.arange(64)
    formant = np.exp(-tap / 14) * np.cos(tap * (0.4 + 0.8 * random.random()))
    voiced = np.convolve(pulses, formant)[: n.size] * (0.6 + 0.4 * np.sin(n / 700))
    return bytes((3000 * voiced / voiced.std()).clip(-32768, 32767).astype("<i2"))


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def tally() -> BargeInTally:
    return BargeInTally()


@pytest.fixture
def barge_in(line: Line, tally: BargeInTally) -> BargeIn:
    barge_in = BargeIn(cast("MediaStream", line), tally=tally)
    barge_in.listen()
    barge_in.allow(hold=True)
    return barge_in


def say(line: Line, barge_in: BargeIn, pcm: bytes) -> None:
    barge_in.write(pcm)
    line.queue += pcm


def test_speech_holds_what_is_being_said_until_it_is_dismissed(
    line: Line, barge_in: BargeIn
) -> None:
    say(line, barge_in, speech(1))

    barge_in.on_verdict(heard(Verdict.SUSPECTED))
    barge_in.on_verdict(heard(Verdict.STARTED))
    held = barge_in.is_held
    barge_in.on_verdict(heard(Verdict.PAUSED))
    barge_in.dismiss()

    assert held
    assert not barge_in.is_held
    assert line.asked == ["duck", "hold", "unduck", "release"]


def test_an_interruption_lets_what_is_written_next_be_heard(line: Line, barge_in: BargeIn) -> None:
    say(line, barge_in, speech(1))
    barge_in.on_verdict(heard(Verdict.STARTED))

    barge_in.flush()
    barge_in.interrupted()

    assert line.queued_samples == 0
    assert line.asked[-1] == "release"


def test_nothing_is_done_to_an_assistant_who_is_silent_or_not_to_be_interrupted(line: Line) -> None:
    barge_in = BargeIn(cast("MediaStream", line))
    barge_in.listen()
    say(line, barge_in, speech(1))
    barge_in.on_verdict(heard(Verdict.STARTED))
    line.flush()
    barge_in.allow(hold=True)
    barge_in.on_verdict(heard(Verdict.STARTED))

    assert line.asked == []


@pytest.mark.parametrize("verdict", [Verdict.SUSPECTED, Verdict.STARTED])
def test_the_last_words_are_heard_at_their_level_whatever_the_caller_does(
    line: Line, barge_in: BargeIn, verdict: Verdict
) -> None:
    say(line, barge_in, speech(1))
    barge_in.on_verdict(heard(verdict))

    barge_in.end()
    barge_in.on_verdict(heard(Verdict.STARTED))

    assert not barge_in.is_held
    assert line.asked in (["duck", "unduck"], ["hold", "unduck", "release"])


def test_an_answer_that_pauses_for_its_pipeline_is_still_being_spoken(
    line: Line, barge_in: BargeIn
) -> None:
    say(line, barge_in, speech(1)[: 4 * FRAME])
    for _ in range(4):
        line.tick(bytes(2 * FRAME))
    assert line.queued_samples == 0

    barge_in.on_verdict(heard(Verdict.STARTED))

    assert line.asked == ["hold"]


def windows(
    line: Line,
    barge_in: BargeIn,
    caller: bytes,
    echo: float,
    delay: int,
    *,
    verdicts: Mapping[int, Verdict] = MappingProxyType({}),
) -> list[bool]:
    """Let our voice come back; return for each 40 ms whether it was taken for echo.

    Behind some of these times the detector gives a verdict.
    """
    sent, judged = bytearray(2 * delay), []

    def decide() -> None:
        judged.append(barge_in.is_echo())
        if len(judged) in verdicts:
            barge_in.on_verdict(heard(verdicts[len(judged)]))

    for at in range(0, len(caller) - 2 * FRAME, 2 * FRAME):
        back = np.frombuffer(bytes(sent[at : at + 2 * FRAME]).ljust(2 * FRAME, b"\0"), "<i2")
        near = np.frombuffer(caller[at : at + 2 * FRAME], "<i2")
        told = (echo * back + near).astype("<i2").tobytes()
        then = decide if at % (4 * FRAME) == 0 else lambda: None
        sent += line.tick(told, then).ljust(2 * FRAME, b"\0")
    return judged


@pytest.mark.parametrize("delay", [2 * FRAME, 900, 2400])
def test_our_own_voice_is_known_when_it_comes_back(
    line: Line, barge_in: BargeIn, tally: BargeInTally, delay: int
) -> None:
    say(line, barge_in, speech(1))

    judged = windows(line, barge_in, bytes(32_000), 0.2, delay)

    settled = judged[(delay + 1200) // 320 :]
    assert sum(settled) >= len(settled) - 1
    assert tally.echoes == sum(judged)


def test_our_own_voice_is_known_where_nobody_may_interrupt_it(line: Line) -> None:
    barge_in = BargeIn(cast("MediaStream", line))
    barge_in.listen()
    say(line, barge_in, speech(1))

    judged = windows(line, barge_in, bytes(32_000), 0.2, 900)

    assert judged[10:].count(False) <= 1


def test_our_own_voice_is_known_after_a_long_silence(line: Line, barge_in: BargeIn) -> None:
    for _ in range(200):
        line.tick(bytes(2 * FRAME))
    say(line, barge_in, speech(1, 1.0))

    judged = windows(line, barge_in, bytes(16_000), 0.2, 900)

    assert judged[10:].count(False) <= 1


def test_our_last_words_are_known_when_they_come_back_late(line: Line, barge_in: BargeIn) -> None:
    say(line, barge_in, speech(1, 0.6))

    judged = windows(line, barge_in, bytes(2 * 8000), 0.2, 3600)

    after_the_gap_was_certain = judged[21:24]
    assert after_the_gap_was_certain == [True] * 3


def test_nothing_that_is_heard_is_our_own_voice_while_the_assistant_is_silent(
    line: Line, barge_in: BargeIn
) -> None:
    say(line, barge_in, speech(1, 0.5))
    windows(line, barge_in, bytes(32_000), 0.2, 900)

    judged = windows(line, barge_in, speech(1, 0.5), 0.0, 900)

    assert not any(judged)


@pytest.mark.parametrize("delay", [2 * FRAME, 900, 2400])
def test_our_own_voice_is_known_while_it_is_lowered_and_raised(
    line: Line, barge_in: BargeIn, delay: int
) -> None:
    say(line, barge_in, speech(1))
    changes = {20: Verdict.SUSPECTED, 27: Verdict.DISMISSED, 34: Verdict.SUSPECTED}

    judged = windows(line, barge_in, bytes(32_000), 0.2, delay, verdicts=changes)

    assert line.asked == ["duck", "unduck", "duck"]
    assert judged[20:].count(False) <= 1


@pytest.mark.parametrize("echo", [0.0, 0.2])
def test_a_caller_is_no_echo_whether_our_voice_comes_back_or_not(
    line: Line, barge_in: BargeIn, echo: float
) -> None:
    say(line, barge_in, speech(1))

    judged = windows(line, barge_in, speech(2), echo, 900)

    assert sum(judged) <= 1


def test_what_was_dropped_is_expected_back_no_more(line: Line, barge_in: BargeIn) -> None:
    ours = speech(1)
    say(line, barge_in, ours)
    for _ in range(40):
        line.tick(bytes(2 * FRAME))
    barge_in.flush()
    for _ in range(40):
        line.tick(bytes(2 * FRAME))

    never_sent = ours[40 * 2 * FRAME :]
    for at in range(0, 5 * 2 * FRAME, 2 * FRAME):
        line.tick(never_sent[at : at + 2 * FRAME])

    assert not barge_in.is_echo()


def test_a_false_alarm_and_an_interruption_are_counted_apart(
    line: Line, barge_in: BargeIn, tally: BargeInTally
) -> None:
    say(line, barge_in, speech(1))

    barge_in.on_verdict(heard(Verdict.SUSPECTED))
    barge_in.on_verdict(heard(Verdict.DISMISSED))
    barge_in.on_verdict(heard(Verdict.STARTED))
    barge_in.dismiss()
    barge_in.on_verdict(heard(Verdict.STARTED))
    barge_in.flush()
    barge_in.interrupted()

    assert tally == BargeInTally(ducks=1, holds=2, resumed=1, interruptions=1)


def test_a_turn_against_a_silent_assistant_interrupts_nobody(
    barge_in: BargeIn, tally: BargeInTally
) -> None:
    barge_in.on_verdict(heard(Verdict.STARTED))
    barge_in.flush()
    barge_in.interrupted()

    assert tally == BargeInTally()


def test_an_interruption_by_words_without_a_hold_is_one_and_not_two(
    line: Line, barge_in: BargeIn, tally: BargeInTally
) -> None:
    say(line, barge_in, speech(1))
    line.tick(bytes(2 * FRAME))
    line.tick(bytes(2 * FRAME))

    for _ in range(2):
        barge_in.flush()
        barge_in.interrupted()

    assert tally == BargeInTally(interruptions=1)


def test_an_answer_that_is_on_its_way_is_held_before_it_begins(
    line: Line, barge_in: BargeIn
) -> None:
    barge_in.expect(expected=True)

    barge_in.on_verdict(heard(Verdict.STARTED))
    held = barge_in.is_held
    barge_in.dismiss()

    assert held
    assert line.asked == ["hold", "unduck", "release"]


def test_an_answer_is_expected_while_it_goes_on_but_not_for_ever(
    line: Line, barge_in: BargeIn
) -> None:
    barge_in.expect(expected=True)
    for _ in range(3):
        for _ in range(EXPECTED_TICKS - 50):
            line.tick(bytes(2 * FRAME))
        say(line, barge_in, speech(1)[: 2 * FRAME])
    barge_in.on_verdict(heard(Verdict.STARTED))
    after_pauses = barge_in.is_held
    barge_in.dismiss()
    for _ in range(EXPECTED_TICKS + 2):
        line.tick(bytes(2 * FRAME))

    barge_in.on_verdict(heard(Verdict.STARTED))

    assert (after_pauses, barge_in.is_held) == (True, False)


def test_nothing_is_held_that_is_expected_no_longer(line: Line, barge_in: BargeIn) -> None:
    barge_in.expect(expected=True)
    barge_in.expect(expected=False)

    barge_in.on_verdict(heard(Verdict.STARTED))

    assert line.asked == []
