"""What is shown of an error that is longer than its first sentence."""

import pytest

from voiceai.lab.terminal import shortened


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("no route", "no route"),
        ("Missing credentials. Please pass a key. Or two.", "Missing credentials"),
        ("x" * 200, "x" * 119 + "…"),
    ],
)
def test_the_first_sentence_of_an_error_is_enough(reason: str, shown: str) -> None:
    assert shortened(reason) == shown
