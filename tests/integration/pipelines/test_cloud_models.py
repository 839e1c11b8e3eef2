"""Language models through their real client, against a server on this machine."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from pipecat.frames.frames import (
    FunctionCallsStartedFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext

from pipelines.fallback.assemble import APOLOGIES, make_stage
from pipelines.loader import load_pipeline
from pipelines.params import Secrets
from pipelines.resources import Resources
from pipelines.validate import candidates_of
from tests.integration.pipelines.chain_line import Line, running
from tests.support.fakes import KEY, mistral_fake
from voiceai.fakes.chat import ToolCall
from voiceai.fakes.endpoint import Endpoint
from voiceai.fakes.mistral import MistralFake

QUESTION = "Wann haben Sie geöffnet?"
OTHER = "Da muss ich nachsehen."
FALLBACK = f"fallback: [{{service: scripted, otherwise: ['{OTHER}']}}]"


@asynccontextmanager
async def asking(
    fake: MistralFake, llm: str = f", {FALLBACK}", key: str = KEY
) -> AsyncIterator[Line]:
    """A line whose chain is the language model of a pipeline."""
    secrets = Secrets.model_validate({"mistral_api_key": key, "mistral_base_url": fake.url})
    text = f"llm: {{service: mistral, model: mistral-small-latest, first_byte_ms: 500{llm}}}"
    spec = load_pipeline(f"name: cloud\nlanguage: de-DE\n{text}\n", source="test")
    resources, line = Resources(secrets), Line()
    candidates = candidates_of(spec, "llm")
    for candidate in candidates:
        candidate.entry.load(resources, candidate.params, spec)
    try:
        async with running(line, make_stage("llm", candidates, spec, resources, line)):  # type: ignore[arg-type]
            yield line
    finally:
        await resources.aclose()


async def ask(line: Line) -> list[str]:
    """Ask; returns all answers so far."""
    before = len(line.of(LLMFullResponseEndFrame))
    context = LLMContext([{"role": "user", "content": QUESTION}])
    await line.put(LLMContextFrame(context))
    await line.until(lambda: len(line.of(LLMFullResponseEndFrame)) > before)
    return line.texts()


async def test_mistral_answers() -> None:
    async with mistral_fake() as fake, asking(fake) as line:
        (answer,) = await ask(line)
        asked = fake.chat.requests[0].body

    assert answer
    assert line.failures == []
    assert asked["model"] == "mistral-small-latest"
    assert asked["stream"] is True
    assert asked["messages"][-1]["content"] == QUESTION


async def test_a_tool_call_on_its_way_is_no_silence() -> None:
    long = ToolCall("note", {"text": "a caller's whole story"}, pieces=8)
    async with mistral_fake() as fake, asking(fake) as line:
        fake.expect([long])
        fake.chat.slow(0.0, between_seconds=0.1)
        await line.put(LLMContextFrame(LLMContext([{"role": "user", "content": QUESTION}])))
        await line.until(lambda: line.of(FunctionCallsStartedFrame))
    (started,) = line.of(FunctionCallsStartedFrame)
    assert started.function_calls[0].arguments == long.arguments
    assert line.failures == []


async def test_a_tool_call_that_breaks_off_is_silence() -> None:
    async with mistral_fake() as fake, asking(fake) as line:
        fake.expect([ToolCall("note", {"text": "a caller's whole story"}, pieces=8)])
        fake.chat.stall(4)
        assert await ask(line) == [OTHER]
    assert line.failures == [("mistral", "silent for 0.5 s", "scripted")]


TROUBLES: dict[str, Callable[[Endpoint], None]] = {
    "401": lambda chat: chat.fail(401),
    "429": lambda chat: chat.fail(429, retry_after_seconds=30),
    "500": lambda chat: chat.fail(500),
    "503": lambda chat: chat.fail(503),
    "stall": lambda chat: chat.stall(),
    "drop": lambda chat: chat.drop(),
}


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_another_one_answers_when_mistral_is_in_trouble(trouble: str) -> None:
    async with mistral_fake() as fake:
        TROUBLES[trouble](fake.chat)
        async with asking(fake) as line:
            assert await ask(line) == [OTHER]

    assert [(service, instead) for service, _, instead in line.failures] == [
        ("mistral", "scripted")
    ]


@pytest.mark.parametrize("trouble", ["stall", "drop"])
async def test_an_answer_that_breaks_off_is_followed_by_another_one(trouble: str) -> None:
    async with mistral_fake() as fake:
        getattr(fake.chat, trouble)(3)
        async with asking(fake) as line:
            await ask(line)
            await line.until(lambda: line.texts()[-1] == OTHER)

    first, second = line.texts()
    assert first
    assert second == OTHER


async def test_without_another_one_an_apology_is_said_and_mistral_is_asked_again() -> None:
    async with mistral_fake() as fake:
        fake.chat.fail(500)
        async with asking(fake, llm="") as line:
            assert await ask(line) == [APOLOGIES["de"]]
            fake.chat.recover()
            answers = await ask(line)

    assert answers[-1] != APOLOGIES["de"]
    assert [instead for _, _, instead in line.failures] == [None]


async def test_a_wrong_key_is_told_once_and_clearly() -> None:
    async with mistral_fake() as fake, asking(fake, key="f" * 32) as line:
        assert await ask(line) == [OTHER]
        assert (await ask(line))[-1] == OTHER

    assert len(line.failures) == 1
    assert "401" in line.failures[0][1]
