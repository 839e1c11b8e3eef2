"""When a recogniser has told all that the caller said."""

import pytest

from pipelines.turn_end import UtteranceEnd


@pytest.fixture
def end() -> UtteranceEnd:
    """Of a recogniser that does not judge by itself; somebody spoke until 2.0."""
    end = UtteranceEnd(quiet_seconds=0.5)
    end.speech_began()
    return end


def test_nothing_ends_while_somebody_speaks(end: UtteranceEnd) -> None:
    end.told_all(now=1.5)
    assert end.deadline() is None


def test_a_pause_without_a_text_ends_nothing(end: UtteranceEnd) -> None:
    end.speech_ended(quiet_since=2.0)
    assert end.deadline() is None


def test_a_text_ends_the_turn_after_the_rest_of_the_quiet(end: UtteranceEnd) -> None:
    end.speech_ended(quiet_since=2.0)
    end.told_all(now=2.25)
    assert end.deadline() == 2.5


def test_a_late_text_ends_the_turn_at_once(end: UtteranceEnd) -> None:
    end.speech_ended(quiet_since=2.0)
    end.told_all(now=3.1)
    assert end.deadline() == 3.1


def test_a_recogniser_that_judges_ends_the_turn_with_its_text() -> None:
    end = UtteranceEnd(quiet_seconds=0.0)
    end.speech_began()
    end.speech_ended(quiet_since=2.0)
    end.told_all(now=2.3)
    assert end.deadline() == 2.3


def test_a_text_that_came_ahead_of_the_voice_detector_holds_all(end: UtteranceEnd) -> None:
    end.told_all(now=2.4)
    end.speech_ended(quiet_since=2.0)
    assert end.deadline() == 2.5


def test_a_text_of_earlier_words_does_not_end_what_followed_them(end: UtteranceEnd) -> None:
    end.told_all(now=1.2)
    end.speech_ended(quiet_since=2.0)
    assert end.deadline() is None
    end.told_all(now=2.6)
    assert end.deadline() == 2.6


def test_an_unfinished_text_is_waited_for(end: UtteranceEnd) -> None:
    end.speech_ended(quiet_since=2.0)
    end.told_all(now=2.3)
    end.told_some()
    assert end.deadline() is None
    end.told_all(now=2.9)
    assert end.deadline() == 2.9


def test_who_speaks_on_has_not_finished(end: UtteranceEnd) -> None:
    end.speech_ended(quiet_since=2.0)
    end.told_all(now=2.25)
    end.speech_began()
    end.speech_ended(quiet_since=4.0)
    assert end.deadline() is None


def test_what_was_typed_needs_no_quiet() -> None:
    end = UtteranceEnd(quiet_seconds=0.5)
    end.told_all(now=7.0)
    assert end.deadline() == 7.0


def test_a_new_turn_knows_nothing_of_the_last_one(end: UtteranceEnd) -> None:
    end.speech_ended(quiet_since=2.0)
    end.told_all(now=2.25)
    end.turn_is_over()
    assert end.deadline() is None
