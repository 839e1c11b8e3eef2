"""Which answers are listened to, and when they were heard."""

import pytest

from voiceai.lab.listening import spans
from voiceai.lab.transcript import Turn


def test_an_answer_is_listened_to_until_the_next_one_begins() -> None:
    turns = [
        Turn("assistant", "One.", 1000, 2000),
        Turn("caller", "Hm.", 2100, 2200),
        Turn("assistant", "Two.", 2300, 3000),
    ]
    found = spans(turns)

    assert [turn.text for turn, _, _ in found] == ["One.", "Two."]
    assert [started for _, started, _ in found] == pytest.approx([0.9, 2.2])
    assert [ended for _, _, ended in found] == pytest.approx([2.3, 3.6])


def test_what_was_not_said_to_its_end_or_is_too_long_is_left_out() -> None:
    interrupted = Turn("assistant", "One", 0, 500, interrupted=True)
    long = Turn("assistant", "Two.", 1000, 12_000)

    assert spans([interrupted, long, Turn("assistant", "", 20_000, 20_100)]) == []
