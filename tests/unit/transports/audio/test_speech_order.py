"""Verdicts come ahead of the audio; what must not overtake it waits for it."""

import pytest

from transports.audio.endpointing import Verdict
from transports.audio.speech_order import (
    AWAITED_FRAMES,
    PLAYOUT_FRAMES,
    QUIET_FRAMES,
    SPEECH_FRAMES,
    SpeechOrder,
)

FRAME = bytes(320)
LIMIT = 50


def taken(order: SpeechOrder) -> list[str]:
    """Take everything: `.` for a frame, the verdict's name else."""
    items: list[str] = []
    while (item := order.take()) is not None:
        if isinstance(item, bytes):
            items += "." * (len(item) // len(FRAME))
        else:
            items.append(item.name)
    return items


def pieces(order: SpeechOrder, frames: int) -> list[int]:
    """Play frames and take what is due; return how many were taken at a time."""
    taken_together = []
    for _ in range(frames):
        order.play(FRAME, None)
        if order.is_due:
            taken_together.append(taken(order).count("."))
    return taken_together


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
    assert order.is_due

    taken = [order.take(), order.take()]

    assert taken == [Verdict.STARTED, Verdict.STARTED]
    assert not order.is_due


def test_in_quiet_audio_is_due_in_large_pieces() -> None:
    assert pieces(SpeechOrder(LIMIT), 2 * QUIET_FRAMES + 1) == [QUIET_FRAMES] * 2


def test_what_was_heard_before_speech_is_suspected_is_due_at_once() -> None:
    order = SpeechOrder(LIMIT)
    before = pieces(order, SPEECH_FRAMES - 1)

    order.decide(Verdict.SUSPECTED, 1.0)

    assert (before, order.is_due) == ([], True)
    assert taken(order) == ["."] * (SPEECH_FRAMES - 1)
    assert pieces(order, SPEECH_FRAMES) == [SPEECH_FRAMES]


def test_where_nothing_was_heard_before_nothing_is_due() -> None:
    order = SpeechOrder(LIMIT)

    order.decide(Verdict.SUSPECTED, 1.0)

    assert not order.is_due
    assert pieces(order, SPEECH_FRAMES) == [SPEECH_FRAMES]


@pytest.mark.parametrize(
    "verdicts",
    [
        (Verdict.SUSPECTED,),
        (Verdict.STARTED,),
        (Verdict.STARTED, Verdict.PAUSED),
        (Verdict.STARTED, Verdict.STOPPED, Verdict.SUSPECTED),
    ],
)
def test_where_the_caller_may_speak_pieces_are_small_for_as_long_as_it_lasts(
    verdicts: tuple[Verdict, ...],
) -> None:
    order = SpeechOrder(LIMIT)
    for verdict in verdicts:
        order.decide(verdict, None)
    taken(order)

    assert pieces(order, 2 * AWAITED_FRAMES) == [SPEECH_FRAMES] * (
        2 * AWAITED_FRAMES // SPEECH_FRAMES
    )


@pytest.mark.parametrize(
    "verdicts", [(Verdict.STARTED, Verdict.STOPPED), (Verdict.SUSPECTED, Verdict.DISMISSED)]
)
def test_after_speech_and_after_what_was_none_pieces_are_small_for_a_second(
    verdicts: tuple[Verdict, ...],
) -> None:
    """A word too short for the detector came half a second late to a recogniser that knew it."""
    order = SpeechOrder(LIMIT)
    for verdict in verdicts:
        order.decide(verdict, None)
    taken(order)

    soon = pieces(order, AWAITED_FRAMES)
    later = pieces(order, 2 * QUIET_FRAMES)

    assert soon == [SPEECH_FRAMES] * (AWAITED_FRAMES // SPEECH_FRAMES)
    assert later == [QUIET_FRAMES] * 2
