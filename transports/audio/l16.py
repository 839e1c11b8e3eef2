"""L16: samples as they are, in network byte order (RFC 3551 section 4.5.11)."""

import audioop

from transports.audio.resampler import Resampler

__all__ = ["L16", "WidebandL16"]

WIDEBAND = 16_000
NARROWBAND = 8_000


class L16:
    """8 kHz mono, two bytes per sample. Without state."""

    __slots__ = ()

    def encode(self, pcm: bytes) -> bytes:
        """Turn 16-bit little-endian samples into big-endian ones.

        Raises:
            ValueError: ``pcm`` has an odd number of bytes.
        """
        if len(pcm) % 2:
            raise ValueError(f"{len(pcm)} bytes are not whole 16-bit samples")
        return audioop.byteswap(pcm, 2)

    def decode(self, payload: bytes) -> bytes:
        """Turn big-endian samples into little-endian ones.

        Raises:
            ValueError: ``payload`` has an odd number of bytes.
        """
        return self.encode(payload)


class WidebandL16:
    """16 kHz mono on the wire, four bytes per sample at 8 kHz; one stream, in one direction."""

    __slots__ = ("_lower", "_raise", "_samples")

    def __init__(self) -> None:
        self._raise = Resampler(NARROWBAND, WIDEBAND)
        self._lower = Resampler(WIDEBAND, NARROWBAND)
        self._samples = L16()

    def encode(self, pcm: bytes) -> bytes:
        """Encode the next 16-bit little-endian samples of 8 kHz.

        Raises:
            ValueError: ``pcm`` has an odd number of bytes.
        """
        return self._samples.encode(self._raise.resample(pcm))

    def decode(self, payload: bytes) -> bytes:
        """Decode the next payload to 16-bit little-endian samples of 8 kHz.

        Raises:
            ValueError: ``payload`` has an odd number of bytes.
        """
        return self._lower.resample(self._samples.decode(payload))
