"""Fake cloud services as tests want them: with a key, and a list of what is understood."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from voiceai.fakes.azure import AzureFake
from voiceai.fakes.mistral import MistralFake
from voiceai.fakes.recognisers import ScriptedRecogniser, Utterance
from voiceai.fakes.voices import Speak, murmur

__all__ = ["KEY", "azure_fake", "mistral_fake"]

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
async def mistral_fake(
    *understood: str | Utterance, strict: bool = True, speak: Speak = murmur
) -> AsyncIterator[MistralFake]:
    """Serve Mistral with the key `KEY`; its transcriptions understand these texts in order."""
    recogniser = ScriptedRecogniser(understood)
    async with MistralFake(recogniser=recogniser, speak=speak, key=KEY, strict=strict) as fake:
        yield fake
