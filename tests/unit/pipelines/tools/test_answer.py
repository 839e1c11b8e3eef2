"""What a language model gives a tool, and gets back."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.tool_parameters import ParameterSpec
from pipelines.tools.answer import LONGEST_ANSWER, ToolFailed, bounded, checked

PARAMETERS = {
    "number": ParameterSpec(description="Of the order", pattern="[0-9]{4,8}"),
    "size": ParameterSpec(description="Of the shirt", enum=("S", "M"), required=False),
    "count": ParameterSpec(description="How many", type="integer", required=False),
}


def test_what_was_declared_is_passed_on() -> None:
    given_values = {"number": "1234", "size": "M", "count": 2}
    assert checked(PARAMETERS, given_values) == given_values
    assert checked(PARAMETERS, {"number": "1234", "size": None}) == {"number": "1234"}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({}, "parameter 'number' is missing: Of the order"),
        ({"number": 1234}, "parameter 'number' must be of type string"),
        ({"number": "12a4"}, "parameter 'number' must match [0-9]{4,8}"),
        ({"number": "1234\n"}, "parameter 'number' must match [0-9]{4,8}"),
        ({"number": "1234", "size": "XL"}, "parameter 'size' must be one of ['S', 'M']"),
        ({"number": "1234", "count": "2"}, "parameter 'count' must be of type integer"),
        ({"number": "1234", "count": True}, "parameter 'count' must be of type integer"),
        (
            {"number": "1234", "colour": "red"},
            "there is no parameter 'colour'; there are: number, size, count",
        ),
    ],
)
def test_what_was_not_is_refused_in_words_for_the_model(
    arguments: dict[str, Any], why: str
) -> None:
    with pytest.raises(ToolFailed) as failed:
        checked(PARAMETERS, arguments)
    assert str(failed.value) == why


@given(st.dictionaries(st.text(max_size=8), st.none() | st.integers() | st.text(max_size=9)))
def test_nothing_else_is_raised(arguments: dict[str, Any]) -> None:
    try:
        values = checked(PARAMETERS, arguments)
    except ToolFailed:
        return
    assert set(values) <= set(PARAMETERS)


def test_a_long_answer_is_cut_and_says_so() -> None:
    cut = bounded({"text": "x" * 2 * LONGEST_ANSWER})
    assert isinstance(cut, dict)
    assert len(json.dumps(cut)) < LONGEST_ANSWER + 200
    assert cut["note"] == "the answer was longer"


def test_an_answer_that_is_no_plain_data_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    for answer in (endless, float("nan")):
        with pytest.raises(ToolFailed):
            bounded(answer)
    assert bounded({"at": {1, 2}.__class__}) == {"at": "<class 'set'>"}
