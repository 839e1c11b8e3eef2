"""MP3 as Edge and Mistral send it, by LAME (the package ``lameenc``, LGPL)."""

import importlib
from typing import Any, Final

__all__ = ["KILOBITS", "check_mp3", "encode_mp3"]

KILOBITS: Final = 48
QUALITY: Final = 7
"""LAME's 0 is the best and slowest."""


def check_mp3() -> None:
    """See whether there is an encoder.

    Raises:
        ImportError: ``lameenc`` is not installed.
    """
    _encoder()


def encode_mp3(pcm: bytes, sample_rate_hz: int, kilobits: int = KILOBITS) -> bytes:
    """Return 16-bit little-endian mono audio as a file of MP3 frames of a constant rate.

    Raises:
        ImportError: ``lameenc`` is not installed.
    """
    encoder = _encoder()
    encoder.silence()
    encoder.set_bit_rate(kilobits)
    encoder.set_in_sample_rate(sample_rate_hz)
    encoder.set_out_sample_rate(sample_rate_hz)
    encoder.set_channels(1)
    encoder.set_quality(QUALITY)
    return bytes(encoder.encode(pcm)) + bytes(encoder.flush())


def _encoder() -> Any:
    try:
        lameenc: Any = importlib.import_module("lameenc")
    except ImportError as error:
        raise ImportError("MP3 needs lameenc: pip install lameenc") from error
    return lameenc.Encoder()
