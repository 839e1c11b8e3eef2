"""What a caller heard, as words: the local recogniser on what arrived."""

import numpy as np
import soxr

from pipelines.services.moonshine import Moonshine
from voiceai.bench.track import SAMPLE_RATE_HZ, Track

MARGIN_SECONDS = 0.3
"""Of the quiet around speech, which recognition needs."""


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
