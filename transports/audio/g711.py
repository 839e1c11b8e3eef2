"""ITU-T G.711: A-law and mu-law by table."""

from collections.abc import Mapping
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["CODEC_OF_PAYLOAD_TYPE", "Codec"]

MU_LAW_BIAS = 33
MU_LAW_CLIP = 8158
"""Both on the 14-bit scale of G.711 table 2."""


class Codec(Enum):
    """A law of G.711; its value is Asterisk's name of the format."""

    ALAW = "alaw"
    ULAW = "ulaw"

    @property
    def payload_type(self) -> int:
        """The static RTP payload type (RFC 3551 section 6)."""
        return 8 if self is Codec.ALAW else 0

    def decode(self, payload: bytes) -> bytes:
        """Expand ``payload`` (a byte per sample) to 16-bit little-endian samples."""
        return _DECODED[self][np.frombuffer(payload, np.uint8)].tobytes()

    def encode(self, pcm: bytes) -> bytes:
        """Compress 16-bit little-endian samples to a byte each.

        Raises:
            ValueError: ``pcm`` has an odd number of bytes.
        """
        compressed: bytes = _ENCODED[self][np.frombuffer(pcm, "<u2")].tobytes()
        return compressed


CODEC_OF_PAYLOAD_TYPE: Final[Mapping[int, Codec]] = {codec.payload_type: codec for codec in Codec}


def _expand_alaw() -> NDArray[np.int16]:
    code = np.arange(256) ^ 0x55  # even bits are inverted on the line
    segment, step = code >> 4 & 7, code & 15
    linear = ((step << 1 | 1) + 32 * (segment > 0)) << segment - (segment > 0) << 3
    expanded: NDArray[np.int16] = np.where(code & 0x80, linear, -linear).astype(np.int16)
    return expanded


def _expand_ulaw() -> NDArray[np.int16]:
    code = np.arange(256) ^ 0xFF  # every bit is inverted on the line
    segment, step = code >> 4 & 7, code & 15
    linear = (((step << 1) + MU_LAW_BIAS << segment) - MU_LAW_BIAS) << 2
    positive = (code & 0x80) == 0
    return np.where(positive, linear, -linear).astype(np.int16)


def _segment(magnitude: NDArray[np.int64], first_bits: int) -> NDArray[np.int64]:
    """Return the number of significant bits above ``first_bits``."""
    thresholds = 1 << np.arange(first_bits, first_bits + 8)
    return np.searchsorted(thresholds, magnitude, side="right").astype(np.int64)


def _compress_alaw(samples: NDArray[np.int64]) -> NDArray[np.uint8]:
    linear = samples >> 3  # 13 bits; ones' complement of the negatives
    magnitude = np.where(linear < 0, ~linear, linear)
    segment = _segment(magnitude, 5)
    step = magnitude >> segment + (segment == 0) & 15
    sign = 0x80 * (linear >= 0)
    compressed: NDArray[np.uint8] = ((sign | segment << 4 | step) ^ 0x55).astype(np.uint8)
    return compressed


def _compress_ulaw(samples: NDArray[np.int64]) -> NDArray[np.uint8]:
    linear = samples >> 2  # 14 bits
    magnitude = np.where(linear < 0, -linear, linear).clip(0, MU_LAW_CLIP) + MU_LAW_BIAS
    segment = _segment(magnitude, 6)
    step = magnitude >> segment + 1 & 15
    sign = 0x80 * (linear < 0)
    return ((sign | segment << 4 | step) ^ 0xFF).astype(np.uint8)


_SAMPLES = np.arange(65536).astype(np.uint16).view(np.int16).astype(np.int64)
_DECODED = {Codec.ALAW: _expand_alaw(), Codec.ULAW: _expand_ulaw()}
_ENCODED = {Codec.ALAW: _compress_alaw(_SAMPLES), Codec.ULAW: _compress_ulaw(_SAMPLES)}
