"""Joining pieces of audio without a click."""

import numpy as np

__all__ = ["cross_fade", "ramped"]


def ramped(pcm: bytes, start: float, end: float, samples: int) -> bytes:
    """Return 16-bit ``pcm`` with its gain led from ``start`` to ``end`` without a step.

    Args:
        pcm: Little-endian, of any length.
        start: Gain of the first sample, 0..1.
        end: Gain from the ``samples``-th on, 0..1.
        samples: How long the gain changes; piece by piece where ``pcm`` is shorter.
    """
    levels = np.frombuffer(pcm, "<i2")
    if start == end:
        return (levels * np.float32(end)).astype("<i2").tobytes()
    gains = np.full(len(levels), end, np.float32)
    slope = np.linspace(start, end, samples, endpoint=False, dtype=np.float32)
    gains[:samples] = slope[: len(levels)]
    return (levels * gains).astype("<i2").tobytes()


def cross_fade(first: bytes, second: bytes) -> bytes:
    """Blend two pieces of 16-bit audio of one length: starts as ``first``, ends as ``second``."""
    before, after = np.frombuffer(first, np.int16), np.frombuffer(second, np.int16)
    ramp = np.linspace(0.0, 1.0, len(before))
    return (before * (1 - ramp) + after * ramp).astype(np.int16).tobytes()
