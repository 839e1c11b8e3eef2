"""WAV files of G.711: their header, and two directions as channels. Pure.

The header is that of RFC 2361's formats 6 and 7 with the ``fact`` chunk that they need.
"""

from typing import Final

from transports.audio.codec import Codec
from transports.rtp.tape import SILENCE
from voiceai.recording.length import HEADER

__all__ = ["HEADER_BYTES", "SAMPLE_RATE", "header", "interleaved", "silence"]

SAMPLE_RATE: Final = 8000
FORMATS: Final = {Codec.ALAW: 6, Codec.ULAW: 7}
HEADER_BYTES: Final = HEADER.size


def header(law: Codec, channels: int, data_bytes: int) -> bytes:
    """Return the header of a file with so many bytes of samples behind it.

    Args:
        law: ``ALAW`` or ``ULAW``.
        channels: 1 or 2.
        data_bytes: A multiple of ``channels``.
    """
    return HEADER.pack(
        b"RIFF", HEADER_BYTES - 8 + data_bytes, b"WAVE",
        b"fmt ", 18, FORMATS[law], channels, SAMPLE_RATE, SAMPLE_RATE * channels, channels, 8, 0,
        b"fact", 4, data_bytes // channels,
        b"data", data_bytes,
    )  # fmt: skip


def interleaved(left: bytes, right: bytes) -> bytes:
    """Return two channels of equal length as one stereo line, left first."""
    both = bytearray(2 * len(left))
    both[::2], both[1::2] = left, right
    return bytes(both)


def silence(law: Codec, samples: int) -> bytes:
    """Return so many zeros of one channel."""
    return SILENCE[law][:1] * samples
