"""What a caller heard, as words: the local recogniser on what arrived."""

import numpy as np
import soxr
from numpy.typing import NDArray

from pipelines.services.moonshine import Moonshine
from voiceai.bench.track import SAMPLE_RATE_HZ, Track

MARGIN_SECONDS = 0.3
"""Of the quiet around speech, which recognition needs."""

PIECE_SAMPLES = 2000
"""At 8 kHz: two sounds of speech."""


def heard_between(track: Track, start: float, end: float) -> bytes:
    """Return what was heard from `start` to `end`, times of the loop's clock.

    Returns:
        16-bit little-endian mono at 8 kHz.
    """
    pcm = track.pcm(start=start)
    return pcm[: 2 * round((end - start) * SAMPLE_RATE_HZ)]


def words_heard(moonshine: Moonshine, track: Track, start: float, end: float) -> str:
    """Return the words between two times of the loop's clock, at most 10 s apart."""
    pcm = heard_between(track, start - MARGIN_SECONDS, end + MARGIN_SECONDS)
    padded = bytes(SAMPLE_RATE_HZ) + pcm + bytes(SAMPLE_RATE_HZ)
    samples = np.frombuffer(padded, "<i2").astype(np.float32) / 32768
    return moonshine.recognise(np.asarray(soxr.resample(samples, SAMPLE_RATE_HZ, 16_000)))


def likeness(track: Track, since: float, spoken: NDArray[np.float64]) -> float:
    """Return how much what was heard is like what was spoken, 0..1.

    Args:
        track: What was heard.
        since: From then on, a time of the loop's clock; twice as long as the speech, and 1 s.
        spoken: Samples at 8 kHz.

    Returns:
        The highest normalised correlation of each quarter of a second with any piece of what was
        heard, in the mean: a packet that came too late shifts what follows.
    """
    heard = np.frombuffer(track.pcm(start=since), "<i2").astype(np.float64)
    heard = heard[: 2 * len(spoken) + SAMPLE_RATE_HZ]
    size = 1 << (2 * len(heard)).bit_length()
    spectrum = np.fft.rfft(heard, size)
    energy = np.concatenate([[0.0], np.cumsum(np.square(heard))])
    found = []
    for start in range(0, len(spoken) - PIECE_SAMPLES + 1, PIECE_SAMPLES):
        piece = spoken[start : start + PIECE_SAMPLES]
        sums = np.fft.irfft(spectrum * np.conj(np.fft.rfft(piece, size)), size)
        windows = energy[PIECE_SAMPLES:] - energy[:-PIECE_SAMPLES]
        norm = np.sqrt(np.maximum(windows, 1.0) * np.sum(np.square(piece)))
        found.append(np.max(sums[: len(windows)] / norm))
    return float(np.mean(found))
