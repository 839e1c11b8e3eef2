"""Patterns of a pipeline, matched in bounded time."""

import pytest

from pipelines.matching import MAX_HEARD, is_whole, search


@pytest.mark.parametrize(
    ("pattern", "heard"),
    [
        ("open", "When do you OPEN?"),
        (".*open", "When do you open?"),
        (".*?open", "Tell me\nwhen you open"),
        ("tell.*open", "Tell me\nwhen you open"),
        ("when.*open.*sunday", "When do you open on Sunday?"),
        ("(?=.*open)(?=.*sunday)", "On Sunday, when do you open?"),
    ],
)
def test_what_was_said_is_found_in_any_case_and_place(pattern: str, heard: str) -> None:
    assert search(pattern, heard)
    assert not search(pattern, "Goodbye.")


def test_a_group_holds_what_it_held() -> None:
    first, last = search(r"(\d+)", "1 or 23"), search(r".*\b(\d+)", "1 or 23")

    assert first
    assert last
    assert (first[1], last[1]) == ("1", "23")


@pytest.mark.parametrize(("pattern", "longest"), [("x", MAX_HEARD), ("a.*b", MAX_HEARD)])
def test_the_beginning_of_a_turn_is_matched(pattern: str, longest: int) -> None:
    assert search(pattern, "x" * (longest - 3) + "a b")
    assert not search("end", "x" * longest + "end")


def test_less_of_a_turn_is_matched_by_what_takes_longer() -> None:
    pattern = "when.*open.*sunday"

    assert search(pattern, "when open".ljust(290) + "sunday")
    assert not search(pattern, "when open".ljust(300) + "sunday")


def test_a_value_matches_as_a_whole() -> None:
    assert is_whole("[0-9]{4,8}", "1234")
    assert not is_whole("[0-9]{4,8}", "12345678 ")
    assert not is_whole("a", "A")


def test_a_value_that_is_too_long_to_tell_does_not_match() -> None:
    assert is_whole("a*", "a" * MAX_HEARD)
    assert not is_whole("a*", "a" * (MAX_HEARD + 1))
    assert not is_whole(".*a.*b.*c.*d.*", "abcd" * 10)
    assert is_whole(".*a.*b.*c.*", "abc" * 10)
