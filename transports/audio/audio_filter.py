"""What a filter of the caller's audio looks like, whatever library does it."""

from typing import Final, Protocol

__all__ = ["BLOCK_BYTES", "BLOCK_SAMPLES", "SAMPLE_RATE", "AudioFilter"]

SAMPLE_RATE: Final = 8000
BLOCK_SAMPLES: Final = 80
BLOCK_BYTES: Final = 2 * BLOCK_SAMPLES
"""10 ms of 16-bit little-endian mono: what a filter takes at once."""


class AudioFilter(Protocol):
    """Works on one line of samples, 10 ms at a time, and remembers what it learned of it."""

    def process(self, heard: bytes, sent: bytes) -> bytes:
        """Return what to take for ``heard``.

        Args:
            heard: `BLOCK_BYTES` of the caller's audio.
            sent: As much of what was sent, a constant time before; zeros where it was noise.

        Raises:
            ValueError: Either is not 10 ms.
        """

    def close(self) -> None:
        """Free what the library holds. Idempotent."""
