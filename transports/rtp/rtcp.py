"""RTCP packets on the wire (RFC 3550 section 6). Pure: bytes in, values out.

A datagram is a compound: a report first, then descriptions, farewells and what else there may be.

::

    |V=2|P|  count  |  packet type  |    length in 32-bit words - 1 |
    |   body, by type ...                                           |
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from transports.errors import PacketError

__all__ = [
    "Goodbye",
    "ReceiverReport",
    "ReportBlock",
    "RtcpPacket",
    "SenderReport",
    "SourceDescription",
    "parse_compound",
    "serialize_compound",
]

SENDER_REPORT = 200
RECEIVER_REPORT = 201
SOURCE_DESCRIPTION = 202
GOODBYE = 203

HEADER = struct.Struct("!BBH")
SSRC = struct.Struct("!I")
SENDER_INFO = struct.Struct("!IQIII")
"""SSRC, NTP timestamp, RTP timestamp, packets, octets."""
BLOCK = struct.Struct("!IIIIII")
"""SSRC, fraction and cumulative loss, highest number, jitter, last SR, delay since."""

VERSION = 2
PADDING = 0x20
COUNT = 0x1F
CNAME = 1
MOST_LOST = 0x7FFFFF


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """How one source is received (RFC 3550 section 6.4.1).

    Attributes:
        ssrc: The source.
        fraction_lost: Lost since the previous report, in 256ths; 0..255.
        lost: Lost since the beginning, signed 24 bits: duplicates count against it.
        highest: Highest sequence number, with its wraps in the upper 16 bits.
        jitter: Interarrival jitter, in units of the RTP timestamp.
        last_report: The middle 32 bits of the NTP timestamp of its last sender report; or 0.
        delay: Since that report came, in 1/65536 s; 0 without one.
    """

    ssrc: int
    fraction_lost: int
    lost: int
    highest: int
    jitter: int
    last_report: int = 0
    delay: int = 0


@dataclass(frozen=True, slots=True)
class SenderReport:
    """What a source has sent, and how it receives others (section 6.4.1).

    Attributes:
        ssrc: Who reports.
        ntp: 64 bits: seconds since 1900 in the upper half, their fraction in the lower.
        timestamp: The RTP timestamp of that instant.
        packets: Sent since the beginning, modulo 2**32.
        octets: Of payload, modulo 2**32.
        blocks: At most 31.
    """

    ssrc: int
    ntp: int
    timestamp: int
    packets: int
    octets: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """How somebody who sends nothing receives others (section 6.4.2).

    Attributes:
        ssrc: Who reports.
        blocks: At most 31.
    """

    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """The lasting name of a source (section 6.5.1); other items are left out.

    Attributes:
        ssrc: Whose it is.
        cname: At most 255 bytes; empty if the description has none.
    """

    ssrc: int
    cname: bytes


@dataclass(frozen=True, slots=True)
class Goodbye:
    """Sources that end (section 6.6).

    Attributes:
        ssrcs: At most 31.
        reason: At most 255 bytes, for people.
    """

    ssrcs: tuple[int, ...]
    reason: bytes = b""


RtcpPacket = SenderReport | ReceiverReport | SourceDescription | Goodbye


def parse_compound(data: bytes) -> tuple[RtcpPacket, ...]:
    """Decode one datagram; a description of several sources becomes one value for each.

    Packets of other types (APP, feedback, extended reports) are skipped by their length.

    Raises:
        PacketError: It fails a check of RFC 3550 appendix A.2: every packet is of version 2, the
            first is a report without padding, only the last is padded, and the lengths add up;
            or what a packet counts does not fit into it. No other exception escapes.
    """
    if len(data) < HEADER.size + SSRC.size:
        raise PacketError(f"{len(data)} bytes hold no report")
    if data[0] & PADDING or data[1] not in (SENDER_REPORT, RECEIVER_REPORT):
        raise PacketError("does not begin with a report without padding")
    packets: list[RtcpPacket] = []
    at = 0
    while at < len(data):
        if len(data) - at < HEADER.size:
            raise PacketError(f"{len(data) - at} bytes are left over")
        flags, packet_type, words = HEADER.unpack_from(data, at)
        if flags >> 6 != VERSION:
            raise PacketError(f"version {flags >> 6}, expected 2")
        end = at + 4 * (words + 1)
        if end > len(data):
            raise PacketError(f"a packet ends at {end} of {len(data)} bytes")
        body = data[at + HEADER.size : end]
        if flags & PADDING:
            if end != len(data):
                raise PacketError("padding before the last packet")
            body = _without_padding(body)
        packets += _parse(packet_type, flags & COUNT, body)
        at = end
    return tuple(packets)


def serialize_compound(packets: Sequence[RtcpPacket]) -> bytes:
    """Encode packets for one datagram, a report first.

    Raises:
        ValueError: The first is no report, or a field is out of the range that it documents.
    """
    if not packets or not isinstance(packets[0], SenderReport | ReceiverReport):
        raise ValueError("a compound begins with a report")
    try:
        return b"".join(_serialize(packet) for packet in packets)
    except struct.error as error:
        raise ValueError(f"not encodable: {error}") from error


def _without_padding(body: bytes) -> bytes:
    """Take off the padding, whose last byte counts it (section 6.4.1)."""
    padding = body[-1] if body else 0
    if padding == 0 or padding % 4 or padding > len(body):
        raise PacketError(f"{padding} bytes of padding in {len(body)}")
    return body[:-padding]


def _parse(packet_type: int, count: int, body: bytes) -> list[RtcpPacket]:
    """Decode a packet's body; nothing comes of a type that means nothing to us."""
    if packet_type == SENDER_REPORT:
        blocks = _parse_blocks(body, SENDER_INFO.size, count)
        ssrc, ntp, timestamp, packets, octets = SENDER_INFO.unpack_from(body)
        return [SenderReport(ssrc, ntp, timestamp, packets, octets, blocks)]
    if packet_type == RECEIVER_REPORT:
        blocks = _parse_blocks(body, SSRC.size, count)
        (ssrc,) = SSRC.unpack_from(body)
        return [ReceiverReport(ssrc, blocks)]
    if packet_type == SOURCE_DESCRIPTION:
        return [*_parse_descriptions(body, count)]
    if packet_type == GOODBYE:
        return [_parse_goodbye(body, count)]
    return []


