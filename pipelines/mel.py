"""The features that Whisper and smart-turn hear: 80 mel bands every 10 ms, as their logarithms.

The mel scale and its filters are Slaney's (Auditory Toolbox, 1998), as openai/whisper's
``audio.py`` takes them from librosa.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000
FRAME_SAMPLES = 400
HOP_SAMPLES = 160
FRAMES_PER_SECOND = SAMPLE_RATE_HZ // HOP_SAMPLES
BANDS = 80
FLOOR = -10.0
"""The logarithm of silence."""
RANGE = 8.0
"""What lies further below the loudest is raised to this: 80 dB."""
FRAMES_AT_ONCE = 64
"""Few enough for the processor's cache, and to take memory that is there already."""
BANDS_AT_ONCE = 8
"""Neighbours, summed together: they hear a part of the spectrum only."""

LINEAR_BELOW_HZ = 1000.0
HZ_PER_MEL = 200.0 / 3
LOG_STEP = np.log(6.4) / 27.0
"""Above the linear part, 27 mels are a factor of 6.4 in frequency."""


def log_mel(samples: NDArray[np.float32], frames: int, *, still: int = 0) -> NDArray[np.float32]:
    """Return the features of speech with silence after it.

    Args:
        samples: Mono of -1..1 at 16 kHz; what lies beyond ``frames`` is left out.
        frames: Of 10 ms each, to fill with silence where the speech ends.
        still: How many of the samples at the beginning are all the same; they are taken for
            granted.

    Returns:
        Shape (80, ``frames``), C-contiguous; all within 2, which is 80 dB, of the largest.
    """
    half = FRAME_SAMPLES // 2  # the middle of the first frame is the first sample
    heard = min(frames, -(-(len(samples) + half) // HOP_SAMPLES))
    length = (heard - 1) * HOP_SAMPLES + half
    padded = np.zeros(half + max(length, FRAME_SAMPLES), np.float32)
    padded[half : half + min(len(samples), length)] = samples[:length]
    padded[:half] = padded[FRAME_SAMPLES:half:-1]
    windows = np.lib.stride_tricks.sliding_window_view(padded, FRAME_SAMPLES)[::HOP_SAMPLES][:heard]
    alike = max(0, min(heard, (still - half) // HOP_SAMPLES + 1) - 1)  # frames as the next one
    logarithms = np.full((BANDS, frames), FLOOR, np.float32)
    for first in range(alike, heard, FRAMES_AT_ONCE):
        some = slice(first, min(first + FRAMES_AT_ONCE, heard))
        _hear(windows[some], logarithms[:, some])
    logarithms[:, :alike] = logarithms[:, alike : alike + 1]
    features: NDArray[np.float32] = np.maximum(logarithms, logarithms.max() - RANGE)
    features += 4.0
    features /= 4.0
    return features


def _hear(windows: NDArray[np.float32], logarithms: NDArray[np.float32]) -> None:
    """Write the logarithms of some frames, shape (80, n), from their samples, shape (n, 400)."""
    # in double precision: NumPy's transform takes five times as long in single
    spectrum = np.fft.rfft(windows * _window())
    power = (spectrum.real**2 + spectrum.imag**2).T.astype(np.float32, order="C")
    for bands, bins, filters in _filters():
        # not `@`: BLAS takes a second thread for it, which then spins for 100 ms
        np.einsum("bf,ft->bt", filters, power[bins], out=logarithms[bands])
    np.maximum(logarithms, np.float32(10.0**FLOOR), out=logarithms)
    np.log10(logarithms, out=logarithms)


@cache
def _window() -> NDArray[np.float64]:
    """Return the periodic Hann window."""
    return np.hanning(FRAME_SAMPLES + 1)[:-1]


@cache
def _filters() -> Sequence[tuple[slice, slice, NDArray[np.float32]]]:
    """Return the triangles: some bands, the bins of frequency that these hear, and how much."""
    triangles = _triangles()
    parts = []
    for first in range(0, BANDS, BANDS_AT_ONCE):
        some = slice(first, first + BANDS_AT_ONCE)
        heard = np.flatnonzero(triangles[some].any(axis=0))
        bins = slice(int(heard[0]), int(heard[-1]) + 1)
        parts.append((some, bins, triangles[some, bins]))
    return parts


def _triangles() -> NDArray[np.float32]:
    """Return triangles of equal area, shape (80, 201)."""
    bins = np.fft.rfftfreq(FRAME_SAMPLES, 1 / SAMPLE_RATE_HZ)
    linear = LINEAR_BELOW_HZ / HZ_PER_MEL
    top = linear + np.log(SAMPLE_RATE_HZ / 2 / LINEAR_BELOW_HZ) / LOG_STEP
    mels = np.linspace(0.0, top, BANDS + 2)
    edges = np.where(
        mels < linear,
        mels * HZ_PER_MEL,
        LINEAR_BELOW_HZ * np.exp(LOG_STEP * (mels - linear)),
    )
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - low) / (centre - low), (high - bins) / (high - centre)
    triangles = np.maximum(0.0, np.minimum(rising, falling)) * 2.0 / (high - low)
    filters: NDArray[np.float32] = triangles.astype(np.float32)
    return filters
