"""Speech cut into pieces: nothing is lost, nothing grows without bound."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pipelines.segmenter import (
    BYTES_PER_SECOND,
    HARD_LIMIT_SECONDS,
    PRE_ROLL_SECONDS,
    TRAILING_SECONDS,
    Segmenter,
    join,
)

TRAILING = int(TRAILING_SECONDS * BYTES_PER_SECOND)
FRAME = 320


def tone(seconds: float, level: int = 8000) -> bytes:
    count = int(seconds * BYTES_PER_SECOND) // 2
    return bytes((level * np.sin(np.arange(count) * 0.5)).astype("<i2"))


def feed(segmenter: Segmenter, pcm: bytes) -> list[bytes]:
    pieces = []
    for start in range(0, len(pcm), FRAME):
        piece = segmenter.feed(pcm[start : start + FRAME])
        if piece is not None:
            pieces.append(piece)
    return pieces


def test_keeps_a_second_before_speech_and_adds_silence_after_it() -> None:
    segmenter = Segmenter()
    before, speech = tone(3.0, level=100), tone(2.0)

    feed(segmenter, before)
    segmenter.start()
    feed(segmenter, speech)
    segment = segmenter.stop()

    kept = before[-int(PRE_ROLL_SECONDS * BYTES_PER_SECOND) :]
    assert segment == kept + speech + bytes(TRAILING)


def test_cuts_long_speech_in_the_pause_after_eight_seconds() -> None:
    segmenter = Segmenter()
    segmenter.start()

    pieces = feed(segmenter, tone(8.5) + bytes(BYTES_PER_SECOND // 5) + tone(0.5))

    assert len(pieces) == 1
    assert 8.5 < (len(pieces[0]) - TRAILING) / BYTES_PER_SECOND <= 8.7


def test_cuts_speech_without_a_pause_at_its_quietest_place() -> None:
    segmenter = Segmenter()
    segmenter.start()

    pieces = feed(segmenter, tone(6.0) + tone(0.2, level=4000) + tone(4.0))

    assert len(pieces) == 1
    assert 6.0 < (len(pieces[0]) - TRAILING) / BYTES_PER_SECOND < 6.2


@settings(max_examples=30)
@given(st.lists(st.tuples(st.floats(0.02, 4), st.integers(0, 20_000)), min_size=1, max_size=12))
def test_the_pieces_are_the_speech(parts: list[tuple[float, int]]) -> None:
    speech = b"".join(tone(round(seconds, 2), level) for seconds, level in parts)
    segmenter = Segmenter()
    segmenter.start()

    pieces = [*feed(segmenter, speech), segmenter.stop()]

    assert b"".join(piece[:-TRAILING] for piece in pieces) == speech


class Call(RuleBasedStateMachine):
    """Verdicts and audio in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.segmenter = Segmenter()

    @rule()
    def start(self) -> None:
        self.segmenter.start()

    @rule()
    def stop(self) -> None:
        self.segmenter.stop()

    @rule(seconds=st.floats(0.02, 12), level=st.integers(0, 20_000))
    def hear(self, seconds: float, level: int) -> None:
        feed(self.segmenter, tone(round(seconds, 2), level))

    @invariant()
    def stays_bounded(self) -> None:
        assert self.segmenter.seconds <= HARD_LIMIT_SECONDS + FRAME / BYTES_PER_SECOND


TestCall = Call.TestCase
TestCall.settings = settings(max_examples=20, stateful_step_count=10, deadline=None)


@pytest.mark.parametrize(
    ("levels", "noise", "sounded"),
    [
        ([10, 10, 10, 1300, 300, 10, 10, 10], 0, True),  # the end of "locked", as it was recorded
        ([700, 370, 250, 70, 15, 0, 0, 0], 0, False),  # the end of "full"
        ([10, 150, 10, 150, 10], 0, False),
        ([100, 140, 90, 120, 100], 100, False),
        ([100, 140, 1300, 120, 100], 100, True),
    ],
    ids=["a burst", "a vowel that fades", "fainter than a sound", "noise", "a burst in noise"],
)
def test_hears_a_new_sound_behind_a_pause_and_not_the_end_of_the_last(
    levels: list[int], noise: int, sounded: bool
) -> None:
    segmenter = Segmenter()
    before = tone(0.4, noise) + tone(0.6) + tone(0.04, 1000)
    feed(segmenter, tone(0.4, noise))
    segmenter.start()
    feed(segmenter, before[len(tone(0.4, noise)) :])

    for level in levels:
        segmenter.feed(tone(0.02, level))

    assert segmenter.sounded_since(len(before)) is sounded
    assert segmenter.sounded_and_over(len(before)) is sounded


def test_a_sound_is_not_over_with_its_last_frame() -> None:
    segmenter = Segmenter()
    segmenter.start()
    feed(segmenter, tone(0.6) + tone(0.06, 10) + tone(0.04, 1300))

    assert segmenter.sounded_since(len(tone(0.66)))
    assert not segmenter.sounded_and_over(len(tone(0.66)))


def test_joins_what_was_understood() -> None:
    assert join([" one ", "", "two"]) == "one two"
