"""A language model uses tools in a conversation; the caller types instead of speaking."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from pipecat.frames.frames import VADUserStartedSpeakingFrame, VADUserStoppedSpeakingFrame

from pipelines.builder import Conversation
from pipelines.errors import LookUpFailed
from pipelines.loader import load_pipeline
from pipelines.params import ModelParams, Secrets
from pipelines.resources import Resources
from pipelines.warm import warm
from tests.integration.pipelines.telephone import Telephone, call
from tests.support.fakes import KEY, mistral_fake
from voiceai.fakes.chat import Part, ToolCall
from voiceai.fakes.mistral import MistralFake

TOOLS = """
name: tools
extends: local-en
greeting: ''
disclosure: ''
idle:
llm: {service: mistral, model: m, first_byte_ms: 2000}
tts: {service: espeak}
tools:
  - hangup
  - transfer: {targets: {sales: "100", support: "200"}}
  - python:
      use: own_tools:price
      name: price
      description: What something costs
      parameters: {thing: What, count: {description: How many, type: integer, required: false}}
  - python: {use: own_tools:breaks, name: breaks, description: Breaks, timeout_ms: 100}
  - look_up:
      name: order
      description: An order
      sql: SELECT state FROM orders WHERE number = :number AND number <> ':number'
      parameters: {number: Its number}
  - collect_digits: {name: customer, description: The number, max: 4, say: Please type it.}
"""

OWN_TOOLS = """
import time

async def price(thing, count=1):
    return {"thing": thing, "euros": 5 * count}

def breaks():
    time.sleep(0.3)
