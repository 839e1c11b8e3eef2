"""The receiver: whose packets are taken, which are refused, and what hostile ones cannot do."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.rtp_peer import FRAME, PEER, TICK, Peer, tone
from transports.audio.codec import LAWS, Codec
from transports.audio.comfort_noise import ComfortNoise
from transports.rtp.packet import RtpPacket
from transports.rtp.receiver import Receiver
from transports.rtp.rtcp import SenderReport, serialize_compound
from transports.rtp.source import Rejection
from transports.rtp.spread import PlayoutRange


@pytest.mark.parametrize("law", LAWS)
def test_either_law_is_understood_by_its_payload_type(law: Codec) -> None:
    peer = Peer()
    peer.codec = law
    rng = np.random.default_rng(2)
    pcm = law.decode(rng.integers(0, 256, FRAME, np.uint8).tobytes())

    for _ in range(10):
        peer.send(pcm)
        played = peer.tick()

    assert played == ("audio", pcm)


@pytest.mark.parametrize("payload_type", [3, 9, 101, 118])
def test_other_payload_types_are_dropped_and_are_no_loss(payload_type: int) -> None:
    peer = Peer()
    peer.talk(range(10))

    assert peer.send(bytes(320), payload_type=payload_type) is Rejection.PAYLOAD_TYPE
    peer.talk(range(10, 20))

    assert peer.receiver.rejected == {Rejection.PAYLOAD_TYPE: 1}
    assert peer.receiver.packets.lost == 0


def test_a_report_on_the_port_of_audio_does_not_become_the_source() -> None:
    peer = Peer()
    report = SenderReport(77, 0xE900_0000_1111_1111, 5, 1, 160)

    rejection = peer.receiver.receive(serialize_compound([report]), PEER, peer.now)
    played = peer.talk(range(10))

    assert rejection is Rejection.MALFORMED
    assert peer.receiver.sources == 1
    assert [kind for kind, _ in played] == ["noise"] * 2 + ["audio"] * 8


@pytest.mark.parametrize("samples", [0, 1, 39, 1601])
def test_packets_no_peer_would_send_are_dropped(samples: int) -> None:
    assert Peer().send(bytes(2 * samples)) is Rejection.PAYLOAD_SIZE


@pytest.mark.parametrize("samples", [40, 1600])
def test_packets_of_unusual_length_are_accepted(samples: int) -> None:
    assert Peer().send(bytes(2 * samples)) is None


def test_other_addresses_are_not_heard() -> None:
    peer = Peer()

    rejection = peer.receiver.receive(peer.packet(tone(0)), ("192.0.2.66", 20002), peer.now)

    assert rejection is Rejection.ADDRESS
    assert peer.receiver.packets.received == 0
    assert peer.receiver.last_arrival is None


def test_garbage_is_counted_and_dropped() -> None:
    peer = Peer()

    assert peer.receiver.receive(b"OPTIONS sip:", PEER, peer.now) is Rejection.MALFORMED
    assert peer.receiver.rejected == {Rejection.MALFORMED: 1}


LONGEST_WAIT_TICKS = 150
"""3 s: a full buffer, and a pause before each of several timelines in it."""


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["tick", "good", "garbage", "other"]),
            st.binary(max_size=60),
            st.integers(min_value=-500, max_value=500),
            st.integers(min_value=-20_000, max_value=20_000),
        ),
        max_size=60,
    ),
    st.integers(min_value=0, max_value=2**32),
)
def test_nothing_that_arrives_breaks_the_line_of_frames(
    steps: list[tuple[str, bytes, int, int]], seed: int
) -> None:
    rng = random.Random(seed)
    peer = Peer()
    for what, data, number_step, timestamp_step in steps:
        if what == "tick":
            peer.tick()
        elif what == "garbage":
            peer.receiver.receive(data, PEER, peer.now)
        else:
            if what == "other":
                peer.number += number_step
                peer.timestamp += timestamp_step
            peer.send(bytes(2 * rng.choice([40, 80, 160, 161, 480, 1600])))
        peer.now += rng.random() * 0.01
    for _ in range(LONGEST_WAIT_TICKS):
        peer.tick()

    assert peer.tick()[0] == "noise"
    assert peer.receiver.buffered_samples == 0


FORGED = st.one_of(
    st.binary(max_size=400),
    st.builds(
        lambda number, ssrc, payload: RtpPacket(8, number, 160 * number, ssrc, payload).serialize(),
        st.integers(0, 0xFFFF),
        st.integers(0, 0xFFFFFFFF).filter(lambda ssrc: ssrc != 77),
        st.binary(min_size=160, max_size=160),
    ),
)


@given(
    datagrams=st.lists(
        st.tuples(FORGED, st.sampled_from([PEER, ("192.0.2.66", 20002)])), max_size=60
    )
)
@settings(max_examples=50)
def test_while_the_peer_talks_nobody_else_is_heard_even_with_its_address(
    datagrams: list[tuple[bytes, tuple[str, int]]],
) -> None:
    quiet, attacked = Peer(), Peer()
    for peer in (quiet, attacked):
        peer.talk(range(5))

    for number in range(5, 25):
        attacked.send(tone(number))
        for data, address in datagrams[3 * (number - 5) : 3 * (number - 4)]:
            if data[8:12] != (77).to_bytes(4):
                assert attacked.receiver.receive(data, address, attacked.now) is not None
        quiet.send(tone(number))
        assert attacked.tick() == quiet.tick()

    assert attacked.receiver.sources == 1


@pytest.mark.parametrize("seed", range(12))
def test_a_packet_like_the_last_one_is_taken_as_any_other_is(seed: int) -> None:
    """One with padding is never like the last one, and everything else about it is the same."""
    rng = random.Random(seed)
    codecs = rng.choice([(), (Codec.G722,)])
    plain, padded = (
        Receiver(
            delay=PlayoutRange(0.02, 0.08),
            noise=ComfortNoise(),
            codecs=codecs,
            telephone_event=101,
        )
        for _ in range(2)
    )
    ssrc, number, timestamp, samples, payload_type = 77, 0xFFF0, 0xFFFFF000, FRAME, 8
    now = 500.0

    for _ in range(300):
        if rng.random() < 0.05:
            ssrc = rng.choice([77, 78])
            number += rng.choice([-1, 0, 2, 5, 5000])
            timestamp += rng.choice([0, 3, FRAME, -5000])
            samples = rng.choice([FRAME, FRAME, 80, 240, 10])
            payload_type = rng.choice([8, 8, 0, 9, 13, 42, 101])
        payload = rng.randbytes(4 if payload_type == 101 else samples)
        packet = RtpPacket(
            payload_type,
            number & 0xFFFF,
            timestamp & 0xFFFFFFFF,
            ssrc,
            payload,
            marker=rng.random() < 0.02,
        )
        number, timestamp = number + 1, timestamp + samples
        arrived_at = now - rng.choice([0.0, 0.004, 0.01])
        outcomes = [
            receiver.receive(datagram, PEER, arrived_at)
            for receiver, datagram in (
                (plain, packet.serialize()),
                (padded, packet._replace(padding=1).serialize()),
            )
        ]
        assert outcomes[0] == outcomes[1]
        assert plain.arrived(now) == padded.arrived(now)
        assert plain.frame(now) == padded.frame(now)
        assert plain.events.digits(now) == padded.events.digits(now)
        assert (plain.packets, plain.reception) == (padded.packets, padded.reception)
        assert plain.last_arrival == padded.last_arrival
        now += TICK
    assert plain.rejected == padded.rejected
    assert plain.played["audio"] > 20
