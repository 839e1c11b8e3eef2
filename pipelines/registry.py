"""Every service a pipeline may name. To add one: a file in ``services`` and a line here."""

from collections.abc import Mapping
from typing import Literal

from pipelines.services.azure import AZURE_STT, AZURE_TTS
from pipelines.services.echo import ECHO
from pipelines.services.edge import EDGE
from pipelines.services.entry import ServiceEntry
from pipelines.services.espeak import ESPEAK
from pipelines.services.hibari import HIBARI
from pipelines.services.local import LOCAL_STT, LOCAL_TTS
from pipelines.services.local_llm import LOCAL_LLM
from pipelines.services.mistral import MISTRAL_LLM, MISTRAL_STT
from pipelines.services.mistral_voice import MISTRAL_TTS
from pipelines.services.moonshine import MOONSHINE
from pipelines.services.openai import OPENAI
from pipelines.services.pico import PICO
from pipelines.services.scripted import SCRIPTED
from pipelines.services.whisper import WHISPER

Kind = Literal["stt", "llm", "tts"]
KINDS: tuple[Kind, ...] = ("stt", "llm", "tts")

Registry = Mapping[Kind, Mapping[str, ServiceEntry]]

REGISTRY: Registry = {
    "stt": {
        "azure": AZURE_STT,
        "local": LOCAL_STT,
        "mistral": MISTRAL_STT,
        "moonshine": MOONSHINE,
        "whisper": WHISPER,
    },
    "llm": {
        "echo": ECHO,
        "local-llm": LOCAL_LLM,
        "mistral": MISTRAL_LLM,
        "openai": OPENAI,
        "scripted": SCRIPTED,
    },
    "tts": {
        "azure": AZURE_TTS,
        "edge": EDGE,
        "espeak": ESPEAK,
        "hibari": HIBARI,
        "local": LOCAL_TTS,
        "mistral": MISTRAL_TTS,
        "pico": PICO,
    },
}