"""

Script = Callable[[Conversation, Telephone], Awaitable[None]]


async def orders(
    query: str, values: Sequence[object], *, timeout_seconds: float, max_rows: int
) -> list[dict[str, Any]]:
    """A database that knows one order."""
    assert query == "SELECT state FROM orders WHERE number = $1 AND number <> ':number'"
    assert (timeout_seconds, max_rows) == (2.0, 20)
    if values == ["away"]:
        raise LookUpFailed("the database cannot answer that")
    return [{"state": "sent"}] if values == ["1234"] else []


@pytest.fixture(autouse=True)
def own_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_tools.py").write_text(OWN_TOOLS)
    monkeypatch.syspath_prepend(tmp_path)


async def talk(
    fake: MistralFake, script: Script, *replies: Sequence[Part], folder: Path
) -> Telephone:
    """Run a conversation in which the model replies so."""
    fake.expect(*replies)
    secrets = Secrets.model_validate({"mistral_api_key": KEY, "mistral_base_url": fake.url})
    resources = Resources(secrets, ModelParams(cache_dir=folder))
    resources.look_up = orders
    try:
        spec = load_pipeline(TOOLS, source="test")
        assert await warm(resources, [spec]) == {}
        _, telephone = await call(spec, resources, script)
    finally:
        await resources.aclose()
    return telephone


async def type_it(conversation: Conversation, digits: str) -> None:
    for digit in digits:
        await conversation.press(digit)


RESULTS: list[tuple[ToolCall, object, bool]] = [
    (
        ToolCall("price", {"thing": "tea", "count": 3}),
        {"thing": "tea", "euros": 15},
        False,
    ),
    (ToolCall("price", {"thing": 3}), "parameter 'thing' must be of type string", True),
    (ToolCall("breaks"), "no answer within 100 ms", True),
    (ToolCall("order", {"number": "1234"}), {"rows": [{"state": "sent"}]}, False),
    (ToolCall("order", {"number": "' OR 1=1 --"}), {"rows": []}, False),
    (ToolCall("order", {"number": "away"}), "the database cannot answer that", True),
]


@pytest.mark.parametrize(("tool", "result", "failed"), RESULTS, ids=lambda each: str(each)[:40])
async def test_the_model_is_told_what_a_tool_found(
    tool: ToolCall, result: object, failed: bool, tmp_path: Path
) -> None:
    async with mistral_fake(strict=False) as fake:

        async def types(conversation: Conversation, _telephone: Telephone) -> None:
            await type_it(conversation, "1#")
            await fake.chat.until_asked(2)

        telephone = await talk(fake, types, [tool], ["Here it is."], folder=tmp_path)
        messages = fake.chat.requests[-1].body["messages"]

    (told,) = [each for each in messages if each["role"] == "tool"]
    assert telephone.results == [(tool.name, result, failed)]
    assert all(str(value) in told["content"] for value in _leaves(result))


def _leaves(data: object) -> list[object]:
    if isinstance(data, dict):
        return [leaf for value in data.values() for leaf in _leaves(value)]
    if isinstance(data, list):
        return [leaf for value in data for leaf in _leaves(value)]
    return [data]


async def test_malformed_arguments_do_not_end_the_conversation(tmp_path: Path) -> None:
    async def hears_something(conversation: Conversation, telephone: Telephone) -> None:
        await type_it(conversation, "1#")
        await telephone.until(lambda: telephone.speaker.played)
        assert not telephone.ended

    async with mistral_fake(strict=False) as fake:
        broken = ToolCall("price", '{"thing": "tea"')
        telephone = await talk(fake, hears_something, [broken], ["One moment."], folder=tmp_path)

    assert telephone.results == []


async def test_digits_are_collected_by_the_tool_and_kept_from_everybody_else(
    tmp_path: Path,
) -> None:
    async def types(conversation: Conversation, telephone: Telephone) -> None:
        await type_it(conversation, "1#")
        await telephone.until(lambda: telephone.tools)
        await asyncio.sleep(0.1)
        await type_it(conversation, "4711")
        await telephone.until(lambda: telephone.results)
        await telephone.until(lambda: any("Thank you" in text for text, _ in telephone.assistant))

    async with mistral_fake(strict=False) as fake:
        telephone = await talk(fake, types, [ToolCall("customer")], ["Thank you."], folder=tmp_path)
        told = fake.chat.requests[-1].body["messages"]

    assert telephone.results == [("customer", {"digits": "••••", "entry": "complete"}, False)]
    assert "4711" in next(each["content"] for each in told if each["role"] == "tool")
    assert all("4711" not in text for text in telephone.caller)
    assert telephone.secrets == [True, False], "the recording is silent meanwhile"


async def test_what_is_typed_around_a_noise_reaches_the_model_alone_and_whole(
    tmp_path: Path,
) -> None:
    """A noise cancels the tool: its digits reached nobody, or transcript and recording."""

    async def types(conversation: Conversation, telephone: Telephone) -> None:
        await type_it(conversation, "1#")
        await telephone.until(lambda: telephone.secrets)
        await type_it(conversation, "47")
        await telephone.make_noise(conversation)
        await type_it(conversation, "1#")
        await telephone.until(lambda: ("Thanks.", False) in telephone.assistant)

    async with mistral_fake() as fake:
        telephone = await talk(fake, types, [ToolCall("customer")], ["Thanks."], folder=tmp_path)
        told = fake.chat.requests[-1].body["messages"]

    late = [each["content"] for each in told if "471" in str(each)]
    assert len(late) == 1
    assert late[0].endswith('{"customer": {"digits": "471", "entry": "complete"}}')
    assert telephone.caller == ["DTMF: 1#"]
    assert telephone.results == [("customer", {"digits": "•••", "entry": "complete"}, False)]
    assert telephone.secrets == [True, False]


async def test_keys_around_a_noise_that_no_tool_asked_for_are_one_entry(tmp_path: Path) -> None:
    async def types(conversation: Conversation, telephone: Telephone) -> None:
        await type_it(conversation, "12")
        await conversation.worker.queue_frame(VADUserStartedSpeakingFrame())
        await type_it(conversation, "3")
        await conversation.worker.queue_frame(VADUserStoppedSpeakingFrame())
        await type_it(conversation, "4#")
        await telephone.until(lambda: telephone.assistant)

    async with mistral_fake(strict=False) as fake:
        telephone = await talk(fake, types, ["Thanks."], folder=tmp_path)
        told = fake.chat.requests[-1].body["messages"]

    assert [each["content"] for each in told if each["role"] == "user"] == ["DTMF: 1234#"]
    assert telephone.caller == ["DTMF: 1234#"]


async def test_the_caller_is_handed_to_whom_the_model_chose_once_it_was_said(
    tmp_path: Path,
) -> None:
    async def asks_for_sales(conversation: Conversation, telephone: Telephone) -> None:
        await type_it(conversation, "1#")
        await telephone.until(lambda: telephone.ended)

    async with mistral_fake(strict=False) as fake:
        reply: list[Part] = ["I put you through.", ToolCall("transfer", {"target": "sales"})]
        telephone = await talk(fake, asks_for_sales, reply, folder=tmp_path)

    assert telephone.control == [("transfer", "100")]
    assert telephone.assistant == [("I put you through.", False)]
