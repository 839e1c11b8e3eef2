"""Verdicts come ahead of the audio; what must not overtake it waits for it."""

import pytest

from transports.audio.endpointing import Verdict
from transports.audio.speech_order import PLAYOUT_FRAMES, SpeechOrder

FRAME = bytes(320)
LIMIT = 50


def taken(order: SpeechOrder) -> list[str]:
    """Take everything: `.` for a frame, the verdict's name else."""
    items = []
    while (item := order.take()) is not None:
        items.append("." if isinstance(item, bytes) else item.name)
    return items


def test_the_begin_of_speech_goes_at_once() -> None:
    order = SpeechOrder(LIMIT)
    order.play(FRAME, 1.0)

    order.decide(Verdict.STARTED, 1.1)

    assert taken(order) == [".", "STARTED"]


def test_a_pause_goes_behind_the_audio_that_made_it() -> None:
    order = SpeechOrder(LIMIT)
    order.play(FRAME, 1.0)
    order.decide(Verdict.PAUSED, 1.04)

    for arrived_at in (1.02, 1.04, 1.06):
        order.play(FRAME, arrived_at)

    assert taken(order) == [".", ".", ".", "PAUSED", "."]


def test_a_pause_whose_audio_was_played_goes_at_once() -> None:
    order = SpeechOrder(LIMIT)
    order.play(FRAME, 1.0)

    order.decide(Verdict.PAUSED, 1.0)

    assert taken(order) == [".", "PAUSED"]


def test_the_end_of_speech_needs_no_more_audio_than_the_pause_before_it() -> None:
    order = SpeechOrder(LIMIT)
    order.decide(Verdict.STARTED, 0.9)
    order.decide(Verdict.PAUSED, 1.0)
    order.play(FRAME, 1.0)

    order.decide(Verdict.STOPPED, 1.1)

    assert taken(order) == ["STARTED", ".", "PAUSED", "STOPPED"]


def test_the_end_of_speech_never_overtakes_the_pause() -> None:
    order = SpeechOrder(LIMIT)
    order.decide(Verdict.PAUSED, 1.0)
    order.decide(Verdict.STOPPED, 1.1)
    assert taken(order) == []

    order.play(FRAME, 1.0)

    assert taken(order) == [".", "PAUSED", "STOPPED"]


def test_an_end_without_a_pause_goes_behind_its_own_audio() -> None:
    order = SpeechOrder(LIMIT)
    order.decide(Verdict.PAUSED, 0.9)
    order.play(FRAME, 1.0)
    order.decide(Verdict.STARTED, 1.0)
    order.decide(Verdict.STOPPED, 1.02)

    order.play(FRAME, 1.02)

    assert taken(order) == [".", "PAUSED", "STARTED", ".", "STOPPED"]


@pytest.mark.parametrize("arrived_at", [None, 0.9])
def test_a_verdict_waits_120_ms_for_audio_that_is_never_played(arrived_at: float | None) -> None:
    order = SpeechOrder(LIMIT)
    order.decide(Verdict.PAUSED, 1.0)

    for _ in range(PLAYOUT_FRAMES + 1):
        order.play(FRAME, arrived_at)

    assert taken(order) == [*["."] * PLAYOUT_FRAMES, "PAUSED", "."]


def test_new_speech_waits_for_nothing_and_comes_behind_the_end_of_the_last() -> None:
    order = SpeechOrder(LIMIT)
    order.decide(Verdict.PAUSED, 1.0)
    order.decide(Verdict.STOPPED, 1.1)

    order.decide(Verdict.STARTED, 1.2)

    assert taken(order) == ["PAUSED", "STOPPED", "STARTED"]


def test_a_packet_that_was_overtaken_does_not_hold_verdicts_up() -> None:
    order = SpeechOrder(LIMIT)
    order.play(FRAME, 1.2)
    order.play(FRAME, 1.1)

    order.decide(Verdict.PAUSED, 1.15)

    assert taken(order) == [".", ".", "PAUSED"]


@pytest.mark.parametrize("verdict", [Verdict.NOTHING, Verdict.SUSPECTED, Verdict.DISMISSED])
def test_what_is_not_certain_is_no_news_for_recognition(verdict: Verdict) -> None:
    order = SpeechOrder(LIMIT)

    order.decide(verdict, 1.0)

    assert taken(order) == []


def test_audio_that_nobody_takes_is_dropped_but_no_verdict() -> None:
    """The oldest frame was dropped with its verdict: the turn never ended."""
    order = SpeechOrder(LIMIT)
    order.decide(Verdict.STARTED, 1.0)
    order.play(FRAME, 1.0)
    order.decide(Verdict.PAUSED, 1.0)
    order.decide(Verdict.STOPPED, 1.0)

    for _ in range(LIMIT + 10):
        order.play(FRAME, 2.0)

    assert taken(order) == ["STARTED", "PAUSED", "STOPPED", *["."] * (LIMIT - 3)]
    assert order.dropped_frames == 14


def test_nothing_is_due_any_more_once_a_verdict_was_taken_or_dropped() -> None:
    order = SpeechOrder(2)
    for _ in range(3):
        order.decide(Verdict.STARTED, None)
    assert order.is_due(10)

    taken = [order.take(), order.take()]

    assert taken == [Verdict.STARTED, Verdict.STARTED]
    assert not order.is_due(10)
