"""Keys as RTP events (RFC 4733): the payload, and hearing one press of what packets say of it."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.errors import PacketError
from transports.rtp.telephone_event import KEYS, Digit, EventReceiver, Span, TelephoneEvent

TICK = 0.02
FRAME = 160

EVENTS = st.builds(
    TelephoneEvent,
    event=st.integers(min_value=0, max_value=255),
    duration=st.integers(min_value=0, max_value=0xFFFF),
    is_end=st.booleans(),
    volume=st.integers(min_value=0, max_value=63),
)


def payload(key: str, frames: int, *, is_end: bool = False) -> bytes:
    return TelephoneEvent(KEYS.index(key), frames * FRAME, is_end).serialize()


def test_reads_the_fields_from_where_the_rfc_puts_them() -> None:
    assert TelephoneEvent.parse(bytes.fromhex("0b8a0320")) == (
        TelephoneEvent(11, 800, is_end=True, volume=10),
    )
    assert TelephoneEvent.parse(bytes.fromhex("01ff0000")) == (
        TelephoneEvent(1, 0, is_end=True, volume=63),
    )


@given(EVENTS)
def test_what_is_serialized_is_parsed_again(event: TelephoneEvent) -> None:
    assert TelephoneEvent.parse(event.serialize()) == (event,)


@given(st.binary(max_size=24))
def test_hostile_payloads_raise_only_the_packet_error(wire: bytes) -> None:
    receiver = EventReceiver()

    with contextlib.suppress(PacketError):
        receiver.receive(wire, 0, 0.0)
    assert len(receiver.digits(0.0)) <= 4


@pytest.mark.parametrize("size", [0, 1, 3, 5, 20])
def test_refuses_what_is_no_whole_number_of_events(size: int) -> None:
    with pytest.raises(PacketError, match=f"{size} bytes are not 1 to 4"):
        TelephoneEvent.parse(bytes(size))


@pytest.mark.parametrize(
    "event",
    [
        TelephoneEvent(256, 0),
        TelephoneEvent(0, 0x10000),
        TelephoneEvent(0, 0, is_end=False, volume=64),
    ],
)
def test_refuses_to_send_what_does_not_fit_the_format(event: TelephoneEvent) -> None:
    with pytest.raises(ValueError, match="not encodable"):
        event.serialize()


@pytest.mark.parametrize("key", KEYS)
def test_hears_each_key_once_and_how_long_it_was_pressed(key: str) -> None:
    receiver = EventReceiver()
    heard = []
    for tick in range(7):
        frames = min(tick + 1, 5)
        receiver.receive(payload(key, frames, is_end=tick >= 4), 1000, tick * TICK)
        heard += receiver.digits(tick * TICK)

    assert heard == [Digit(key, 100)]
    assert receiver.count == 1


def test_the_time_of_an_event_is_filled_without_gap_or_overlap() -> None:
    receiver = EventReceiver()
    packets = [(1, False), (3, False), (2, False), (4, True), (4, True)]  # one lost, one late

    spans = [
        receiver.receive(payload("5", frames, is_end=is_end), 0xFFFFFF00, 0.0)
        for frames, is_end in packets
    ]

    assert spans == [
        Span(0xFFFFFF00, FRAME),
        Span(0xFFFFFFA0, 2 * FRAME),
        None,
        Span(0xE0, FRAME),
        None,
    ]


def test_a_press_whose_ends_were_lost_ends_by_itself() -> None:
    receiver = EventReceiver()
    receiver.receive(payload("7", 3), 1000, 1.0)

    assert receiver.digits(1.19) == []
    assert receiver.digits(1.21) == [Digit("7", 60)]
    receiver.receive(payload("7", 5, is_end=True), 1000, 1.3)  # the end, after all
    assert receiver.digits(1.3) == []


def test_the_next_key_ends_the_one_before_it() -> None:
    receiver = EventReceiver()
    receiver.receive(payload("1", 3), 1000, 0.0)
    receiver.receive(payload("2", 2, is_end=True), 2000, 0.1)
    receiver.receive(payload("1", 4, is_end=True), 1000, 0.12)  # a straggler

    assert receiver.digits(0.1) == [Digit("1", 60), Digit("2", 40)]


def test_the_same_key_twice_is_two_digits() -> None:
    receiver = EventReceiver()
    for timestamp in (1000, 2600):
        receiver.receive(payload("1", 5, is_end=True), timestamp, 0.0)

    assert receiver.digits(0.0) == [Digit("1", 100)] * 2


def test_the_same_key_twice_is_two_digits_though_the_first_one_never_ended() -> None:
    receiver = EventReceiver()
    receiver.receive(payload("1", 3), 1000, 0.0)
    receiver.receive(payload("1", 5, is_end=True), 2600, 0.1)

    assert receiver.digits(0.1) == [Digit("1", 60), Digit("1", 100)]


@pytest.mark.parametrize("volume", [0, 63])
def test_every_volume_is_sent_as_it_is(volume: int) -> None:
    event = TelephoneEvent(0, 0, volume=volume)

    assert TelephoneEvent.parse(event.serialize()) == (event,)


def test_a_press_longer_than_the_field_is_one_digit() -> None:
    receiver = EventReceiver()
    segment = TelephoneEvent(5, 0xFFFF).serialize()
    receiver.receive(segment, 1000, 8.2)
    receiver.receive(TelephoneEvent(5, 0xFFFF).serialize(), 1000 + 0xFFFF, 8.22)
    receiver.receive(TelephoneEvent(5, 80, is_end=True).serialize(), 1000 + 2 * 0xFFFF, 8.24)

    assert receiver.digits(8.24) == [Digit("5", (2 * 0xFFFF + 80) * 1000 // 8000)]


def test_events_that_share_a_packet_follow_upon_one_another() -> None:
    receiver = EventReceiver()

    span = receiver.receive(payload("1", 2) + payload("2", 3, is_end=True), 1000, 0.0)

    assert span == Span(1000, 5 * FRAME)
    assert receiver.digits(0.0) == [Digit("1", 40), Digit("2", 60)]


def test_an_event_that_is_no_key_fills_its_time_and_says_nothing() -> None:
    receiver = EventReceiver()

    assert receiver.receive(TelephoneEvent(16, 800, is_end=True).serialize(), 0, 0.0) == Span(
        0, 800
    )
    assert receiver.digits(1.0) == []


def test_a_timeline_set_far_back_is_believed() -> None:
    receiver = EventReceiver()
    receiver.receive(payload("1", 2, is_end=True), 100_000, 0.0)
    receiver.receive(payload("2", 2, is_end=True), 1_000, 1.0)

    assert [digit for digit, _ in receiver.digits(1.0)] == ["1", "2"]


def test_a_new_source_may_begin_anywhere() -> None:
    receiver = EventReceiver()
    receiver.receive(payload("1", 2), 2000, 0.0)
    receiver.restart()
    receiver.receive(payload("1", 2, is_end=True), 2000, 0.1)

    assert receiver.digits(0.1) == [Digit("1", 40)] * 2


def test_holds_no_more_digits_than_anybody_presses() -> None:
    receiver = EventReceiver()
    for number in range(40):
        receiver.receive(payload("1", 1, is_end=True), number * 1000, 0.0)

    assert len(receiver.digits(0.0)) == 32
    assert (receiver.count, receiver.overflowed) == (32, 8)


@given(
    st.lists(st.tuples(st.binary(min_size=4, max_size=16), st.integers(0, 0xFFFFFFFF)), max_size=30)
)
def test_no_order_of_packets_breaks_the_receiver(packets: list[tuple[bytes, int]]) -> None:
    receiver = EventReceiver()
    for tick, (wire, timestamp) in enumerate(packets):
        with contextlib.suppress(PacketError):
            span = receiver.receive(wire, timestamp, tick * TICK)
            assert span is None or 0 < span.duration <= 4 * 4000
        assert all(digit.digit in KEYS for digit in receiver.digits(tick * TICK))
