"""Joining pieces of audio without a click."""

import numpy as np

__all__ = ["attenuated", "cross_fade", "fade_out"]


def attenuated(pcm: bytes, gain: float) -> bytes:
    """Return 16-bit ``pcm`` with every sample multiplied by ``gain``, 0..1."""
    return (np.frombuffer(pcm, np.int16) * np.float32(gain)).astype(np.int16).tobytes()


def fade_out(pcm: bytes) -> bytes:
    """Return 16-bit ``pcm`` ramped from full level to silence over its whole length."""
    samples = np.frombuffer(pcm, np.int16)
    ramp = np.linspace(1.0, 0.0, len(samples), endpoint=False)
    return (samples * ramp).astype(np.int16).tobytes()


def cross_fade(first: bytes, second: bytes) -> bytes:
    """Blend two pieces of 16-bit audio of one length: starts as ``first``, ends as ``second``."""
    before, after = np.frombuffer(first, np.int16), np.frombuffer(second, np.int16)
    ramp = np.linspace(0.0, 1.0, len(before))
    return (before * (1 - ramp) + after * ramp).astype(np.int16).tobytes()
