"""Synthesised speech made ready for the telephone (pure but for soxr and numpy)."""

import numpy as np
import soxr
from numpy.typing import NDArray

TELEPHONE_RATE = 8000
AUDIBLE = 0.01
"""Of full scale, -40 dBFS: below it local voices have breath and nothing else."""
HEAD_SECONDS = 0.02
TAIL_SECONDS = 0.15
"""Kept around what is audible: local voices have up to half a second of silence at both ends."""


def for_telephone(samples: NDArray[np.float32], rate: int) -> bytes:
    """Trim the silence around speech and bring it to 8 kHz.

    Args:
        samples: Mono, -1..1.
        rate: Samples per second.

    Returns:
        16-bit little-endian mono at 8 kHz; empty if nothing in it is audible.
    """
    audible = np.flatnonzero(np.abs(samples) > AUDIBLE)
    if not audible.size:
        return b""
    start = max(0, int(audible[0]) - int(HEAD_SECONDS * rate))
    end = int(audible[-1]) + 1 + int(TAIL_SECONDS * rate)
    speech = samples[start:end].astype(np.float32)
    if rate != TELEPHONE_RATE:
        speech = soxr.resample(speech, rate, TELEPHONE_RATE, quality="HQ")
    return (np.clip(speech, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()


def seconds(pcm: bytes) -> float:
    """Return how long 16-bit mono audio at 8 kHz lasts."""
    return len(pcm) / (2 * TELEPHONE_RATE)


def word_times(text: str, duration: float, offset: float) -> list[tuple[str, float]]:
    """Guess when each word starts, by its share of the letters.

    Args:
        text: What is spoken.
        duration: Of the whole text, in seconds.
        offset: Added to every time.
    """
    words = text.split()
    total = sum(len(word) + 1 for word in words)
    times, before = [], 0
    for word in words:
        times.append((word, offset + duration * before / total))
        before += len(word) + 1
    return times
