"""Telephone numbers in one form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceai.store.numbers import normalise_number, written_forms


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("+49 201 890-98723", "4920189098723"),
        ("004920189098723", "4920189098723"),
        ("+49 (0) 201/890.98723", "4920189098723"),
        ("\u202a+49\u00a0201\u202f89098723\u202c", "4920189098723"),
        ("sip:+4920189098723@trunk.example;user=phone", "4920189098723"),
        ("tel:+49-201-89098723", "4920189098723"),
        ("0201 89098723", "020189098723"),
        ("Reception", "reception"),
        ("*43", "*43"),
        ("", ""),
        ("+", ""),
    ],
)
def test_notations_become_one(written: str, normal: str) -> None:
    assert normalise_number(written) == normal


@given(st.from_regex(r"[1-9][0-9]{2,14}", fullmatch=True))
def test_every_written_form_means_the_same(number: str) -> None:
    assert {normalise_number(form) for form in written_forms(number)} == {number}


@given(st.text(max_size=40))
def test_any_text_has_a_normal_form_that_is_its_own(text: str) -> None:
    normal = normalise_number(text)

    assert normal == "" or normal[0] == "0" or normalise_number(normal) == normal
