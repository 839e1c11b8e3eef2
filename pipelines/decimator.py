"""From 24 kHz, which cloud voices speak, to the telephone's 8 kHz, piece by piece."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipelines.speech import TELEPHONE_RATE

CLOUD_RATE: Final = 24_000
FACTOR: Final = CLOUD_RATE // TELEPHONE_RATE
TAPS: Final = 97
BETA: Final = 8.0
"""Of the Kaiser window: 80 dB of stop-band, from 4.4 kHz on; the pass-band ends at 3.3 kHz."""

CUTOFF: Final = 3850 / CLOUD_RATE


def _design() -> NDArray[np.float32]:
    """Return a windowed sinc, linear in phase: 48 samples of delay, 2 ms."""
    at = np.arange(TAPS) - (TAPS - 1) / 2
    taps = np.sinc(2 * CUTOFF * at) * np.kaiser(TAPS, BETA)
    return np.asarray(taps / taps.sum(), dtype=np.float32)


FILTER: Final = _design()


class Decimator:
    """Every third sample of a low-passed stream; its delay is taken off at the beginning."""

    def __init__(self) -> None:
        self._history = np.zeros(TAPS // 2, dtype=np.float32)

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take mono samples at 24 kHz; returns samples at 8 kHz, all that are certain."""
        stream = np.concatenate([self._history, samples.astype(np.float32, copy=False)])
        outputs = max(0, (len(stream) - TAPS) // FACTOR + 1)
        self._history = stream[outputs * FACTOR :]
        if not outputs:
            return np.zeros(0, dtype=np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(stream, TAPS)[::FACTOR][:outputs]
        filtered: NDArray[np.float32] = windows @ FILTER
        return filtered

    def finish(self) -> NDArray[np.float32]:
        """Return what the delay still held."""
        return self.feed(np.zeros(TAPS // 2, dtype=np.float32))


def to_pcm(samples: NDArray[np.float32]) -> bytes:
    """Return samples of -1..1 as 16-bit little-endian."""
    return (np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()
