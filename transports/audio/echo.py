"""Whether what is heard is our own voice, come back from the far end's hybrid. Pure.

A hybrid, where a telephone line goes from four wires to two, returns what it is sent: 6 to 30 dB
lower, up to some hundred milliseconds later, and smeared over a few. So what was sent explains it
(linear prediction, by least squares); a caller's speech it does not, nor both together.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["EchoJudge"]

SAMPLE_BYTES: Final = 2
HEARD_SAMPLES: Final = 768
"""96 ms: what is explained."""
DELAY_SAMPLES: Final = 4000
"""Longest way there and back: 500 ms."""
TAPS: Final = 48
"""6 ms: the length of the path that is looked for, most of it behind its loudest part."""
TAPS_BEFORE: Final = 12
SENT_SAMPLES: Final = HEARD_SAMPLES + DELAY_SAMPLES + TAPS
TRANSFORM: Final = 8192
"""Points; at least `SENT_SAMPLES` and `HEARD_SAMPLES` together."""
EXPLAINED: Final = 0.85
"""Share of the power heard from which it is echo."""
UNMISTAKABLE: Final = 0.98
"""Share from which one window is enough."""
SAME_PLACE: Final = 320
"""Samples: 40 ms. Packets and counts come a tick early or late, a window is 32 ms."""
QUIET_POWER: Final = 30.0**2
"""About -60 dBFS: below that nothing of ours can be heard back."""
SHARPNESS: Final = np.float32(0.9)
RIDGE: Final = 1e-4
"""Of the power, against paths that cancel themselves."""
PIECE: Final = 96
"""Rows multiplied at once: more would wake a second thread of the BLAS, which then spins."""

Samples = NDArray[np.float32]


class EchoJudge:
    """Keeps what was last sent and heard, and compares them when asked."""

    def __init__(self) -> None:
        self._sent = bytearray(SENT_SAMPLES * SAMPLE_BYTES)
        self._heard = bytearray(HEARD_SAMPLES * SAMPLE_BYTES)
        self._place: int | None = None  # of what was explained last

    def sent(self, pcm: bytes) -> None:
        """Take what left: 16-bit mono at 8 kHz, of any length, zeros where it was noise."""
        self._sent += pcm
        del self._sent[: -SENT_SAMPLES * SAMPLE_BYTES]

    def heard(self, pcm: bytes) -> None:
        """Take what arrived: 16-bit mono at 8 kHz, of any length."""
        self._heard += pcm
        del self._heard[: -HEARD_SAMPLES * SAMPLE_BYTES]

    def is_echo(self) -> bool:
        """Whether what was heard last is what was sent, and nothing else. Takes 0.3 ms.

        Vowels resemble each other, in one window or another; an echo takes the same time again.
        """
        share, place = self.explained()
        if share < EXPLAINED:
            return False
        before, self._place = self._place, place
        return share >= UNMISTAKABLE or (before is not None and abs(place - before) <= SAME_PLACE)

    def explained(self) -> tuple[float, int]:
        """Return the share of the power heard that what was sent explains, 0..1, and its place."""
        sent = np.frombuffer(self._sent, "<i2").astype(np.float32)
        heard = np.frombuffer(self._heard, "<i2").astype(np.float32)
        heard -= heard.mean()
        power = float(np.dot(heard, heard))
        if power == 0 or float(np.dot(sent, sent)) < QUIET_POWER * HEARD_SAMPLES:
            return 0.0, 0
        start = _best_place(sent, heard)
        rows = np.lib.stride_tricks.sliding_window_view(
            sent[start : start + HEARD_SAMPLES + TAPS - 1], TAPS
        )
        matrix = np.zeros((TAPS, TAPS), np.float32)
        target = np.zeros(TAPS, np.float32)
        for at in range(0, HEARD_SAMPLES, PIECE):
            piece = np.ascontiguousarray(rows[at : at + PIECE])
            matrix += piece.T @ piece
            target += piece.T @ heard[at : at + PIECE]
        matrix[np.diag_indices(TAPS)] += RIDGE * float(np.trace(matrix)) / TAPS + 1
        path = np.linalg.solve(matrix, target)
        return float(np.dot(path, target)) / power, start


def _best_place(sent: Samples, heard: Samples) -> int:
    """Return where in ``sent`` the rows begin that fit best: by normalised cross-correlation."""
    sent, heard = _sharp(sent), _sharp(heard)
    spectrum = np.fft.rfft(sent, TRANSFORM) * np.conj(np.fft.rfft(heard, TRANSFORM))
    places = DELAY_SAMPLES + TAPS
    likeness = np.fft.irfft(spectrum, TRANSFORM)[:places]
    sums = np.concatenate(([0.0], np.cumsum(sent.astype(np.float64) ** 2)))
    powers = sums[HEARD_SAMPLES : HEARD_SAMPLES + places] - sums[:places]
    likeness = likeness**2 / (powers + QUIET_POWER * HEARD_SAMPLES)
    best = int(np.argmax(likeness))
    return min(max(best - (TAPS - TAPS_BEFORE), 0), DELAY_SAMPLES)


def _sharp(samples: Samples) -> Samples:
    """Return the samples with their high tones raised: a place is found by those."""
    sharp = samples.copy()
    sharp[1:] -= SHARPNESS * samples[:-1]
    return sharp
