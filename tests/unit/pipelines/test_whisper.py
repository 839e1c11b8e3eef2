"""Whisper's text is checked before it is believed; its tokens become text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.services.whisper import (
    BYTE_OF,
    MAX_FRAMES,
    MAX_TOKENS,
    first_credible,
    looks_made_up,
    short_window,
    text_of,
)

CHARACTER_OF = {byte: character for character, byte in BYTE_OF.items()}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Danke. " * 30, 20.0),
        ("Untertitel der Amara.org-Community und noch viel mehr Text dazu", 1.0),
    ],
)
def test_text_that_repeats_or_is_too_long_looks_made_up(text: str, seconds: float) -> None:
    assert looks_made_up(text, seconds)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", 1.0), ("Ja.", 0.4), ("Guten Tag, ich hätte gerne einen Termin.", 2.8)],
)
def test_speech_does_not(text: str, seconds: float) -> None:
    assert not looks_made_up(text, seconds)


class Model:
    """Hears something else in each window; remembers which windows it was given."""

    def __init__(self, *heard: list[str]) -> None:
        self.heard = list(heard)
        self.windows: list[int] = []

    def __call__(self, frames: int) -> list[str]:
        self.windows.append(frames)
        return self.heard.pop(0)


def test_the_short_window_is_enough_when_it_is_credible() -> None:
    model = Model(["ĠJa", "."])

    assert first_credible(model, 0.6, short=True) == "Ja."
    assert model.windows == [1500]


@pytest.mark.parametrize(
    "made_up", [["ĠDanke", "."] * 30, ["ĠDanke", "schön"] * 5, ["Ġ"] * MAX_TOKENS]
)
def test_the_whole_window_is_heard_when_the_short_one_is_not(made_up: list[str]) -> None:
    model = Model(made_up, ["ĠJa", "."])

    assert first_credible(model, 0.6, short=True) == "Ja."
    assert model.windows == [1500, MAX_FRAMES]


def test_nothing_was_said_when_both_are_made_up() -> None:
    made_up = ["ĠDanke", "."] * 30

    assert first_credible(Model(made_up, made_up), 0.6, short=True) == ""


def test_the_short_window_is_left_out_on_request() -> None:
    model = Model(["ĠJa", "."])

    assert first_credible(model, 0.6, short=False) == "Ja."
    assert model.windows == [MAX_FRAMES]


def test_the_same_window_is_not_tried_twice() -> None:
    model = Model(["Ġ"] * MAX_TOKENS)

    assert first_credible(model, 29.5, short=True) == ""
    assert model.windows == [MAX_FRAMES]


@given(st.floats(0.0, 60.0))
def test_the_window_has_an_even_number_of_frames_and_room(seconds: float) -> None:
    frames = short_window(seconds)

    assert frames % 2 == 0
    assert 1500 <= frames <= MAX_FRAMES
    assert frames == MAX_FRAMES or frames / 100 >= seconds + 1.9


def test_tokens_become_text_without_the_special_ones() -> None:
    tokens = ["<|de|>", "<|transcribe|>", "ĠWann", "Ġhaben", "ĠSie", "Ġge", "Ã¶ff", "net", "?"]

    assert text_of([*tokens, "<|2.40|>", "<|endoftext|>"]) == "Wann haben Sie geöffnet?"


def test_a_character_may_be_cut_in_two_tokens() -> None:
    assert text_of(["Ġge", "Ã", "¶", "ff"]) == "geöff"


def test_half_a_character_breaks_nothing() -> None:
    assert text_of(["ĠJa", "Ã"]) == "Ja\N{REPLACEMENT CHARACTER}"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_text_can_be_spelled(text: str) -> None:
    assert len(BYTE_OF) == 256
    assert text_of([CHARACTER_OF[byte] for byte in text.encode()]) == text.strip()
