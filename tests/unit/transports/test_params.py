"""What an operator may configure."""

import pytest
from pydantic import ValidationError

from transports.audio.codec import Codec
from transports.params import RtpParams, StreamOptions


def test_defaults_are_the_documented_ones() -> None:
    params = RtpParams()

    assert params.model_dump() == {
        "host": "127.0.0.1",
        "bind": None,
        "port_min": 10000,
        "port_max": 20000,
        "codec": Codec.ALAW,
        "receive": None,
        "playout_min_ms": 20,
        "playout_max_ms": 80,
        "placement": "inline",
    }
    assert params.bind_host == "127.0.0.1"


def test_binds_elsewhere_when_told() -> None:
    assert RtpParams(host="192.0.2.1", bind="0.0.0.0").bind_host == "0.0.0.0"  # noqa: S104  a case


def test_takes_the_codec_by_its_name_and_ipv6_in_any_spelling() -> None:
    params = RtpParams.model_validate({"codec": "ulaw", "host": "0:0::1"})

    assert (params.codec, params.host) == (Codec.ULAW, "::1")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("host", "localhost", "'localhost' is not a numeric IP address"),
        ("bind", "", "'' is not a numeric IP address"),
        ("bind", "::1", "not of the same IP version"),
        ("port_min", 80, "greater than or equal to 1024"),
        ("port_max", 65536, "less than or equal to 65535"),
        ("port_min", 20000, "hold no pair"),
        ("port_max", 10000, "hold no pair"),
        ("codec", "opus", "'alaw', 'ulaw', 'g722', 'slin' or 'slin16'"),
        ("codec", "slin16", "'slin16' can be received, not sent"),
        ("playout_min_ms", -1, "greater than or equal to 0"),
        ("playout_min_ms", 81, "delay of 81..80 ms is an empty range"),
        ("prot_min", 1, "Extra inputs are not permitted"),
    ],
)
def test_refuses_what_cannot_work_and_says_why(field: str, value: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RtpParams.model_validate({field: value})


@pytest.mark.parametrize(("low", "high"), [(10000, 10001), (10001, 10003)])
def test_one_pair_is_enough(low: int, high: int) -> None:
    assert RtpParams(port_min=low, port_max=high).port_max == high


@pytest.mark.parametrize("payload_type", [-1, 0, 8, 34, 72, 76, 128])
def test_a_stream_gives_no_events_the_payload_type_of_something_else(payload_type: int) -> None:
    with pytest.raises(ValueError, match=f"payload type {payload_type} cannot be"):
        StreamOptions(telephone_event=payload_type)


@pytest.mark.parametrize("payload_type", [None, 96, 101, 127])
def test_a_stream_takes_the_payload_types_that_are_negotiated(payload_type: int | None) -> None:
    assert StreamOptions(telephone_event=payload_type).telephone_event == payload_type


@pytest.mark.parametrize(
    ("configured", "agreed", "expected"),
    [
        ({}, StreamOptions(), (Codec.ALAW, Codec.ALAW)),
        ({"codec": "g722"}, StreamOptions(), (Codec.G722, Codec.G722)),
        ({"receive": "slin16"}, StreamOptions(), (Codec.ALAW, Codec.SLIN16)),
        ({"receive": "slin16"}, StreamOptions(codec=Codec.ULAW), (Codec.ULAW, Codec.ULAW)),
        ({"receive": "slin16"}, StreamOptions(receive=Codec.SLIN), (Codec.ALAW, Codec.SLIN)),
    ],
)
def test_a_stream_receives_what_it_sends_unless_told(
    configured: dict[str, str], agreed: StreamOptions, expected: tuple[Codec, Codec]
) -> None:
    assert RtpParams.model_validate(configured).codecs(agreed) == expected


def test_a_fixed_delay_is_a_range_of_one() -> None:
    assert RtpParams(playout_min_ms=60, playout_max_ms=60).playout_delay == (0.06, 0.06)


def test_a_stream_sends_nothing_that_needs_an_agreement() -> None:
    with pytest.raises(ValueError, match="slin16 can be received, not sent"):
        StreamOptions(codec=Codec.SLIN16)
