"""Digits that we send: events that a receiver understands, or tones that a detector hears."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.audio.codec import Codec
from transports.audio.dtmf import DtmfDetector
from transports.rtp.digits import DigitSender, EventPayload
from transports.rtp.packet import RtpPacket
from transports.rtp.sender import Sender
from transports.rtp.telephone_event import KEYS, EventReceiver, TelephoneEvent

TICK = 0.02
FRAME = 160
EVENT_TYPE = 101


def packets(sender: Sender, ticks: int) -> list[RtpPacket]:
    return [RtpPacket.parse(sender.next_packet().datagram) for _ in range(ticks)]


def event_sender() -> Sender:
    return Sender(Codec.ALAW, random.Random(1), EVENT_TYPE)


def test_a_key_is_an_event_that_grows_and_ends_three_times() -> None:
    sender = event_sender()
    began = sender.timestamp
    sender.digits.queue("9", duration_ms=60, pause_ms=100)

    sent = packets(sender, 9)

    assert [packet.payload_type for packet in sent] == [EVENT_TYPE] * 5 + [8] * 4
    assert [packet.timestamp for packet in sent[:5]] == [began] * 5
    assert [packet.marker for packet in sent] == [True] + [False] * 8
    assert [TelephoneEvent.parse(packet.payload)[0] for packet in sent[:5]] == [
        TelephoneEvent(9, FRAME),
        TelephoneEvent(9, 2 * FRAME),
        *[TelephoneEvent(9, 3 * FRAME, is_end=True)] * 3,
    ]
    numbers = [packet.sequence_number for packet in sent]
    assert [(number - numbers[0]) % 0x10000 for number in numbers] == list(range(9))
    assert (sent[5].timestamp - began) % (1 << 32) == 5 * FRAME  # time went on
    assert not sender.digits.pending


def test_speech_waits_for_the_digits_and_loses_nothing() -> None:
    sender = event_sender()
    speech = random.Random(2).randbytes(20 * FRAME * 2)
    sender.write(speech)
    packets(sender, 3)
    sender.digits.queue("1#", duration_ms=40, pause_ms=40)

    digits = packets(sender, 8)
    after = packets(sender, 1)[0]

    assert {packet.payload_type for packet in digits} == {EVENT_TYPE}
    assert sender.played_samples == 4 * FRAME
    assert (after.payload_type, after.marker) == (8, True)


def test_a_wideband_key_held_for_long_goes_on_in_a_second_segment() -> None:
    sender, receiver = Sender(Codec.SLIN16, random.Random(1), EVENT_TYPE), EventReceiver()
    began = sender.timestamp
    sender.digits.queue("5", duration_ms=6000)

    heard, now, segments = [], 0.0, set()
    while sender.digits.pending:
        packet = RtpPacket.parse(sender.next_packet().datagram)
        if packet.payload_type == EVENT_TYPE:
            segments.add((packet.timestamp - began) % (1 << 32))
            receiver.receive(packet.payload, packet.timestamp, now, clock_rate=16_000)
        heard += receiver.digits(now)
        now += TICK

    assert segments == {0, 0xFFFF}
    assert [tuple(digit) for digit in heard] == [("5", 6000)]


@given(
    st.text(alphabet=KEYS, min_size=1, max_size=8),
    st.integers(min_value=40, max_value=300),
    st.integers(min_value=40, max_value=200),
)
def test_a_receiver_understands_what_is_sent(digits: str, duration_ms: int, pause_ms: int) -> None:
    sender, receiver = event_sender(), EventReceiver()
    sender.digits.queue(digits, duration_ms=duration_ms, pause_ms=pause_ms)
    heard = []
    now = 0.0
    while sender.digits.pending:
        packet = RtpPacket.parse(sender.next_packet().datagram)
        if packet.payload_type == EVENT_TYPE:
            receiver.receive(packet.payload, packet.timestamp, now)
        heard += receiver.digits(now)
        now += TICK

    assert "".join(digit for digit, _ in heard) == digits
    assert {duration for _, duration in heard} == {-(-duration_ms // 20) * 20}


def test_a_peer_without_events_gets_tones() -> None:
    sender, detector = Sender(Codec.ULAW, random.Random(1)), DtmfDetector()
    sender.digits.queue("12#D")

    heard = [
        tone.digit
        for packet in packets(sender, 60)
        for tone in detector.hear(Codec.ULAW.decode(packet.payload))
    ]

    assert heard == list("12#D")
    assert sender.digits.sent == 4


def test_takes_letters_of_either_case() -> None:
    sender = DigitSender(is_event=True)
    sender.queue("d")

    sent = sender.next(0)

    assert isinstance(sent, EventPayload)
    assert sent.payload[0] == KEYS.index("D")


def test_holds_a_key_for_six_seconds_at_most() -> None:
    sender = event_sender()
    sender.digits.queue("1", duration_ms=6000, pause_ms=6000)

    sent = packets(sender, 600)

    assert TelephoneEvent.parse(sent[301].payload)[0].duration == 48_000
    assert not sender.digits.pending


def test_keeps_no_more_digits_than_anybody_dials() -> None:
    sender = DigitSender(is_event=True)
    sender.queue("1" * 100)
    sender.queue("2" * 100)

    assert sender.dropped == 72


@pytest.mark.parametrize(
    ("digits", "times", "message"),
    [
        ("1x", {}, "'X' is none of the keys"),
        ("1", {"duration_ms": 39}, "not 39 and 100"),
        ("1", {"duration_ms": 6001}, "not 6001 and 100"),
        ("1", {"pause_ms": 39}, "not 100 and 39"),
        ("1", {"pause_ms": 6001}, "not 100 and 6001"),
    ],
)
def test_refuses_what_nobody_could_dial(digits: str, times: dict[str, int], message: str) -> None:
    sender = DigitSender(is_event=True)

    with pytest.raises(ValueError, match=message):
        sender.queue(digits, **times)
    assert not sender.pending
