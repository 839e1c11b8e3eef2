"""A language model has another asked for the caller, and hears that nobody was there."""

from pathlib import Path

from pipelines.builder import Conversation
from pipelines.loader import load_pipeline
from pipelines.params import ModelParams, Secrets
from pipelines.ports import AttendedTransfer
from pipelines.resources import Resources
from pipelines.warm import warm
from tests.integration.pipelines.telephone import Telephone, call
from tests.support.fakes import KEY, mistral_fake
from voiceai.fakes.chat import ToolCall

RECEPTION = """
name: reception
extends: local-en
greeting: ''
disclosure: ''
idle:
llm: {service: mistral, model: m, first_byte_ms: 2000}
tts: {service: espeak}
tools:
  - transfer: {targets: {sales: "100"}, mode: attended, announce: A caller., ring_seconds: 9}
"""


async def test_a_model_hears_what_came_of_asking_and_goes_on(tmp_path: Path) -> None:
    async def asks_for_sales(conversation: Conversation, telephone: Telephone) -> None:
        for digit in "1#":
            await conversation.press(digit)
        await telephone.until(lambda: telephone.control)
        await conversation.announce("A caller.")
        announced.extend(telephone.assistant)
        await conversation.note("The transfer to 100 failed: busy.")
        await conversation.say("Nobody is there.")
        await telephone.until(lambda: len(telephone.assistant) == 2)
        contexts.extend(conversation.context.get_messages())

    announced: list[tuple[str, bool]] = []
    contexts: list[object] = []
    async with mistral_fake(strict=False) as fake:
        fake.expect(["One moment.", ToolCall("transfer", {"target": "sales"})])
        secrets = Secrets.model_validate({"mistral_api_key": KEY, "mistral_base_url": fake.url})
        resources = Resources(secrets, ModelParams(cache_dir=tmp_path))
        try:
            spec = load_pipeline(RECEPTION, source="test")
            assert await warm(resources, [spec]) == {}
            _, telephone = await call(spec, resources, asks_for_sales)
        finally:
            await resources.aclose()

    asked = AttendedTransfer("100", announce="A caller.", ring_seconds=9)
    assert telephone.control == [("consult", asked)]
    assert announced == [("One moment.", False)]
    assert telephone.assistant[1:] == [("Nobody is there.", False)]
    assert contexts[-2:] == [
        {"role": "developer", "content": "The transfer to 100 failed: busy."},
        {"role": "assistant", "content": "Nobody is there."},
    ]
