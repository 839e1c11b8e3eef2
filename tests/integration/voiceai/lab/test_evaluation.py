"""Scenarios of ``pipecat.evals`` over RTVI: scripts, and callers and judges who are models."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import SpecError
from tests.support.fakes import KEY
from voiceai.fakes.chat import Part, ToolCall, words
from voiceai.fakes.mistral import MistralFake
from voiceai.lab import Comparison, Lab

SHOP = """
name: shop
language: en-US
greeting: Tea shop.
prompt: You sell tea.
llm: {service: mistral, model: m}
tools: [hangup]
"""
RULES = """
name: rules
language: en-US
greeting: Tea shop.
llm:
  service: scripted
  rules:
    - {when: ["sales"], say: "I put you through.", tool: {transfer: {to: "100"}}}
  otherwise: ["Pardon?"]
tools: [{transfer: {to: "100"}}]
"""
SCRIPTS = """
name: scripts
stop_on_failure: false
scenarios:
  - name: buys
    turns:
      - expect: [{event: response, text_contains: shop}]
      - user: Tea, please.
        expect:
          - {event: user_transcription, text_contains: "Tea, please."}
          - {event: response, text_contains: Which, text_excludes: coffee}
      - dtmf: "12#"
        expect: [{event: response, text_contains: "12"}]
      - user: Bye.
        expect: [{event: function_call, name: hangup, check_from: turn_start}]
  - name: coffee
    turns: [{user: Coffee., expect: [{event: response, text_contains: coffee, within_ms: 300}]}]
"""
TRANSFER = """
name: scripts
scenarios:
  - name: sales
    turns:
      - expect: [{event: response, text_contains: Tea}]
      - user: Sales, please.
        expect:
          - event: function_call
            calls: [{name: transfer, args: {to: "100"}}]
            check_from: turn_start
"""
JUDGED = """
name: judged
scenarios:
  - name: kind
    turns: [{user: Tea., expect: [{event: response, eval: the assistant is kind}]}]
  - name: rude
    turns: [{user: Tea., expect: [{event: response, eval: the assistant is rude}]}]
"""
SIMULATED = """
name: simulated
scenarios:
  - name: teacher
    persona: A teacher in a hurry.
    goal: Order tea.
    success: The assistant asked which tea.
    metrics: [{name: brief, criterion: The reply is kind.}]
"""


def model(body: Mapping[str, Any]) -> Sequence[Part]:
    """Answer as assistant, as caller, or as judge, whoever is asked."""
    messages = body["messages"]
    system = " ".join(str(each["content"]) for each in messages if each["role"] == "system")
    last = str(messages[-1].get("content"))
    if "You are a classifier" in system:
        return [judged(last)]
    if "You are playing a person" in system:
        asked = sum(each["role"] == "user" for each in messages)
        leave = ToolCall("end_call", {"success": True, "reason": "tea"}, call_id="leaving01")
        return ["Thank you.", leave] if asked > 1 else words("Some tea, please.")
    if "Bye" in last:
        return ["Goodbye.", ToolCall("hangup", call_id="goodbye01")]
    return words(f"Which tea? I heard {last}")


def judged(question: str) -> str:
    kind = "rude" not in question
    if '"choice"' not in question:
        return json.dumps({"answer": {"probability": float(kind)}})
    options = ("yes", "no", "continue") if "- continue" in question else ("meets", "fails")
    chosen = options[0 if kind else 1]
    name = question.partition('Question "')[2].partition('"')[0]
    return json.dumps({name: {"choice": chosen, "probabilities": {chosen: 1.0}}})


@pytest.fixture
async def fake() -> AsyncIterator[MistralFake]:
    async with MistralFake(respond=model, strict=False) as fake:
        yield fake


async def compare(folder: Path, pipeline: str, scenarios: str, **given: Any) -> Comparison:
    async with Lab(voiceai_data_dir=folder, **given) as lab:
        return await lab.compare({"tea": pipeline}, scenarios, patience=5.0)


async def test_scripts_are_checked_and_the_conversation_is_that_of_a_call(
    fake: MistralFake, tmp_path: Path
) -> None:
    key = {"mistral_base_url": fake.url, "mistral_api_key": KEY}
    comparison = await compare(tmp_path, SHOP, SCRIPTS, **key)
    buys = comparison.between("tea", "buys")

    assert comparison.failed() == [("tea", "coffee", "says “coffee”")]
    assert [check.name for check in buys.checks] == [
        "says “shop”",
        "says “Tea, please.”",
        "says “Which” and never says “coffee”",
        "says “12”",
        "calls hangup",
    ]
    assert buys.transcript is not None
    assert buys.transcript.heard == ["Tea, please.", "DTMF: 12#", "Bye."]
    assert buys.transcript.answers[0] == "Tea shop."
    assert buys.transcript.ending == "hangup"
    assert comparison.usage("tea").tokens.prompt > 0
    assert comparison.usage("tea").characters > len("Tea shop.Goodbye.")


async def test_tools_that_rules_use_are_told_as_those_of_models_are(tmp_path: Path) -> None:
    comparison = await compare(tmp_path, RULES, TRANSFER)

    assert comparison.score("tea") == 1.0


async def test_a_model_judges_what_no_script_can_check(fake: MistralFake, tmp_path: Path) -> None:
    key = {"mistral_base_url": fake.url, "mistral_api_key": KEY}
    comparison = await compare(tmp_path, SHOP, JUDGED, **key)

    assert comparison.not_run() == {}
    assert comparison.failed() == [("tea", "rude", "judged: the assistant is rude")]


async def test_a_model_of_this_machine_plays_the_caller(fake: MistralFake, tmp_path: Path) -> None:
    local = {"service": "openai", "model": "m", "base_url": fake.base_url}
    key = {"mistral_base_url": fake.url, "mistral_api_key": KEY}
    comparison = await compare(tmp_path, SHOP, SIMULATED, judge=local, **key)
    teacher = comparison.between("tea", "teacher")

    assert comparison.score("tea") == 1.0
    assert [check.name for check in teacher.checks] == [
        "achieves: The assistant asked which tea.",
        "brief",
    ]
    assert teacher.transcript is not None
    assert teacher.transcript.heard[0] == "Some tea, please."


async def test_without_a_model_the_reason_is_shown(tmp_path: Path) -> None:
    alone = await compare(tmp_path, RULES, JUDGED)
    keyless = await compare(tmp_path, RULES, SIMULATED, judge={"service": "openai", "model": "m"})

    assert set(alone.not_run()) == {"kind", "rude"}
    assert "set MISTRAL_API_KEY" in alone.not_run()["kind"]
    assert "set OPENAI_API_KEY" in keyless.not_run()["teacher"]


async def test_a_pipeline_without_its_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="set MISTRAL_API_KEY"):
        await compare(tmp_path, SHOP, SCRIPTS)
