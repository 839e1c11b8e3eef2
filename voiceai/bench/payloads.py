"""What a bench's callers send: A-law payloads of 20 ms."""

from typing import Final

import numpy as np

from transports.audio.g711 import Alaw

SLOT_SECONDS: Final = 0.02
SLOT_SAMPLES: Final = 160
NOISE_RMS: Final = 18.0
"""-65 dBFS: a quiet room."""


def payloads_of(pcm: bytes) -> list[bytes]:
    """Encode 16-bit samples at 8 kHz; the last payload is filled up with silence."""
    encoded = Alaw().encode(pcm + bytes(-len(pcm) % (2 * SLOT_SAMPLES)))
    return [encoded[at : at + SLOT_SAMPLES] for at in range(0, len(encoded), SLOT_SAMPLES)]


def quiet_room(slots: int) -> list[bytes]:
    """Return so many payloads of a quiet room, always the same."""
    samples = np.random.default_rng(20).normal(0, NOISE_RMS, slots * SLOT_SAMPLES)
    return payloads_of(samples.astype("<i2").tobytes())
