"""What the bench's callers say: sentences of the local English voice, or files of recordings."""

import asyncio
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import soxr

from pipelines.registry import REGISTRY
from pipelines.resources import Resources
from pipelines.spec import PipelineSpec
from voiceai.bench.errors import BenchUnavailable

__all__ = ["SENTENCES", "recorded_sentences", "spoken_sentences"]

SAMPLE_RATE_HZ: Final = 8000
SENTENCES: Final = (
    "What are your opening hours?",
    "I would like to make an appointment.",
    "On Tuesday, please.",
    "Where are you?",
    "Are you open on Friday?",
    "My name is Sarah.",
    "Can I come at the weekend?",
    "What is your address?",
    "I am calling about order number seven.",
    "Who are you?",
    "Is Wednesday possible?",
    "How do I find you?",
    "Thank you very much.",
    "Are you closed on Saturday?",
    "I need an appointment for my daughter.",
    "Thursday would be best for me.",
    "Am I talking to a computer?",
    "Which street is that?",
    "Good morning, can you help me?",
    "Monday is fine.",
    "Could I have an appointment next week?",
    "Do you have time on Sunday?",
)
"""What one may say to the English assistant of the embedded database, with varied endings."""


async def spoken_sentences(resources: Resources, texts: Sequence[str] = SENTENCES) -> list[bytes]:
    """Return sentences in the local English voice: 16-bit mono at 8 kHz.

    Raises:
        BenchUnavailable: There is no such voice on this machine.
    """
    spec = PipelineSpec(name="caller", language="en-US")
    entry = REGISTRY["tts"]["local"]
    finding = entry.check(resources, entry.params(), spec)
    if finding is not None:
        raise BenchUnavailable(f"no local voice for the caller: {finding}")
    voice = await asyncio.to_thread(entry.load, resources, entry.params(), spec)
    if voice is None:
        raise BenchUnavailable("no local voice for the caller")
    return [await resources.speech(voice, text) for text in texts]


def recorded_sentences(folder: Path) -> list[bytes]:
    """Return the 16-bit WAV files of a folder by name, mono at 8 kHz.

    Raises:
        BenchUnavailable: There is none, or one cannot be read.
    """
    files = sorted(folder.glob("*.wav"))
    if not files:
        raise BenchUnavailable(f"{folder} holds no .wav file")
    return [_read(file) for file in files]


def _read(file: Path) -> bytes:
    try:
        with wave.open(str(file)) as recording:
            if recording.getsampwidth() != 2:
                raise BenchUnavailable(f"{file} is not of 16 bits")
            samples = np.frombuffer(recording.readframes(recording.getnframes()), "<i2")
            channels, rate = recording.getnchannels(), recording.getframerate()
    except (wave.Error, EOFError) as error:
        raise BenchUnavailable(f"{file} cannot be read: {error}") from error
    mono = samples.reshape(-1, channels)[:, 0].astype(np.float32)
    if rate != SAMPLE_RATE_HZ:
        mono = soxr.resample(mono, rate, SAMPLE_RATE_HZ)
    return np.clip(mono, -32768, 32767).astype("<i2").tobytes()
