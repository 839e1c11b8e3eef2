"""Each word of a text is told with its time."""

from typing import Any

import pytest

from voiceai.fakes.boundaries import Boundaries

TEXT = "Guten Tag, hier."


def texts(found: list[dict[str, Any]]) -> list[str]:
    return [each["Data"]["text"]["Text"] for each in found]


def test_words_come_with_the_audio_they_belong_to() -> None:
    boundaries = Boundaries(TEXT, 2.0, words=True)

    assert texts(boundaries.until(0.1)) == ["Guten"]
    assert texts(boundaries.until(0.1)) == []
    assert texts(boundaries.until(9.9)) == ["Tag", "hier"]


def test_marks_and_whole_sentences_come_if_they_are_asked_for() -> None:
    found = Boundaries(TEXT, 2.0, words=True, punctuation=True, sentences=True).until(9.9)

    assert texts(found) == [TEXT, "Guten", "Tag", ",", "hier", "."]
    assert [each["Type"] for each in found] == ["SentenceBoundary"] + ["WordBoundary"] * 5
    assert found[3]["Data"]["text"]["BoundaryType"] == "PunctuationBoundary"


def test_all_of_them_last_as_long_as_the_audio() -> None:
    found = Boundaries(TEXT, 2.0, words=True, punctuation=True).until(9.9)

    last = found[-1]["Data"]
    assert last["Offset"] + last["Duration"] == pytest.approx(20_000_000, abs=10)
    offsets = [each["Data"]["Offset"] for each in found]
    assert offsets == sorted(offsets)


def test_an_empty_text_has_none() -> None:
    assert Boundaries("", 0.0, words=True, sentences=True).until(9.9) == []
