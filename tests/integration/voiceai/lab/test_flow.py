"""A conversation in steps, in the pipeline of a call: what a model sees, and what cannot halve."""

import contextlib
import importlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.loader import load_pipeline
from pipelines.params import ModelParams, Secrets
from pipelines.resources import Resources
from tests.support.fakes import KEY, mistral_fake
from voiceai.fakes.chat import Pause, ToolCall, words
from voiceai.fakes.mistral import MistralFake
from voiceai.lab.text_call import TextCall, open_text_call

PIPELINE = """
name: steps
greeting: Hello.
language: en-US
prompt: You sell tea.
llm:
  service: mistral
  model: m
  first_byte_ms: 20000
  fallback: [{service: scripted, otherwise: Pardon?}]
tools:
  - hangup
  - python: {use: "own_stock:left", name: left, description: What is left, parameters: {tea: Which}}
flow:
  name: order
  start: tea
  nodes:
    tea:
      task: Ask which tea.
      functions:
        choose:
          tool: left
          keep: {grams: /grams}
          next: amount
          failed: gone
        complain: {description: The caller complains., next: sorry}
      rules:
        - {when: "some (?P<tea>\\\\w+)", tool: {choose: {tea: "{tea}"}}}
    amount:
      task: There are {grams} grams of {tea}. Ask how much.
      say: "{grams} grams of {tea} are left. How much?"
      functions:
        take:
          description: The caller takes so much.
          parameters: {grams_taken: {description: Grams, type: integer}}
          next: done
        other: {description: Another tea., next: tea}
      rules:
        - {when: "(?P<amount>\\\\d+)", tool: {take: {grams_taken: "{amount}"}}}
      otherwise: How many grams?
    gone:
      task: That tea is gone. Ask for another one.
      functions: {again: {description: Begin anew., next: tea}}
    sorry:
      task: Say that you are sorry, and goodbye.
      then: hangup
    done:
      say: "{grams_taken} grams it is. Goodbye."
      then: hangup
"""

ACTS = """
name: acts
greeting: Hello.
language: en-US
llm: {service: scripted, otherwise: Pardon?}
tools:
  - collect_digits: {name: customer, description: The number, min: 3, max: 4, say: Please type it.}
  - transfer: {targets: {sales: "100", support: "200"}}
flow:
  name: acts
  start: who
  nodes:
    who:
      functions:
        number:
          tool: customer
          keep: {digits: /digits, entry: /entry}
          next: {by: entry, cases: {complete: what}, otherwise: who}
      rules: [{when: order, tool: number}]
      say: That was no number.
    what:
      say: To whom, customer {digits}?
      functions: {connect: {tool: transfer, next: who}}
      rules:
        - when: "to (?P<target>[a-z]+)"
          say: I connect you.
          tool: {connect: {target: "{target}"}}
"""

OWN_STOCK = """
import asyncio

slow = asyncio.Event()

async def left(tea):
    if tea == "slow":
        slow.set()
        await asyncio.sleep(60)
    if tea == "gone":
        raise LookupError
    return {"grams": 250}
"""


@pytest.fixture(autouse=True)
def own_stock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_stock.py").write_text(OWN_STOCK)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_stock", raising=False)


@pytest.fixture
async def fake() -> AsyncIterator[MistralFake]:
    async with mistral_fake() as fake:
        yield fake


@pytest.fixture
async def resources(fake: MistralFake, tmp_path: Path) -> AsyncIterator[Resources]:
    secrets = Secrets.model_validate({"mistral_api_key": KEY, "mistral_base_url": fake.url})
    resources = Resources(secrets, ModelParams(cache_dir=tmp_path))
    yield resources
    await resources.aclose()


@contextlib.asynccontextmanager
async def conversation(resources: Resources, text: str = PIPELINE) -> AsyncIterator[TextCall]:
    async with open_text_call(load_pipeline(text, source="test"), resources) as call:
        await call.until_ready()
        yield call


async def say(call: TextCall, *lines: str) -> None:
    for line in lines:
        await call.say(line)
        await call.until_ready()


def choose(tea: str, call_id: str = "choose001") -> ToolCall:
    return ToolCall("choose", {"tea": tea}, call_id=call_id)


def tools(body: dict[str, Any]) -> set[str]:
    return {each["function"]["name"] for each in body["tools"]}


def texts(body: dict[str, Any]) -> str:
    return "\n".join(str(each.get("content")) for each in body["messages"])


AT_TEA, AT_AMOUNT = {"choose", "complain", "hangup"}, {"take", "other", "hangup"}


async def test_the_model_sees_each_nodes_task_and_functions_alone(
    fake: MistralFake, resources: Resources
) -> None:
    fake.expect([choose("green")], [ToolCall("take", {"grams_taken": 100}, call_id="take00001")])
    async with conversation(resources) as call:
        await say(call, "Green tea.", "A hundred.")
        transcript = call.transcript

    first, second = (asked.body for asked in fake.chat.requests)
    assert (tools(first), tools(second)) == (AT_TEA, AT_AMOUNT)
    assert "Ask which tea." in texts(first)
    assert "Ask which tea." not in texts(second)
    assert "There are 250 grams of green. Ask how much." in texts(second)
    assert str(transcript).splitlines()[-1] == "Assistant: 100 grams it is. Goodbye."
    used = [(use.name, use.result, use.failed) for use in transcript.tools]
    assert used == [
        ("left", {"grams": 250}, False),
        ("take", {"status": "done"}, False),
        ("hangup", None, False),
    ]
    assert transcript.ending == "hangup"


