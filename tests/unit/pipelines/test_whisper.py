"""Whisper's text is checked before it is believed."""

import pytest

from pipelines.services.whisper import looks_made_up


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
