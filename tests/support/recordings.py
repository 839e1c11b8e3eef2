"""Recordings of calls, read as a player does that knows nothing of us."""

import struct
from dataclasses import dataclass
from pathlib import Path

from transports.audio.codec import Codec
from voiceai.bench.track import Track

LAWS = {6: Codec.ALAW, 7: Codec.ULAW}


@dataclass(frozen=True)
class Heard:
    """A file's samples.

    Attributes:
        channels: 16-bit mono at 8 kHz each, in their order.
        seconds: How long it is.
    """

    channels: tuple[bytes, ...]
    seconds: float


def read_wav(data: bytes) -> Heard:
    """Read a whole file, by its chunks (RFC 2361, and Microsoft's RIFF)."""
    assert (data[:4], data[8:12]) == (b"RIFF", b"WAVE")
    assert struct.unpack_from("<I", data, 4)[0] + 8 <= len(data), "it claims more than there is"
    chunks: dict[bytes, bytes] = {}
    at = 12
    while at < 8 + struct.unpack_from("<I", data, 4)[0]:
        name, size = struct.unpack_from("<4sI", data, at)
        chunks[name] = data[at + 8 : at + 8 + size]
        assert len(chunks[name]) == size
        at += 8 + size + size % 2
    form, count, rate, byte_rate, align, bits, _ = struct.unpack("<HHIIHHH", chunks[b"fmt "])
    assert (rate, byte_rate, align, bits) == (8000, 8000 * count, count, 8)
    samples = chunks[b"data"]
    assert struct.unpack("<I", chunks[b"fact"])[0] == len(samples) // count
    law = LAWS[form]
    channels = tuple(law.decode(samples[first::count]) for first in range(count))
    return Heard(channels, len(samples) / count / rate)


def places(track: Track, channel: bytes, *, together: int = 3) -> list[float]:
    """Find loud packets of the wire in a channel, sample for sample.

    Args:
        track: What was on the wire, in A-law.
        channel: Of a recording.
        together: So many packets in a row are looked for at once.

    Returns:
        For each of them that is there, where the recording would begin: seconds on the clock
        of the wire.
    """
    packets = [packet for packet in track.packets if packet.payload_type == 8]
    found = []
    for start in range(0, len(packets) - together, together):
        part = packets[start : start + together]
        if all(packet.is_speech for packet in part):
            pcm = Codec.ALAW.decode(b"".join(packet.payload for packet in part))
            if (at := channel.find(pcm)) >= 0:
                found.append(part[0].at - at / 16_000)
    return found


def read_recording(path: Path) -> Heard:
    """Read a file."""
    return read_wav(path.read_bytes())
