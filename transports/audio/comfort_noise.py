"""Comfort noise: what both sides hear when nobody speaks, since digital silence sounds dead.

One seeded table serves every call, so a frame of noise costs a slice.
"""

from functools import cache

import numpy as np

from transports.audio.g711 import Codec

__all__ = ["NOISE_LEVEL_DBFS", "ComfortNoise"]

NOISE_LEVEL_DBFS = -65.0
"""Just above A-law's smallest step, and below the idle noise of a telephone line (-60)."""

TABLE_SAMPLES = 8 * 8000
"""Eight seconds, past which no ear recognises the repetition."""

SEED = 3389  # the RFC number of comfort noise; any constant would do


@cache
def _table(codec: Codec | None) -> bytes:
    rms = 32768.0 * 10.0 ** (NOISE_LEVEL_DBFS / 20.0)
    samples = np.random.default_rng(SEED).normal(0.0, rms, TABLE_SAMPLES)
    pcm = np.rint(samples).astype("<i2").tobytes()
    return pcm if codec is None else codec.encode(pcm)


class ComfortNoise:
    """An endless reader of the noise table.

    Args:
        codec: The law to read encoded bytes of; ``None`` reads 16-bit little-endian samples.
        start: The sample to start at, so that calls do not hiss in unison.
    """

    def __init__(self, codec: Codec | None = None, *, start: int = 0) -> None:
        self._table = _table(codec)
        self._width = 2 if codec is None else 1
        self._position = start % TABLE_SAMPLES * self._width

    def take(self, samples: int) -> bytes:
        """Return the next ``samples`` samples (at most :data:`TABLE_SAMPLES`)."""
        end = self._position + samples * self._width
        noise = self._table[self._position : end]
        if end >= len(self._table):
            end -= len(self._table)
            noise += self._table[:end]
        self._position = end
        return noise
