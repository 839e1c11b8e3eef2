"""How loud a piece of audio is."""

import numpy as np
import numpy.typing as npt

__all__ = ["QUIETEST_DBFS", "level_dbfs", "levels_dbfs"]

QUIETEST_DBFS = -96.0
"""The level of digital silence: 16 bits hold nothing quieter."""


def level_dbfs(pcm: bytes) -> float:
    """Return the mean power of 16-bit samples in dB relative to a full-scale square wave."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    power = float(np.dot(samples, samples)) / max(len(samples), 1) / 32768.0**2
    return max(10.0 * float(np.log10(power)), QUIETEST_DBFS) if power > 0 else QUIETEST_DBFS


def levels_dbfs(windows: npt.NDArray[np.float32]) -> list[float]:
    """Return the level of each row of ``windows``: samples in -1..1, shape (n, length)."""
    power = np.einsum("ij,ij->i", windows, windows) / windows.shape[1]
    levels: list[float] = (10 * np.log10(np.maximum(power, 10 ** (QUIETEST_DBFS / 10)))).tolist()
    return levels
