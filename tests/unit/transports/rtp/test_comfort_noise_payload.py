"""Comfort noise on the wire: what RFC 3389 section 3 says, and whatever else may come."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.errors import PacketError
from transports.rtp.comfort_noise_payload import ComfortNoisePayload

PAYLOADS = st.builds(
    ComfortNoisePayload,
    level=st.integers(min_value=0, max_value=127),
    codes=st.lists(st.integers(min_value=0, max_value=254), max_size=20).map(tuple),
)


def test_reads_the_level_and_the_coefficients() -> None:
    payload = ComfortNoisePayload.parse(bytes([64, 127, 0, 254]))

    assert payload.dbfs == -64
    assert payload.reflection == pytest.approx((0, -0.99994, 0.99994), abs=1e-5)


def test_the_reserved_bit_is_ignored() -> None:
    assert ComfortNoisePayload.parse(b"\xc0") == ComfortNoisePayload(64)


@pytest.mark.parametrize("payload", [b"", b"\x40\xff", b"\x40\x7f\x7f\xff"])
def test_what_says_no_level_or_a_reserved_code_is_refused(payload: bytes) -> None:
    with pytest.raises(PacketError):
        ComfortNoisePayload.parse(payload)


@pytest.mark.parametrize(
    ("dbfs", "level"), [(-64.4, 64), (3.0, 0), (-200.0, 127), (-0.4, 0), (-126.6, 127)]
)
def test_any_level_is_sent_as_the_nearest_that_there_is(dbfs: float, level: int) -> None:
    assert ComfortNoisePayload.of_level(dbfs) == ComfortNoisePayload(level)


@pytest.mark.parametrize("bad", [ComfortNoisePayload(128), ComfortNoisePayload(-1)])
def test_a_level_out_of_range_is_not_sent(bad: ComfortNoisePayload) -> None:
    with pytest.raises(ValueError, match="not encodable"):
        bad.serialize()


def test_the_reserved_code_is_not_sent() -> None:
    with pytest.raises(ValueError, match="not encodable"):
        ComfortNoisePayload(64, (255,)).serialize()


@given(PAYLOADS)
def test_what_is_sent_is_what_is_read(payload: ComfortNoisePayload) -> None:
    assert ComfortNoisePayload.parse(payload.serialize()) == payload


@given(st.binary(max_size=1500))
def test_any_bytes_raise_nothing_but_our_error(payload: bytes) -> None:
    with contextlib.suppress(PacketError):
        parsed = ComfortNoisePayload.parse(payload)
        assert all(-1 < coefficient < 1 for coefficient in parsed.reflection)
