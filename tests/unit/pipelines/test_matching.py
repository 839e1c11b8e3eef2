"""Matching what callers say, in bounded time."""

import pytest

from pipelines.matching import is_whole, search

CUBIC = r"a.*a.*a.*x|the end"
"""Has to try everything else before it comes to the end."""
SPEECH = "a " * 480 + "the end"


def test_a_pattern_is_found_anywhere_in_any_case() -> None:
    match = search(r"number (?P<order>\d+)", "It is about Order NUMBER 17, please.")

    assert match is not None
    assert match.groupdict() == {"order": "17"}


@pytest.mark.parametrize(
    "pattern",
    [
        r"(\d+)[ -]+(\d+)[ -]+(\d+)[ -]*(\d*)",
        r"\w+\s+\w+\s+\w+\s+\w+",
        r"call\b.*\bme\b.*\bback\b.*\bon\b",
    ],
)
def test_repetitions_in_a_row_are_found(pattern: str) -> None:
    assert search(pattern, "Please call me back on 030 12 34 56") is not None


def test_what_takes_too_long_is_not_found() -> None:
    assert search(CUBIC, SPEECH) is None


def test_what_takes_too_long_may_be_found_soon() -> None:
    assert search(CUBIC, SPEECH[-30:]) is not None


def test_what_is_beyond_a_minute_of_speech_is_not_looked_at() -> None:
    assert search("end", "word " * 200 + "end") is None


def test_a_value_matches_as_a_whole() -> None:
    assert is_whole(r"\d{4}", "1234")
    assert not is_whole(r"\d{4}", "12345")


def test_a_value_that_takes_too_long_does_not_match() -> None:
    pattern = r"(.+)(.+)(.+)\3\1|.*end"

    assert is_whole(pattern, SPEECH[-30:])
    assert not is_whole(pattern, SPEECH)
