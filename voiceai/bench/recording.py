"""Both directions of a call as one WAV file: the caller left, the assistant right."""

import wave
from pathlib import Path

import numpy as np

from voiceai.bench.track import SAMPLE_RATE_HZ, Track

__all__ = ["save_stereo"]


def save_stereo(path: Path, *, left: Track, right: Track) -> float:
    """Write two tracks on one time axis, 16-bit at 8 kHz.

    Args:
        path: File to write.
        left: What the caller sent.
        right: What the caller heard.

    Returns:
        Time on the loop's clock of the first sample; 0 for an empty file.
    """
    starts = [track.packets[0].at for track in (left, right) if track.packets]
    start = min(starts, default=0.0)
    sides = [np.frombuffer(track.pcm(start=start), "<i2") for track in (left, right)]
    stereo = np.zeros((max(len(side) for side in sides), 2), "<i2")
    for channel, side in enumerate(sides):
        stereo[: len(side), channel] = side
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(stereo.tobytes())
    return start
