"""ITU-T G.722 at 64 kbit/s, heard and spoken at 8 kHz.

The library ``G722`` (bit-exact, C) does the wideband codec. It could do 8 kHz by itself, without
the codec's filter bank; but then 5 kHz aliases to 3 kHz with -20 dB. Our FIR leaves it at -60.
"""

import numpy as np
from G722 import G722

from transports.audio.resampler import Resampler

__all__ = ["G722Decoder", "G722Encoder"]

BIT_RATE = 64_000
WIDEBAND = 16_000
NARROWBAND = 8_000


class G722Encoder:
    """Encode one stream: a byte per sample at 8 kHz, the first after 1.5 ms of silence."""

    __slots__ = ("_codec", "_raise")

    def __init__(self) -> None:
        self._raise = Resampler(NARROWBAND, WIDEBAND)
        self._codec = G722(WIDEBAND, BIT_RATE, use_numpy=False)

    def encode(self, pcm: bytes) -> bytes:
        """Encode the next 16-bit little-endian samples.

        Raises:
            ValueError: ``pcm`` has an odd number of bytes.
        """
        wide = np.frombuffer(self._raise.resample(pcm), "<i2")
        encoded: bytes = self._codec.encode(wide)
        return encoded


class G722Decoder:
    """Decode one stream: a 16-bit little-endian sample at 8 kHz per byte."""

    __slots__ = ("_codec", "_lower")

    def __init__(self) -> None:
        self._lower = Resampler(WIDEBAND, NARROWBAND)
        self._codec = G722(WIDEBAND, BIT_RATE, use_numpy=False)

    def decode(self, payload: bytes) -> bytes:
        """Decode the next payload."""
        return self._lower.resample(self._codec.decode(payload).tobytes())
