"""Comfort noise: what both sides hear when nobody speaks, since digital silence sounds dead.

One seeded table serves every call, so a frame of noise costs a slice.
"""

from functools import cache

import numpy as np

__all__ = ["NOISE_LEVEL_DBFS", "ComfortNoise"]

NOISE_LEVEL_DBFS = -65.0
"""Just above A-law's smallest step, and below the idle noise of a telephone line (-60)."""

TABLE_SAMPLES = 8 * 8000
"""Eight seconds, past which no ear recognises the repetition."""

SAMPLE_BYTES = 2

SEED = 3389  # the RFC number of comfort noise; any constant would do


@cache
def _table() -> bytes:
    rms = 32768.0 * 10.0 ** (NOISE_LEVEL_DBFS / 20.0)
    samples = np.random.default_rng(SEED).normal(0.0, rms, TABLE_SAMPLES)
    return np.rint(samples).astype("<i2").tobytes()


class ComfortNoise:
    """An endless reader of the noise table: 16-bit little-endian mono at 8 kHz.

    Args:
        start: The sample to start at, so that calls do not hiss in unison.
    """

    def __init__(self, *, start: int = 0) -> None:
        self._table = _table()
        self._position = start % TABLE_SAMPLES * SAMPLE_BYTES

    def take(self, samples: int) -> bytes:
        """Return the next ``samples`` samples (at most :data:`TABLE_SAMPLES`)."""
        end = self._position + samples * SAMPLE_BYTES
        noise = self._table[self._position : end]
        if end >= len(self._table):
            end -= len(self._table)
            noise += self._table[:end]
        self._position = end
        return noise
