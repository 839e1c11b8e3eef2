"""YAML with the place of everything, and nothing but ``SpecError`` whatever the text."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.document import MAX_CHARACTERS, Mark, parse_document
from pipelines.errors import SpecError

HOSTILE = [
    "",
    "- a\n- b\n",
    "a: [1, 2",
    "a: 1\na: 2\n",
    "a: &x 1\nb: *x\n",
    "a: !!python/object/apply:os.system [id]\n",
    "a: !!int abc\n",
    "a: !!bool maybe\n",
    "? [a, b]\n: c\n",
    "1: a\n",
    "a: \x07\n",
    "a: " + "[" * 1200,
    "a: 1\n---\nb: 2\n",
    "a: " + "9" * 5000,
    "x" * (MAX_CHARACTERS + 1),
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:20])
def test_refuses_what_is_no_plain_mapping(text: str) -> None:
    with pytest.raises(SpecError):
        parse_document(text, file="t.yaml")


@given(st.text(alphabet="abc:{}[]?!&*|>-'\"#%@ \n\t\\0129.~<=", max_size=80))
def test_raises_nothing_but_its_own_error(text: str) -> None:
    with suppress(SpecError):
        parse_document(text, file="t.yaml")


def test_knows_where_each_key_and_value_stands() -> None:
    document = parse_document("name: x\nllm:\n  rules:\n    - when: [a]\n", file="t.yaml")

    assert document.locate(("llm", "rules", 0, "when"), key=True) == Mark("t.yaml", 4, 7)
    assert document.locate(("llm", "rules", 0, "when", 0)) == Mark("t.yaml", 4, 14)
    assert document.locate(("llm", "rules", 7)) == Mark("t.yaml", 4, 5)


def test_takes_a_question_mark_in_a_flow_mapping_as_text() -> None:
    document = parse_document("idle: {say: Sind Sie noch da?, times: 2}\n", file="t.yaml")

    assert document.data == {"idle": {"say": "Sind Sie noch da?", "times": 2}}


def test_leaves_a_date_as_the_text_that_it_is() -> None:
    assert parse_document("a: 2026-11-22\n", file="t").data == {"a": "2026-11-22"}


def test_names_the_first_place_of_a_key_that_is_given_twice() -> None:
    with pytest.raises(SpecError) as caught:
        parse_document("a: 1\nb:\n  c: 1\n  c: 2\n", file="t.yaml")

    assert str(caught.value) == "t.yaml:4:3: b.c: given twice, first in line 3"
