"""What a caller of the laboratory says: texts, recordings or digits, and when."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ServiceUnavailable
from pipelines.findings import Finding
from pipelines.registry import REGISTRY
from pipelines.resources import Resources, Voice
from pipelines.spec import PipelineSpec
from voiceai.bench.track import SPEECH_DBFS, level_dbfs

__all__ = [
    "DIGITS",
    "SAMPLE_RATE_HZ",
    "Say",
    "Sound",
    "caller_voice",
    "say_of",
    "to_pcm",
    "to_samples",
    "with_noise",
]

SAMPLE_RATE_HZ = 8000
DIGITS = "/digits"
FULL_SCALE = 32767.0
SLOT_BYTES, SLOT_SECONDS = 320, 0.02
AUDIBLE_NOISE_DBFS = -60.0
"""Quieter noise is put between what is said only, where A-law does not drown it."""


@dataclass(frozen=True, slots=True)
class Say:
    """One turn of a caller.

    Attributes:
        text: The words: spoken by a local voice, unless there is audio.
        audio: 16-bit mono samples at 8 kHz as bytes or integers, or floats of -1..1.
        digits: Typed instead.
        interrupts_after: Seconds into the answer to the turn before at which it is said; None
            waits for the end of that answer.
    """

    text: str = ""
    audio: bytes | NDArray[Any] | None = None
    digits: str = ""
    interrupts_after: float | None = None


@dataclass(frozen=True, slots=True)
class Sound:
    """How a turn sounds on the line.

    Attributes:
        pcm: 16-bit little-endian mono at 8 kHz.
        begins: When the voice is first heard, seconds from its start, whatever the noise.
        ends: When it is heard last.
    """

    pcm: bytes
    begins: float = 0.0
    ends: float = 0.0

    @classmethod
    def of(cls, pcm: bytes, noise_dbfs: float, seed: int) -> "Sound":
        """Return clean speech in a room with that noise."""
        slots = [pcm[at : at + SLOT_BYTES] for at in range(0, len(pcm), SLOT_BYTES)]
        voiced = [n for n, slot in enumerate(slots) if level_dbfs(slot) > SPEECH_DBFS] or [0]
        noisy = with_noise(pcm, noise_dbfs, seed)
        return cls(noisy, voiced[0] * SLOT_SECONDS, voiced[-1] * SLOT_SECONDS)


def say_of(turn: "Say | str | bytes | NDArray[Any]") -> Say:
    """Return a turn as it may be written: text, ``/digits 123#``, or audio."""
    if isinstance(turn, Say):
        return turn
    if isinstance(turn, str):
        if turn.startswith(DIGITS):
            return Say(digits=turn.removeprefix(DIGITS).strip())
        return Say(turn)
    return Say(audio=turn)


def to_pcm(audio: bytes | NDArray[Any]) -> bytes:
    """Return audio as 16-bit little-endian mono at 8 kHz.

    Raises:
        ValueError: It is not mono.
    """
    if isinstance(audio, bytes):
        return audio
    if audio.ndim != 1:
        raise ValueError(f"audio must be mono at {SAMPLE_RATE_HZ} Hz, not of shape {audio.shape}")
    is_float = np.issubdtype(audio.dtype, np.floating)
    scaled: NDArray[Any] = np.clip(audio, -1.0, 1.0) * FULL_SCALE if is_float else audio
    return scaled.astype("<i2").tobytes()


def to_samples(pcm: bytes) -> NDArray[np.float32]:
    """Return 16-bit little-endian mono audio as samples of -1..1."""
    samples: NDArray[np.float32] = np.frombuffer(pcm, "<i2").astype(np.float32)
    samples /= 32768.0
    return samples


def with_noise(pcm: bytes, level_dbfs: float, seed: int) -> bytes:
    """Return speech in a noisy room: white noise of that level added."""
    if level_dbfs < AUDIBLE_NOISE_DBFS:
        return pcm
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    noise = np.random.default_rng(seed).normal(0, 32768 * 10 ** (level_dbfs / 20), len(samples))
    return np.clip(samples + noise, -32768, 32767).astype("<i2").tobytes()


def caller_voice(resources: Resources, spec: PipelineSpec) -> Voice:
    """Return a local voice for a pipeline's language; loads it, blocks.

    Raises:
        ServiceUnavailable: There is none on this machine.
    """
    entry = REGISTRY["tts"]["local"]
    voice = entry.load(resources, entry.params(), spec)
    if voice is None:
        raise ServiceUnavailable(Finding(f"there is no local voice for {spec.language}"))
    return voice
