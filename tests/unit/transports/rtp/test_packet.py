"""RTP packets: what RFC 3550 section 5.1 says, and whatever else may come in a datagram."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.errors import PacketError
from transports.rtp.packet import Extension, RtpPacket

BITS_16 = st.integers(min_value=0, max_value=0xFFFF)
BITS_32 = st.integers(min_value=0, max_value=0xFFFFFFFF)

PACKETS = st.builds(
    RtpPacket,
    payload_type=st.integers(min_value=0, max_value=127),
    sequence_number=BITS_16,
    timestamp=BITS_32,
    ssrc=BITS_32,
    payload=st.binary(max_size=320),
    marker=st.booleans(),
    csrcs=st.lists(BITS_32, max_size=15).map(tuple),
    extension=st.none()
    | st.builds(
        Extension,
        BITS_16,
        st.integers(min_value=0, max_value=6).flatmap(
            lambda words: st.binary(min_size=4 * words, max_size=4 * words)
        ),
    ),
    padding=st.integers(min_value=0, max_value=255),
)

PLAIN = RtpPacket(8, 0x1234, 0x56789ABC, 0xDEADBEEF, b"\xd5" * 3)


def test_reads_the_fields_from_where_the_rfc_puts_them() -> None:
    wire = bytes.fromhex("80 88 1234 56789abc deadbeef d5d5d5")

    assert RtpPacket.parse(wire) == PLAIN._replace(marker=True)


def test_reads_every_optional_part_in_its_order() -> None:
    wire = bytes.fromhex(
        "b2 08 1234 56789abc deadbeef  00000001 00000002  bede 0001 aabbccdd  d5d5d5  0000 03"
    )

    assert RtpPacket.parse(wire) == PLAIN._replace(
        csrcs=(1, 2), extension=Extension(0xBEDE, b"\xaa\xbb\xcc\xdd"), padding=3
    )


@given(PACKETS)
def test_what_is_serialized_is_parsed_again(packet: RtpPacket) -> None:
    assert RtpPacket.parse(packet.serialize()) == packet


@given(PACKETS.map(RtpPacket.serialize), st.data())
def test_no_cut_of_a_packet_raises_anything_else(wire: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(min_value=0, max_value=len(wire)))

    try:
        parsed = RtpPacket.parse(wire[:cut])
    except PacketError:
        return
    assert parsed.serialize()[:12] == wire[:12]


@given(st.binary(max_size=200))
def test_hostile_bytes_raise_only_the_packet_error(wire: bytes) -> None:
    with contextlib.suppress(PacketError):
        RtpPacket.parse(wire)


@given(st.integers(min_value=0x80, max_value=0xBF), st.binary(min_size=11, max_size=120))
def test_hostile_bytes_of_version_2_parse_to_what_they_serialize_to(
    flags: int, rest: bytes
) -> None:
    """Forces the padding and extension bits on, which random bytes seldom have together."""
    wire = bytes([flags]) + rest

    try:
        packet = RtpPacket.parse(wire)
    except PacketError:
        return
    again = packet.serialize()
    assert len(again) == len(wire)
    assert RtpPacket.parse(again) == packet


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        (b"", "0 bytes is shorter"),
        (bytes.fromhex("80 08 1234 56789abc deadbe"), "11 bytes is shorter"),
        (bytes.fromhex("40 08 1234 56789abc deadbeef"), "version 1, expected 2"),
        (bytes.fromhex("c0 08 1234 56789abc deadbeef"), "version 3, expected 2"),
        (bytes.fromhex("81 08 1234 56789abc deadbeef 000000"), "list of 1 contributing"),
        (bytes.fromhex("90 08 1234 56789abc deadbeef bede00"), "truncated extension header"),
        (bytes.fromhex("90 08 1234 56789abc deadbeef bede0001 aabbcc"), "extension of 1 words"),
        (bytes.fromhex("a0 08 1234 56789abc deadbeef 00"), "padding of 0 bytes"),
        (bytes.fromhex("a0 08 1234 56789abc deadbeef 02"), "start at 12 and end at 11"),
    ],
)
def test_says_what_is_wrong_with_a_datagram(wire: bytes, message: str) -> None:
    with pytest.raises(PacketError, match=re.escape(message)):
        RtpPacket.parse(wire)


def test_padding_may_fill_the_whole_payload() -> None:
    wire = bytes.fromhex("a0 08 1234 56789abc deadbeef 01")

    assert RtpPacket.parse(wire) == PLAIN._replace(payload=b"", padding=1)


@pytest.mark.parametrize(
    "change",
    [
        {"payload_type": 128},
        {"payload_type": -1},
        {"sequence_number": 0x10000},
        {"timestamp": -1},
        {"ssrc": 1 << 32},
        {"csrcs": (0,) * 16},
        {"csrcs": (1 << 32,)},
        {"padding": 256},
        {"padding": -1},
        {"extension": Extension(0, b"abc")},
        {"extension": Extension(0x10000)},
        {"extension": Extension(0, bytes(4 * 0x10000))},
    ],
)
def test_refuses_to_send_what_does_not_fit_the_format(change: dict[str, object]) -> None:
    packet = PLAIN._replace(**change)  # type: ignore[arg-type]  # fields vary

    with pytest.raises(ValueError, match="not encodable"):
        packet.serialize()
