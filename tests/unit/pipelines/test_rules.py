"""Answers by rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipelines.rules import Reply, Responder, Script, sentences


def script(*rules: dict[str, object], otherwise: object = ()) -> Responder:
    return Responder(Script.model_validate({"rules": list(rules), "otherwise": otherwise}))


def test_the_first_rule_that_matches_wins_in_any_case() -> None:
    responder = script({"when": ["open"], "say": "First."}, {"when": "open", "say": "Second."})

    assert responder.answer("When do you OPEN?") == Reply("First.")


def test_a_slot_is_filled_with_what_was_matched() -> None:
    responder = script({"when": ["order (?P<number>\\d+)"], "say": "Order {number}, one moment."})

    assert responder.answer("my order 4711 please").say == "Order 4711, one moment."


def test_a_slot_that_did_not_match_leaves_no_hole() -> None:
    responder = script({"when": ["i am( (?P<name>\\w+))?$"], "say": "Hello {name}."})

    assert responder.answer("I am").say == "Hello."


def test_otherwise_is_said_in_turn() -> None:
    responder = script(otherwise=["One.", "Two."])

    assert [responder.answer("x").say for _ in range(3)] == ["One.", "Two.", "One."]


def test_without_otherwise_nothing_is_said() -> None:
    assert script().answer("x") == Reply("")


def test_a_rule_may_call_a_tool() -> None:
    responder = script({"when": ["bye"], "say": "Goodbye.", "tool": {"hangup": {}}})
    reply = responder.answer("bye")

    assert reply.tool is not None
    assert reply.tool.name == "hangup"


def test_a_rule_may_press_keys() -> None:
    responder = script({"when": ["door"], "tool": {"send_dtmf": {"digits": "1#"}}})
    reply = responder.answer("open the door")

    assert reply.tool
    assert reply.tool.send_dtmf
    assert reply.tool.send_dtmf.digits == "1#"


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"when": ["("], "say": "x"}, "not a regular expression"),
        ({"when": ["a"], "say": "{name}"}, "no pattern has a group"),
        ({"when": ["a"]}, "needs 'say' or 'tool'"),
        ({"when": [], "say": "x"}, "at least 1 item"),
        ({"when": ["a"], "say": "x", "tool": {"fly": {}}}, "Extra inputs"),
        ({"when": ["a"], "tool": {"send_dtmf": {}}}, "say which digits"),
        ({"when": ["a"], "tool": {"send_dtmf": {"digits": "1 2"}}}, "should match pattern"),
    ],
)
def test_a_rule_that_cannot_work_is_refused(rule: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Script.model_validate({"rules": [rule]})


def test_sentences_end_at_their_marks() -> None:
    assert sentences("One. Two! Is it 3.5? Yes… ok") == ["One.", "Two!", "Is it 3.5?", "Yes…", "ok"]


@given(st.text(alphabet="ab .!?\n", max_size=60))
def test_sentences_lose_only_white_space(text: str) -> None:
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


def test_what_was_taken_back_is_said_the_next_time() -> None:
    responder = Responder(Script(otherwise=("First.", "Second.", "Third.")))
    said = [responder.answer("well").say]
    responder.answer("well")
    responder.take_back()
    said += [responder.answer("well").say, responder.not_understood().say]
    assert said == ["First.", "Second.", "Third."]