async def test_a_failed_tool_leads_elsewhere_and_the_model_speaks_there(
    fake: MistralFake, resources: Resources
) -> None:
    fake.expect([choose("gone")], words("That one is gone."))
    async with conversation(resources) as call:
        await say(call, "Gone tea.")
        said = str(call.transcript).splitlines()[-1]

    assert said == "Assistant: That one is gone."
    assert tools(fake.chat.requests[-1].body) == {"again", "hangup"}


async def test_arguments_that_are_wrong_leave_the_model_where_it_is(
    fake: MistralFake, resources: Resources
) -> None:
    fake.expect([ToolCall("choose", {"tea": 3}, call_id="choose001")], words("Which one?"))
    async with conversation(resources) as call:
        await say(call, "Tea.")

    assert tools(fake.chat.requests[-1].body) == AT_TEA
    assert "must be of type string" in texts(fake.chat.requests[-1].body)


async def test_a_node_ends_the_call_once_the_model_has_said_goodbye(
    fake: MistralFake, resources: Resources
) -> None:
    complaint = ToolCall("complain", call_id="complain1")
    fake.expect([*words("Oh dear."), complaint], words("I am sorry. Goodbye."))
    async with conversation(resources) as call:
        await say(call, "Your tea is bad.")
        transcript = call.transcript

    assert str(transcript).splitlines()[-1].endswith("I am sorry. Goodbye.")
    assert transcript.ending == "hangup"


async def test_the_second_of_two_steps_at_once_is_too_late(
    fake: MistralFake, resources: Resources
) -> None:
    both = [ToolCall("complain", call_id="complain1"), choose("green")]
    fake.expect(both, words("I am sorry. Goodbye."))
    async with conversation(resources) as call:
        await say(call, "Bad green tea.")
        names = [use.name for use in call.transcript.tools]

    assert "the conversation is past that" in texts(fake.chat.requests[-1].body)
    assert names == ["complain", "hangup"]


async def test_an_interruption_while_a_tool_works_keeps_the_node(
    fake: MistralFake, resources: Resources
) -> None:
    fake.expect([choose("slow")], [choose("green", "choose002")])
    async with conversation(resources) as call:
        await call.say("Slow tea.")
        await call.until(lambda: bool(call.notes.tools))
        await importlib.import_module("own_stock").slow.wait()
        await say(call, "Or green.")
        said = str(call.transcript).splitlines()[-1]

    assert tools(fake.chat.requests[1].body) == AT_TEA
    assert said == "Assistant: 250 grams of green are left. How much?"


async def test_an_interruption_right_after_a_step_keeps_the_new_node(
    fake: MistralFake, resources: Resources
) -> None:
    fake.expect([choose("gone")], [Pause(30)], words("So which one?"))
    async with conversation(resources) as call:
        await call.say("Gone tea.")
        await fake.chat.until_asked(2)
        await say(call, "Hello?")

    _, *later = (asked.body for asked in fake.chat.requests)
    assert [tools(body) for body in later] == [{"again", "hangup"}] * 2


async def test_rules_take_over_in_the_node_where_the_model_failed(
    fake: MistralFake, resources: Resources
) -> None:
    async with conversation(resources) as call:
        fake.chat.fail(500)
        await say(call, "Give me some oolong.", "Well.", "50 grams.")
        transcript = call.transcript

    assert str(transcript).splitlines()[2:] == [
        "Assistant: 250 grams of oolong are left. How much?",
        "Caller: Well.",
        "Assistant: How many grams?",
        "Caller: 50 grams.",
        "Assistant: 50 grams it is. Goodbye.",
    ]
    assert transcript.ending == "hangup"


async def test_the_model_reads_on_where_rules_have_answered(
    fake: MistralFake, resources: Resources
) -> None:
    fake.expect(words("How much then?"))
    async with conversation(resources) as call:
        fake.chat.fail(500)
        await say(call, "Give me some oolong.")
        fake.chat.recover()
        for key in resources.health.failing():
            resources.health.worked(key)
        await say(call, "Well.")

    body = fake.chat.requests[-1].body
    assert tools(body) == AT_AMOUNT
    assert any(each.get("tool_calls") for each in body["messages"])


async def test_a_server_of_others_is_told_in_roles_that_it_knows(resources: Resources) -> None:
    async with MistralFake(strict=False) as fake:
        fake.expect([choose("gone")], words("That one is gone."))
        openai = f"service: openai\n  base_url: {fake.base_url}\n"
        text = PIPELINE.replace("service: mistral\n", openai)
        async with conversation(resources, text) as call:
            await say(call, "Gone tea.")

    body = fake.chat.requests[-1].body
    assert {each["role"] for each in body["messages"]} == {"system", "user", "assistant", "tool"}
    assert "That tea is gone. Ask for another one." in texts(body)


async def test_digits_decide_and_a_transfer_has_a_target(resources: Resources) -> None:
    async with conversation(resources, ACTS) as call:
        for digits in ("12", "4711"):
            await say(call, "My order.")
            await call.press(f"{digits}#")
            await call.until_ready()
        await say(call, "To nobody, please.", "To Sales, please.")
        transcript = call.transcript

    said = [line for line in str(transcript).splitlines() if line.startswith("Assistant")]
    assert [line.removeprefix("Assistant: ") for line in said] == [
        "Hello.",
        "Please type it.",
        "That was no number.",
        "Please type it.",
        "To whom, customer 4711?",
        "I connect you.",
        "Pardon?",
        "I connect you.",
    ]
    assert (transcript.ending, transcript.transferred_to) == ("transfer", "100")
