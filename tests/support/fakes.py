"""Fake cloud services as tests want them: with a key, and a list of what is understood."""

from collections.abc import AsyncIterator, Container
from contextlib import asynccontextmanager
from typing import Final

import pytest

from voiceai.fakes.azure import AzureFake
from voiceai.fakes.edge import EdgeFake
from voiceai.fakes.mistral import MistralFake
from voiceai.fakes.recognisers import ScriptedRecogniser, Utterance
from voiceai.fakes.voices import Speak, murmur

__all__ = ["KEY", "azure_fake", "edge_fake", "mistral_fake"]

KEY: Final = "0123456789abcdef0123456789abcdef"
"""Of the length that Azure's SDK wants."""


@asynccontextmanager
async def azure_fake(
    *understood: str | Utterance, speak: Speak = murmur
) -> AsyncIterator[AzureFake]:
    """Serve Azure Speech with the key `KEY`; it understands these texts in order."""
    recogniser = ScriptedRecogniser(understood)
    async with AzureFake(recogniser=recogniser, speak=speak, key=KEY) as fake:
        yield fake


@asynccontextmanager
async def edge_fake(
    *, speak: Speak = murmur, voices: Container[str] | None = None
) -> AsyncIterator[EdgeFake]:
    """Serve Edge, and let the package edge-tts find it for as long."""
    async with EdgeFake(speak=speak, voices=voices) as fake:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("edge_tts.communicate.WSS_URL", fake.websocket_url)
            patch.setattr("edge_tts.voices.VOICE_LIST", fake.voices_url)
            yield fake


@asynccontextmanager
async def mistral_fake(
    *understood: str | Utterance, strict: bool = True, speak: Speak = murmur
) -> AsyncIterator[MistralFake]:
    """Serve Mistral with the key `KEY`; its transcriptions understand these texts in order."""
    recogniser = ScriptedRecogniser(understood)
    async with MistralFake(recogniser=recogniser, speak=speak, key=KEY, strict=strict) as fake:
        yield fake
