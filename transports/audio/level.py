"""How loud a piece of audio is."""

import numpy as np

__all__ = ["QUIETEST_DBFS", "level_dbfs"]

QUIETEST_DBFS = -96.0
"""The level of digital silence: 16 bits hold nothing quieter."""


def level_dbfs(pcm: bytes) -> float:
    """Return the mean power of 16-bit samples in dB relative to a full-scale square wave."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    power = float(np.dot(samples, samples)) / max(len(samples), 1) / 32768.0**2
    return max(10.0 * float(np.log10(power)), QUIETEST_DBFS) if power > 0 else QUIETEST_DBFS
