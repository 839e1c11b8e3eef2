"""How long a recording is, by its size. Each command imports this: it needs no codec."""

import struct
from typing import Final

__all__ = ["HEADER", "seconds_in"]

HEADER: Final = struct.Struct("<4sI4s 4sIHHIIHHH 4sII 4sI")
FRAME_BYTES: Final = 160
"""20 ms of one channel."""
FRAME_SECONDS: Final = 0.02


def seconds_in(file_bytes: int, channels: int) -> float:
    """Return how many seconds the whole frames of a file last, of which so much is there."""
    frames = max(file_bytes - HEADER.size, 0) // (FRAME_BYTES * channels)
    return round(frames * FRAME_SECONDS, 2)
