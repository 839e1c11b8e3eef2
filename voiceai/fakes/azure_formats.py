"""Azure's audio formats: input by its WAV header, output by name: raw-8khz-16bit-mono-pcm. Pure."""

import io
import re
import struct
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from transports.audio import g711
from voiceai.fakes.mp3 import encode_mp3

__all__ = ["InputFormat", "OutputFormat", "input_format", "output_format"]

NAME: Final = re.compile(
    r"^(?P<container>raw|riff|audio)-(?P<rate>\d+)(?P<unit>khz|hz)-"
    r"(?:(?P<bits>\d+)bit-mono-(?P<coding>pcm|mulaw|alaw)|(?P<kilobits>\d+)kbitrate-mono-mp3)$"
)

WAVE_HEADER: Final = struct.Struct("<4s4x4s4s4xHHI6xH")
"""RIFF, WAVE, fmt, coding, channels, sample rate, bits."""

WAVE_HEADER_BYTES: Final = 44
DEFAULT_RATE_HZ: Final = 16_000
LAWS: Final[Mapping[int, g711.Alaw | g711.Ulaw]] = {6: g711.Alaw(), 7: g711.Ulaw()}
"""By the coding of a WAV header."""


@dataclass(frozen=True, slots=True)
class InputFormat:
    """How audio comes in: one channel of 16-bit samples, or of A-law or mu-law.

    Attributes:
        sample_rate_hz: Of the audio.
        law: What it is compressed by, or None.
    """

    sample_rate_hz: int = DEFAULT_RATE_HZ
    law: g711.Alaw | g711.Ulaw | None = None

    def decode(self, data: bytes) -> bytes:
        """Return audio as 16-bit little-endian samples."""
        return self.law.decode(data) if self.law else data


def input_format(data: bytes) -> InputFormat | None:
    """Return the format that a WAV header tells, or None if the data does not begin with one."""
    if not data.startswith(b"RIFF") or len(data) < WAVE_HEADER_BYTES:
        return None
    _, _, _, coding, _, rate, _ = WAVE_HEADER.unpack_from(data)
    return InputFormat(rate or DEFAULT_RATE_HZ, LAWS.get(coding))


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """How audio goes out.

    Attributes:
        sample_rate_hz: Of the audio.
        coding: ``pcm`` (16-bit little-endian), ``mulaw``, ``alaw`` or ``mp3``.
        kilobits: Of MP3, in a second.
        with_header: Whether a WAV header comes first.
    """

    sample_rate_hz: int
    coding: str
    kilobits: int = 0
    with_header: bool = False

    @property
    def content_type(self) -> str:
        """As Azure names it."""
        return "audio/mpeg" if self.coding == "mp3" else "audio/x-wav"

    def encode(self, pcm: bytes) -> bytes:
        """Return 16-bit little-endian mono audio in this format.

        Raises:
            ImportError: It is MP3 and ``lameenc`` is not installed.
        """
        match self.coding:
            case "mp3":
                return encode_mp3(pcm, self.sample_rate_hz, self.kilobits)
            case "pcm":
                return _header(self.sample_rate_hz) + pcm if self.with_header else pcm
            case law:
                return _compressed(pcm, law)

    def piece_bytes(self, seconds: float) -> int:
        """Return the size of so many seconds."""
        if self.coding == "mp3":
            return round(self.kilobits * 125 * seconds)
        return round(self.sample_rate_hz * seconds) * (2 if self.coding == "pcm" else 1)


def output_format(name: str) -> OutputFormat | None:
    """Return the format of a name, or None if there is none of it here."""
    found = NAME.match(name)
    if not found:
        return None
    rate = int(found["rate"]) * (1000 if found["unit"] == "khz" else 1)
    if found["kilobits"]:
        return OutputFormat(rate, "mp3", int(found["kilobits"]))
    return OutputFormat(rate, found["coding"], with_header=found["container"] == "riff")


def _compressed(pcm: bytes, law: str) -> bytes:
    coder = g711.Alaw() if law == "alaw" else g711.Ulaw()
    return coder.encode(pcm)


def _header(sample_rate_hz: int) -> bytes:
    """Return a WAV header of a stream whose length nobody knows yet."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(sample_rate_hz)
    return file.getvalue()
