"""Comfort noise: what both sides hear when nobody speaks, since digital silence sounds dead.

One seeded table serves every call, so a frame of noise costs a slice; a call whose far side
describes its own noise (RFC 3389) has a shorter table of its own.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "LOUDEST_DBFS",
    "NOISE_LEVEL_DBFS",
    "QUIETEST_DBFS",
    "TABLE_SAMPLES",
    "ComfortNoise",
]

NOISE_LEVEL_DBFS = -65.0
"""Just above A-law's smallest step, and below the idle noise of a telephone line (-60)."""

LOUDEST_DBFS = -30.0
"""No background is louder; what claims to be is not heard louder."""

QUIETEST_DBFS = -75.0
"""Below, little is left but digital silence, which numbs a detector of speech."""

TABLE_SAMPLES = 8 * 8000
"""Eight seconds, past which no ear recognises the repetition."""

SHAPED_SAMPLES = 8000
"""A second: it is made while the call goes on, in 0.5 ms."""

RESPONSE_SAMPLES = 64
"""So long the filter of a shaped noise answers; what comes later is cut off."""

MOST_COEFFICIENTS = 12
"""More are cut off, as RFC 3389 section 4 allows; an order of 10 is usual at 8 kHz."""

SAMPLE_BYTES = 2

SEED = 3389  # the RFC number of comfort noise; any constant would do


@cache
def _white() -> NDArray[np.float64]:
    """Return noise of power 1."""
    return np.random.default_rng(SEED).normal(0.0, 1.0, TABLE_SAMPLES)


def _pcm(samples: NDArray[np.float64], dbfs: float) -> bytes:
    scale = 32768.0 * 10.0 ** (dbfs / 20.0)
    pcm: bytes = np.rint((samples * scale).clip(-32768, 32767)).astype("<i2").tobytes()
    return pcm


@cache
def _table() -> bytes:
    return _pcm(_white(), NOISE_LEVEL_DBFS)


class ComfortNoise:
    """An endless reader of noise: 16-bit little-endian mono at 8 kHz.

    Args:
        start: The sample to start at, so that calls do not hiss in unison.
    """

    __slots__ = ("_position", "_shape", "_table")

    def __init__(self, *, start: int = 0) -> None:
        self._table = _table()
        self._shape: tuple[float, tuple[float, ...]] | None = None
        self._position = start % TABLE_SAMPLES * SAMPLE_BYTES

    def become(self, dbfs: float, reflection: Sequence[float] = ()) -> None:
        """Sound as the far side describes its noise, from the next sample on.

        Args:
            dbfs: Level, dB relative to a full-scale square wave; heard within -75..-30.
            reflection: Reflection coefficients of its spectrum, each between -1 and 1; none for
                white noise.
        """
        shape = min(max(dbfs, QUIETEST_DBFS), LOUDEST_DBFS), tuple(reflection[:MOST_COEFFICIENTS])
        if shape == self._shape:
            return
        self._shape = shape
        noise = _white()[: SHAPED_SAMPLES + RESPONSE_SAMPLES - 1]
        shaped = np.convolve(noise, _response(shape[1]), "valid")
        shaped /= np.sqrt(np.mean(np.square(shaped)))
        self._table = _pcm(shaped, shape[0])
        self._position %= len(self._table)

    def take(self, samples: int) -> bytes:
        """Return the next ``samples`` samples."""
        table = self._table
        end = self._position + samples * SAMPLE_BYTES
        noise = table[self._position : end]
        while end >= len(table):
            end -= len(table)
            noise += table[:end]
        self._position = end
        return noise


def _response(reflection: Sequence[float]) -> NDArray[np.float64]:
    """Return how the all-pole filter of these coefficients answers an impulse.

    Source: the step-up recursion of linear prediction, from reflection to predictor coefficients.
    """
    predictor: list[float] = []
    for coefficient in reflection:
        turned = reversed(predictor)
        predictor = [a + coefficient * b for a, b in zip(predictor, turned, strict=True)]
        predictor.append(coefficient)
    response = [1.0]
    while len(response) < RESPONSE_SAMPLES:
        recent = response[: -len(predictor) - 1 : -1]
        response.append(-sum(a * y for a, y in zip(predictor, recent, strict=False)))
    return np.array(response)
