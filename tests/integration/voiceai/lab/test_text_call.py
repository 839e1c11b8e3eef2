"""A conversation in text: greeting, rules and models, tools, digits, and how it ends."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from pipelines.errors import SpecError
from pipelines.loader import load_pipeline
from pipelines.params import ModelParams, Secrets
from pipelines.resources import Resources
from tests.support.fakes import KEY, mistral_fake
from voiceai.fakes.chat import Part, Pause, ToolCall
from voiceai.fakes.mistral import MistralFake
from voiceai.lab.text_call import TextCall, open_text_call
from voiceai.lab.transcript import Transcript

MODEL = """
name: model
greeting: Hello.
language: en-US
prompt: You sell tea.
llm: {service: mistral, model: m, first_byte_ms: 2000}
tools:
  - hangup
  - transfer: {to: "100"}
  - python: {use: "platform:node", name: host, description: This machine, parameters: {}}
  - collect_digits: {name: customer, description: The number, max: 4, say: Please type it.}
"""
RULES = """
name: rules
language: en-US
greeting: Hello.
disclosure: I am a machine.
llm:
  service: scripted
  rules:
    - {when: ["open"], say: "From nine to five. Every day."}
    - {when: ["sales"], say: "I put you through.", tool: {transfer: {to: "100"}}}
    - {when: ["bye"], say: "Goodbye.", tool: {hangup: {}}}
  otherwise: ["Pardon?"]
tools: [hangup, {transfer: {to: "100"}}]
"""


@pytest.fixture
async def fake() -> AsyncIterator[MistralFake]:
    async with mistral_fake(strict=False) as fake:
        yield fake


async def talk(text: str, lines: Sequence[str], folder: Path, url: str = "") -> Transcript:
    """Say each line once the answer to the one before is there; digits begin with a slash."""
    secrets = Secrets.model_validate({"mistral_api_key": KEY, "mistral_base_url": url or None})
    resources = Resources(secrets, ModelParams(cache_dir=folder))
    spec = load_pipeline(text, source="test")
    try:
        async with open_text_call(spec, resources) as call:
            await say(call, lines)
            return call.transcript
    finally:
        await resources.aclose()


async def say(call: TextCall, lines: Sequence[str]) -> None:
    await call.until_ready(10)
    for line in lines:
        if line.startswith("/"):
            await call.press(line.removeprefix("/"))
        else:
            await call.say(line)
        await call.until_ready(10)


async def test_rules_answer_line_by_line_until_they_hang_up(tmp_path: Path) -> None:
    transcript = await talk(RULES, ["Are you open?", "Hm.", "/12#", "Bye"], tmp_path)

    assert transcript.answers == [
        "I am a machine. Hello.",
        "From nine to five. Every day.",
        "Pardon?",
        "Pardon?",
        "Goodbye.",
    ]
    assert transcript.heard == ["Are you open?", "Hm.", "DTMF: 12#", "Bye"]
    assert [turn.digits for turn in transcript.turns if turn.role == "caller"] == [
        False,
        False,
        True,
        False,
    ]
    assert transcript.ending == "hangup"
    assert len(transcript.latencies_ms) == 4


async def test_a_transfer_is_told_and_ends_the_conversation(tmp_path: Path) -> None:
    transcript = await talk(RULES, ["Sales, please."], tmp_path)

    assert (transcript.ending, transcript.transferred_to) == ("transfer", "100")
    assert transcript.answers[-1] == "I put you through."


async def test_an_attended_transfer_is_answered_at_once(tmp_path: Path) -> None:
    attended = RULES.replace(
        'tool: {transfer: {to: "100"}}', 'tool: {transfer: {to: "100", mode: attended}}'
    )
    transcript = await talk(attended, ["Sales, please.", "Still there?"], tmp_path)

    assert (transcript.ending, transcript.transferred_to) == ("transfer", "100")
    assert transcript.heard == ["Sales, please."]


async def test_the_model_has_prompt_tools_and_the_whole_conversation(
    fake: MistralFake, tmp_path: Path
) -> None:
    fake.expect(["Which ", "tea?"], [ToolCall("host")], ["Green ", "it is."])
    transcript = await talk(MODEL, ["Tea, please.", "Green."], tmp_path, fake.url)
    first, _, last = [request.body for request in fake.chat.requests]

    assert first["messages"][0]["content"] == "You sell tea."
    assert {tool["function"]["name"] for tool in first["tools"]} == {
        *("hangup", "transfer", "host", "customer")
    }
    said = [each for each in last["messages"] if each["role"] in {"user", "assistant"}]
    assert [each["content"] for each in said if each.get("content", "").strip()] == [
        "Hello.",
        "Tea, please.",
        "Which tea?",
        "Green.",
    ]
    assert transcript.answers == ["Hello.", "Which tea?", "Green it is."]
    assert [(use.name, use.failed) for use in transcript.tools] == [("host", False)]
    assert transcript.tokens.prompt > 0
    assert transcript.tokens.completion > 0


async def test_digits_go_to_the_tool_that_asks_for_them(fake: MistralFake, tmp_path: Path) -> None:
    fake.expect([ToolCall("customer")], ["Thank you."])
    transcript = await talk(MODEL, ["It is me.", "/4711"], tmp_path, fake.url)

    assert transcript.answers == ["Hello.", "Please type it.", "Thank you."]
    (use,) = transcript.tools
    assert use.result == {"digits": "••••", "entry": "complete"}
    assert transcript.heard == ["It is me."]


async def test_the_model_hangs_up_by_its_tool_after_its_last_word(
    fake: MistralFake, tmp_path: Path
) -> None:
    reply: list[Part] = ["Goodbye.", ToolCall("hangup")]
    fake.expect(reply)
    transcript = await talk(MODEL, ["Bye.", "Still there?"], tmp_path, fake.url)

    assert transcript.ending == "hangup"
    assert transcript.heard == ["Bye."]
    assert transcript.answers == ["Hello.", "Goodbye."]


async def test_a_line_interrupts_what_is_being_said(fake: MistralFake, tmp_path: Path) -> None:
    fake.expect(["One,", Pause(1.0), " two."], ["Yes?"])
    secrets = Secrets.model_validate({"mistral_api_key": KEY, "mistral_base_url": fake.url})
    resources = Resources(secrets, ModelParams(cache_dir=tmp_path))
    spoken: list[str] = []
    try:
        spec = load_pipeline(MODEL, source="test")
        async with open_text_call(spec, resources, on_text=spoken.append) as call:
            await call.until_ready(10)
            await call.say("Count.")
            await call.until(lambda: "One," in spoken)
            await call.say("Stop!")
            await call.until_ready(10)
            transcript = call.transcript
    finally:
        await resources.aclose()

    assert [turn.text for turn in transcript.turns[2:]] == ["One,", "Stop!", "Yes?"]


async def test_an_apology_is_said_and_the_failure_told_when_no_model_answers(
    fake: MistralFake, tmp_path: Path
) -> None:
    fake.chat.fail(500)
    transcript = await talk(MODEL, ["Tea, please."], tmp_path, fake.url)

    assert "something went wrong" in transcript.answers[-1]
    assert transcript.failures[-1].service == "mistral"
    assert transcript.failures[-1].instead is None


async def test_a_pipeline_without_its_key_is_refused_at_once(tmp_path: Path) -> None:
    resources = Resources(Secrets(), ModelParams(cache_dir=tmp_path))
    try:
        with pytest.raises(SpecError, match="MISTRAL_API_KEY"):
            async with open_text_call(load_pipeline(MODEL, source="test"), resources):
                pass
    finally:
        await resources.aclose()
