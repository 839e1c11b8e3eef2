"""The features that Whisper and smart-turn hear: 80 mel bands every 10 ms, as their logarithms.

The mel scale and its filters are Slaney's (Auditory Toolbox, 1998), as openai/whisper's
``audio.py`` takes them from librosa.
"""

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
    padded = np.zeros(max(length, FRAME_SAMPLES), np.float32)
    padded[: min(len(samples), length)] = samples[:length]
    padded = np.pad(padded, (half, 0), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, FRAME_SAMPLES)[::HOP_SAMPLES][:heard]
    alike = max(0, min(heard, (still - half) // HOP_SAMPLES + 1) - 1)  # frames as the next one
    power = np.abs(np.fft.rfft(windows[alike:] * _window())) ** 2
    logarithms = np.full((BANDS, frames), FLOOR, np.float32)
    # not `@`: BLAS takes a second thread for it, which then spins for 100 ms
    bands = np.einsum("bf,tf->bt", _filters(), power)
    logarithms[:, alike:heard] = np.log10(np.maximum(bands, 10.0**FLOOR))
    logarithms[:, :alike] = logarithms[:, alike : alike + 1]
    features: NDArray[np.float32] = np.maximum(logarithms, logarithms.max() - RANGE)
    features += 4.0
    features /= 4.0
    return features


@cache
def _window() -> NDArray[np.float32]:
    """Return the periodic Hann window."""
    return np.hanning(FRAME_SAMPLES + 1)[:-1].astype(np.float32)


@cache
def _filters() -> NDArray[np.float32]:
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
