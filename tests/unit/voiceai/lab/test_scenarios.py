"""The table of callers: read as Pipecat's evals write it, and told in few words."""

from pathlib import Path

import pytest
from pipecat.evals.results import (
    EvalAssertionFailure,
    EvalExpectationResult,
    EvalScriptResult,
    EvalScriptTurnResult,
)

from voiceai.lab.outcome import Check
from voiceai.lab.scenarios import checks_of, load_scenarios, name_of, needs

SCENARIOS = """
name: shop
scenarios:
  - name: order
    turns:
      - user: Order 7?
        expect:
          - {event: response, text_contains: sent, text_excludes: lost}
          - {event: function_call, calls: [{name: order, args: {number: "7"}}]}
      - user: Bye.
        expect: [{event: response}, {event: function_call, absent: true, within_ms: 100}]
  - name: kind
    turns: [{user: Hello., expect: [{event: response, eval: is kind}]}]
  - {name: simulated, persona: A teacher, goal: tea, success: tea is promised}
  - name: spoken
    judge: {modality: audio, transcription: {service: moonshine}}
    turns: [{user: Hello., expect: [{event: response, text_contains: tea}]}]
"""


def test_text_and_file_are_the_same_scenarios(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(SCENARIOS, encoding="utf-8")
    names = ["order", "kind", "simulated", "spoken"]

    assert [name_of(each) for each in load_scenarios(SCENARIOS)] == names
    assert [name_of(each) for each in load_scenarios(file)] == names
    assert [name_of(each) for each in load_scenarios(str(file))] == names


def test_a_mistake_names_no_file_that_nobody_wrote() -> None:
    with pytest.raises(ValueError, match=r"^scenarios: missing or invalid 'name:'"):
        load_scenarios("scenarios:\n  - {name: x}\n")


def test_a_judge_is_needed_for_what_no_script_can_check_and_audio_is_not_for_text() -> None:
    order, kind, simulated, spoken = load_scenarios(SCENARIOS)

    assert needs(order) == (False, "")
    assert needs(kind) == (True, "")
    assert needs(simulated) == (True, "")
    assert "extra `evals`" in needs(spoken)[1]


def test_all_that_was_expected_is_told_and_what_was_not_reached_does_not_hold() -> None:
    order = load_scenarios(SCENARIOS)[0]
    reason = "not satisfied within 5000ms: not seen"
    failure = EvalAssertionFailure(0, 1, "function_call", reason, "missing_function_call")
    turn = EvalScriptTurnResult(
        0, "failed", [failure], [EvalExpectationResult(0, "llm_response", passed=True)]
    )
    result = EvalScriptResult(
        order.name, passed=False, failures=[failure], turns=[turn, EvalScriptTurnResult(1)]
    )

    assert checks_of(order, result) == [
        Check("says “sent” and never says “lost”", holds=True),
        Check("calls order(number='7')", holds=False, reason="not seen"),
        Check("llm response", holds=False, reason="not reached"),
        Check("no function_call", holds=False, reason="not reached"),
    ]
