"""Cloud services that are none: servers on this machine that speak as Azure and Mistral do."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from pydantic import SecretStr

from pipelines.errors import ServiceUnavailable
from pipelines.loader import load_pipeline
from pipelines.rules import Responder, Script
from pipelines.services.moonshine import Moonshine
from voiceai.demo.script import NUMBER
from voiceai.errors import VoiceaiError
from voiceai.fakes.azure import AzureFake
from voiceai.fakes.chat import Part, ToolCall, words
from voiceai.fakes.mistral import MistralFake
from voiceai.fakes.recognisers import RealRecogniser, by_model
from voiceai.fakes.voices import espeak
from voiceai.settings import Settings
from voiceai.store.repository import Store

KEY = "demonstration-without-a-real-key"
"""32 characters, which Azure's SDK asks for."""

ASSISTANT = """
name: clouds
extends: azure-mistral-en
greeting: Hello, you are speaking with the receptionist of this demonstration, an AI.
"""


@contextlib.asynccontextmanager
async def fake_clouds(settings: Settings) -> AsyncIterator[Settings]:
    """Run the servers; yields settings that lead to them.

    Azure understands with the local recogniser and speaks with espeak-ng; Mistral answers by the
    rules of the embedded receptionist, word by word.

    Raises:
        VoiceaiError: The local recogniser is not there.
    """
    try:
        moonshine = await asyncio.to_thread(Moonshine)
    except ServiceUnavailable as error:
        raise VoiceaiError(f"the fakes understand with Moonshine: {error}") from error
    recogniser = RealRecogniser(by_model(moonshine.recognise))
    async with (
        AzureFake(recogniser=recogniser, speak=espeak, key=KEY) as azure,
        MistralFake(respond=_Receptionist(), key=KEY) as mistral,
    ):
        addresses = {
            "azure_speech_key": SecretStr(KEY),
            "azure_speech_endpoint": azure.url,
            "mistral_api_key": SecretStr(KEY),
            "mistral_base_url": mistral.base_url,
        }
        yield settings.model_copy(update=addresses)


async def assign_clouds(store: Store) -> None:
    """Have the assistant on the fakes answer the demonstration's number."""
    imported = await store.import_assistant(ASSISTANT, source="demo")
    await store.assign(NUMBER, imported.name)


class _Receptionist:
    """Answers as the embedded receptionist does, in the manner of a language model."""

    def __init__(self) -> None:
        text = (files("voiceai.store") / "seed" / "reception-en.yaml").read_text(encoding="utf-8")
        spec = load_pipeline(text, source="reception-en")
        self._responder = Responder(Script.model_validate(spec.llm.params))

    def __call__(self, body: Mapping[str, Any]) -> Sequence[Part]:
        said = [turn for turn in body.get("messages", ()) if turn.get("role") == "user"]
        reply = self._responder.answer(str(said[-1].get("content", "")) if said else "")
        tools = [ToolCall(reply.tool.name)] if reply.tool else []
        return [*words(reply.say), *tools]