def _parse_blocks(body: bytes, start: int, count: int) -> tuple[ReportBlock, ...]:
    """Decode report blocks; behind them a profile may have added something of its own."""
    if len(body) < start + count * BLOCK.size:
        raise PacketError(f"truncated in a report of {count} blocks")
    blocks = []
    for at in range(start, start + count * BLOCK.size, BLOCK.size):
        ssrc, loss, highest, jitter, last_report, delay = BLOCK.unpack_from(body, at)
        lost = ((loss & 0xFFFFFF) ^ 0x800000) - 0x800000
        blocks.append(ReportBlock(ssrc, loss >> 24, lost, highest, jitter, last_report, delay))
    return tuple(blocks)


def _parse_descriptions(body: bytes, count: int) -> list[SourceDescription]:
    """Decode chunks: an SSRC and items up to a zero byte, filled up to a whole word."""
    descriptions = []
    at = 0
    for _ in range(count):
        if len(body) < at + SSRC.size + 1:
            raise PacketError(f"truncated in a description of {count} sources")
        (ssrc,) = SSRC.unpack_from(body, at)
        at += SSRC.size
        cname = b""
        while at < len(body) and body[at]:
            if at + 2 > len(body) or at + 2 + body[at + 1] > len(body):
                raise PacketError("truncated in an item of a description")
            end = at + 2 + body[at + 1]
            if body[at] == CNAME:
                cname = body[at + 2 : end]
            at = end
        if at >= len(body):
            raise PacketError("a description without an end")
        descriptions.append(SourceDescription(ssrc, cname))
        at += 4 - at % 4
    return descriptions


def _parse_goodbye(body: bytes, count: int) -> Goodbye:
    end = count * SSRC.size
    if len(body) < end:
        raise PacketError(f"truncated in a farewell of {count} sources")
    ssrcs: tuple[int, ...] = struct.unpack_from(f"!{count}I", body)
    reason = b""
    if len(body) > end:
        reason = body[end + 1 : end + 1 + body[end]]
        if len(reason) < body[end]:
            raise PacketError("truncated in the reason of a farewell")
    return Goodbye(ssrcs, reason)


def _serialize(packet: RtcpPacket) -> bytes:
    match packet:
        case SenderReport():
            info = (packet.ssrc, packet.ntp, packet.timestamp, packet.packets, packet.octets)
            body = SENDER_INFO.pack(*info) + _serialize_blocks(packet.blocks)
            return _with_header(SENDER_REPORT, len(packet.blocks), body)
        case ReceiverReport():
            body = SSRC.pack(packet.ssrc) + _serialize_blocks(packet.blocks)
            return _with_header(RECEIVER_REPORT, len(packet.blocks), body)
        case SourceDescription():
            item = struct.pack("!BB", CNAME, len(packet.cname)) + packet.cname
            chunk = SSRC.pack(packet.ssrc) + item
            return _with_header(SOURCE_DESCRIPTION, 1, chunk + bytes(4 - len(chunk) % 4))
        case Goodbye():
            body = struct.pack(f"!{len(packet.ssrcs)}I", *packet.ssrcs)
            if packet.reason:
                body += struct.pack("!B", len(packet.reason)) + packet.reason
            return _with_header(GOODBYE, len(packet.ssrcs), body + bytes(-len(body) % 4))


def _serialize_blocks(blocks: tuple[ReportBlock, ...]) -> bytes:
    packed = []
    for block in blocks:
        if not (0 <= block.fraction_lost <= 0xFF and -MOST_LOST - 1 <= block.lost <= MOST_LOST):
            raise ValueError(f"not encodable: {block}")
        loss = block.fraction_lost << 24 | (block.lost & 0xFFFFFF)
        rest = (block.highest, block.jitter, block.last_report, block.delay)
        packed.append(BLOCK.pack(block.ssrc, loss, *rest))
    return b"".join(packed)


def _with_header(packet_type: int, count: int, body: bytes) -> bytes:
    if count > COUNT:
        raise ValueError(f"not encodable: {count} in one packet, at most {COUNT} fit")
    return HEADER.pack(VERSION << 6 | count, packet_type, len(body) // 4) + body
