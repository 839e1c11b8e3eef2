"""RTP packets on the wire (RFC 3550 section 5.1). Pure: bytes in, values out.

::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    |V=2|P|X|  CC   |M|     PT      |       sequence number         |
    |                           timestamp                           |
    |           synchronization source (SSRC) identifier            |
    |            contributing source (CSRC) identifiers ...         |
    |   extension: profile          |  length in 32-bit words, data |
    |   payload ...                                   padding, count|
"""

import struct
from dataclasses import dataclass
from typing import NamedTuple, Self

from transports.errors import PacketError
from transports.rtp.events import new

__all__ = ["HEADER", "HEADER_BYTES", "VERSION_2", "Extension", "RtpPacket"]

HEADER = struct.Struct("!BBHII")
"""V/P/X/CC, M/PT, sequence number, timestamp, SSRC: 12 bytes, network order."""

HEADER_BYTES = HEADER.size

VERSION_2 = 2 << 6
"""The first byte of a packet that has none of the optional parts."""

PADDING = 0x20
EXTENSION = 0x10
CSRC_COUNT = 0x0F
MARKER = 0x80


@dataclass(frozen=True, slots=True)
class Extension:
    """The header extension (RFC 3550 section 5.3.1), uninterpreted.

    Attributes:
        profile: 16 bits, defined by the profile in use.
        data: A multiple of 4 bytes, at most 4 * 65535.
    """

    profile: int
    data: bytes = b""


class RtpPacket(NamedTuple):
    """One RTP packet.

    Attributes:
        payload_type: 0..127. 0 is PCMU, 8 is PCMA (RFC 3551 section 6).
        sequence_number: 16 bits, wraps; unwrap it before comparing.
        timestamp: 32 bits, in *samples* of the payload's clock (8000 Hz for G.711), wraps.
        ssrc: 32-bit source identifier.
        payload: Encoded audio; 160 bytes is 20 ms of G.711.
        marker: First packet of a talkspurt (RFC 3551 section 4.1).
        csrcs: Up to 15 contributing sources, 32 bits each.
        extension: The header extension, if there is one.
        padding: Bytes of padding, 0..255, the one that counts them included.
    """

    payload_type: int
    sequence_number: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False
    csrcs: tuple[int, ...] = ()
    extension: Extension | None = None
    padding: int = 0

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Decode one datagram.

        Raises:
            PacketError: ``data`` is truncated, is not version 2, or its padding or
                extension overruns it. No other exception escapes, whatever the bytes.
        """
        if len(data) < HEADER_BYTES:
            raise PacketError(f"{len(data)} bytes is shorter than the {HEADER_BYTES}-byte header")
        flags, marker_type, sequence_number, timestamp, ssrc = HEADER.unpack_from(data)
        if flags == VERSION_2:  # the usual packet
            payload, marker = data[HEADER_BYTES:], marker_type >= MARKER
            payload_type = marker_type & 0x7F
            usual = payload_type, sequence_number, timestamp, ssrc, payload, marker, (), None, 0
            return new(cls, usual)
        if flags >> 6 != 2:
            raise PacketError(f"version {flags >> 6}, expected 2")

        csrcs, start = _parse_csrcs(data, flags & CSRC_COUNT)
        extension = None
        if flags & EXTENSION:
            extension, start = _parse_extension(data, start)
        padding = 0
        if flags & PADDING:
            padding = data[-1]
            if padding == 0:
                raise PacketError("padding of 0 bytes")
        end = len(data) - padding
        if start > end:
            raise PacketError(f"payload would start at {start} and end at {end}")

        return cls(
            payload_type=marker_type & 0x7F,
            sequence_number=sequence_number,
            timestamp=timestamp,
            ssrc=ssrc,
            payload=data[start:end],
            marker=marker_type >= MARKER,
            csrcs=csrcs,
            extension=extension,
            padding=padding,
        )

    def serialize(self) -> bytes:
        """Encode for sending. The padding is zeros and its count.

        Raises:
            ValueError: A field is out of the range that its attribute documents.
        """
        if not (
            0 <= self.payload_type < 128
            and 0 <= self.padding < 256
            and len(self.csrcs) <= CSRC_COUNT
            and (self.extension is None or len(self.extension.data) % 4 == 0)
        ):
            raise ValueError(f"not encodable: {self}")
        flags = VERSION_2 | (PADDING if self.padding else 0) | len(self.csrcs)
        marker_type = self.marker << 7 | self.payload_type
        try:
            csrcs = struct.pack(f"!{len(self.csrcs)}I", *self.csrcs)
            extension = b""
            if self.extension is not None:
                flags |= EXTENSION
                words = len(self.extension.data) // 4
                extension = struct.pack("!HH", self.extension.profile, words) + self.extension.data
            header = HEADER.pack(
                flags, marker_type, self.sequence_number, self.timestamp, self.ssrc
            )
        except struct.error as error:
            raise ValueError(f"not encodable: {error}: {self}") from error
        padding = bytes(self.padding - 1) + bytes([self.padding]) if self.padding else b""
        return header + csrcs + extension + self.payload + padding


def _parse_csrcs(data: bytes, count: int) -> tuple[tuple[int, ...], int]:
    """Return the contributing sources and where they end."""
    end = HEADER_BYTES + 4 * count
    if len(data) < end:
        raise PacketError(f"truncated in the list of {count} contributing sources")
    return struct.unpack_from(f"!{count}I", data, HEADER_BYTES), end


def _parse_extension(data: bytes, start: int) -> tuple[Extension, int]:
    """Return the header extension at ``start`` and where it ends."""
    if len(data) < start + 4:
        raise PacketError("truncated extension header")
    profile, words = struct.unpack_from("!HH", data, start)
    end = start + 4 + 4 * words
    if len(data) < end:
        raise PacketError(f"truncated in an extension of {words} words")
    return Extension(profile, data[start + 4 : end]), end
