"""Word errors: substitutions, deletions and insertions, as recognition is measured."""

import pytest

from voiceai.bench.word_errors import nearest_beginning, word_error_rate, word_errors


@pytest.mark.parametrize(
    ("heard", "errors"),
    [
        ("Please hold the line.", 0),
        ("please HOLD the line", 0),
        ("please hold a line", 1),
        ("please hold line", 1),
        ("please do hold the line", 1),
        ("", 4),
    ],
)
def test_counts_each_kind_of_error_once(heard: str, errors: int) -> None:
    assert word_errors("Please hold the line.", heard) == (errors, 4)
    assert word_error_rate("Please hold the line.", heard) == errors / 4


def test_finds_how_far_was_heard() -> None:
    assert nearest_beginning("one two three four", "one too three") == 3
