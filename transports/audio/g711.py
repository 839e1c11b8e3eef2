"""ITU-T G.711: A-law and mu-law, by the C of ``audioop`` (``audioop-lts`` from Python 3.13 on).

Samples are 16-bit little-endian mono at 8 kHz, a byte each on the wire.
"""

import audioop

__all__ = ["Alaw", "Ulaw"]


class Alaw:
    """A-law (PCMA). Without state."""

    __slots__ = ()

    def encode(self, pcm: bytes) -> bytes:
        """Compress samples.

        Raises:
            ValueError: ``pcm`` has an odd number of bytes.
        """
        if len(pcm) % 2:
            raise ValueError(f"{len(pcm)} bytes are not whole 16-bit samples")
        return audioop.lin2alaw(pcm, 2)

    def decode(self, payload: bytes) -> bytes:
        """Expand a payload to samples."""
        return audioop.alaw2lin(payload, 2)


class Ulaw:
    """Mu-law (PCMU). Without state."""

    __slots__ = ()

    def encode(self, pcm: bytes) -> bytes:
        """Compress samples.

        Raises:
            ValueError: ``pcm`` has an odd number of bytes.
        """
        if len(pcm) % 2:
            raise ValueError(f"{len(pcm)} bytes are not whole 16-bit samples")
        return audioop.lin2ulaw(pcm, 2)

    def decode(self, payload: bytes) -> bytes:
        """Expand a payload to samples."""
        return audioop.ulaw2lin(payload, 2)
