"""RTCP packets: what RFC 3550 section 6 says, and whatever else may come in a datagram."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.errors import PacketError
from transports.rtp.rtcp import (
    Goodbye,
    ReceiverReport,
    ReportBlock,
    RtcpPacket,
    SenderReport,
    SourceDescription,
    parse_compound,
    serialize_compound,
)

BITS_32 = st.integers(min_value=0, max_value=0xFFFFFFFF)
BLOCKS = st.lists(
    st.builds(
        ReportBlock,
        ssrc=BITS_32,
        fraction_lost=st.integers(min_value=0, max_value=255),
        lost=st.integers(min_value=-0x800000, max_value=0x7FFFFF),
        highest=BITS_32,
        jitter=BITS_32,
        last_report=BITS_32,
        delay=BITS_32,
    ),
    max_size=31,
).map(tuple)
REPORTS = st.builds(ReceiverReport, BITS_32, BLOCKS) | st.builds(
    SenderReport,
    BITS_32,
    st.integers(min_value=0, max_value=(1 << 64) - 1),
    BITS_32,
    BITS_32,
    BITS_32,
    BLOCKS,
)
OTHERS = (
    REPORTS
    | st.builds(SourceDescription, BITS_32, st.binary(max_size=255))
    | st.builds(Goodbye, st.lists(BITS_32, max_size=31).map(tuple), st.binary(max_size=255))
)
COMPOUNDS = st.builds(lambda first, rest: [first, *rest], REPORTS, st.lists(OTHERS, max_size=4))

REPORT = "80c90001 0000000b"  # an empty receiver report of source 11


def test_reads_a_sender_report_from_where_the_rfc_puts_its_fields() -> None:
    wire = bytes.fromhex(
        "81c8000c deadbeef ec7b7f00 80000000 00001234 00000032 00001f40"
        "cafebabe 40fffffe 00010005 00000028 7f008000 00018000"
    )

    assert parse_compound(wire) == (
        SenderReport(
            ssrc=0xDEADBEEF,
            ntp=0xEC7B7F0080000000,
            timestamp=0x1234,
            packets=50,
            octets=8000,
            blocks=(ReportBlock(0xCAFEBABE, 64, -2, 0x10005, 40, 0x7F008000, 0x18000),),
        ),
    )


def test_reads_the_rest_of_a_compound() -> None:
    wire = bytes.fromhex(
        REPORT
        + "82ca0006 0000000b 0103 612e62 0602 6869 00 0000 0000000c 01 00 00 00"
        + "81cb0003 0000000b 04 6f766572 000000"
    )

    assert parse_compound(wire) == (
        ReceiverReport(11),
        SourceDescription(11, b"a.b"),
        SourceDescription(12, b""),
        Goodbye((11,), b"over"),
    )


@given(COMPOUNDS)
def test_what_is_serialized_is_parsed_again(packets: list[RtcpPacket]) -> None:
    assert parse_compound(serialize_compound(packets)) == tuple(packets)


@given(COMPOUNDS, st.sampled_from([192, 204, 205, 206, 207, 223]), st.binary(max_size=40))
def test_skips_types_it_does_not_know_by_their_length(
    packets: list[RtcpPacket], packet_type: int, body: bytes
) -> None:
    body += bytes(-len(body) % 4)
    unknown = bytes([0x9F, packet_type]) + (len(body) // 4).to_bytes(2) + body
    wire = serialize_compound(packets[:1]) + unknown + serialize_compound(packets)

    assert parse_compound(wire) == (packets[0], *packets)


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        ("", "0 bytes hold no report"),
        ("80c90000 00", "5 bytes hold no report"),
        ("81cb0001 0000000b", "does not begin with a report"),
        ("a0c90001 0000000b", "does not begin with a report"),
        (REPORT + "40cb0000", "version 1, expected 2"),
        (REPORT + "80cb00", "3 bytes are left over"),
        (REPORT + "80cb0001", "ends at 16 of 12 bytes"),
        ("81c90001 0000000b", "report of 1 blocks"),
        ("80c80001 0000000b", "report of 0 blocks"),
        (REPORT + "a0cc0001 00000004" + "80cb0000", "padding before the last packet"),
        (REPORT + "a0cc0001 00000000", "0 bytes of padding in 4"),
        (REPORT + "a0cc0001 00000008", "8 bytes of padding in 4"),
        (REPORT + "a0cc0001 00000003", "3 bytes of padding in 4"),
        (REPORT + "81ca0001 0000000b", "description of 1 sources"),
        (REPORT + "81ca0002 0000000b 01040000", "item of a description"),
        (REPORT + "81ca0002 0000000b 01026162", "without an end"),
        (REPORT + "82cb0001 0000000b", "farewell of 2 sources"),
        (REPORT + "81cb0002 0000000b 04616263", "reason of a farewell"),
    ],
)
def test_says_what_is_wrong_with_a_datagram(wire: str, message: str) -> None:
    with pytest.raises(PacketError, match=re.escape(message)):
        parse_compound(bytes.fromhex(wire))


def test_takes_padding_off_the_last_packet() -> None:
    wire = bytes.fromhex(REPORT + "a1cb0002 0000000b 00000004")

    assert parse_compound(wire) == (ReceiverReport(11), Goodbye((11,)))


@given(st.binary(max_size=200))
def test_hostile_bytes_raise_only_the_packet_error(wire: bytes) -> None:
    with contextlib.suppress(PacketError):
        parse_compound(wire)


@given(
    st.lists(
        st.tuples(
            st.integers(min_value=0x80, max_value=0xBF),
            st.sampled_from([200, 201, 202, 203, 204]),
            st.binary(max_size=64),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_hostile_bodies_in_packets_of_true_length_raise_only_the_packet_error(
    packets: list[tuple[int, int, bytes]],
) -> None:
    """Random bytes seldom get past the checks of length."""
    wire = bytes.fromhex(REPORT)
    for flags, packet_type, body in packets:
        whole = body[: len(body) // 4 * 4]
        wire += bytes([flags, packet_type]) + (len(whole) // 4).to_bytes(2) + whole

    with contextlib.suppress(PacketError):
        parse_compound(wire)


@given(COMPOUNDS.map(serialize_compound), st.data())
def test_no_cut_of_a_compound_raises_anything_else(wire: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(min_value=0, max_value=len(wire)))

    with contextlib.suppress(PacketError):
        parsed = parse_compound(wire[:cut])
        assert serialize_compound(parsed) == wire[:cut]


@pytest.mark.parametrize(
    ("packets", "message"),
    [
        ([], "begins with a report"),
        ([Goodbye((1,))], "begins with a report"),
        ([ReceiverReport(1 << 32)], "not encodable"),
        ([SenderReport(1, 1 << 64, 0, 0, 0)], "not encodable"),
        ([ReceiverReport(1, (ReportBlock(1, 256, 0, 0, 0),))], "not encodable"),
        ([ReceiverReport(1, (ReportBlock(1, 0, 0x800000, 0, 0),))], "not encodable"),
        ([ReceiverReport(1, (ReportBlock(1, 0, -0x800001, 0, 0),))], "not encodable"),
        ([ReceiverReport(1, (ReportBlock(1, 0, 0, 0, 0),) * 32)], "at most 31 fit"),
        ([ReceiverReport(1), SourceDescription(1, bytes(256))], "not encodable"),
        ([ReceiverReport(1), Goodbye((1,) * 32)], "at most 31 fit"),
        ([ReceiverReport(1), Goodbye((1,), bytes(256))], "not encodable"),
    ],
)
def test_refuses_to_send_what_does_not_fit_the_format(
    packets: list[RtcpPacket], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        serialize_compound(packets)
