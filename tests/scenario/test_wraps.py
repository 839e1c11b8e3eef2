"""Sequence numbers and timestamps wrap at any place of a call, and nobody hears where."""

import random
from collections.abc import Mapping

import pytest

from tests.support.line import ADAPTIVE, PEER, RATE, TICK, wave
from transports.audio.codec import Codec
from transports.netem import Impairments, Network
from transports.rtp.packet import RtpPacket
from transports.rtp.session import RtpSession

SECONDS = 4
COUNTS = ("received", "lost", "late", "duplicate", "reordered", "concealed", "delayed", "sources")
BAD = Impairments(loss=0.1, reorder=0.1, reorder_delay=0.05, duplicate=0.05, jitter=0.01)


def heard(
    ptime: float, *, number: int, timestamp: int, codec: Codec = Codec.ALAW
) -> tuple[bytes, bytes, Mapping[str, int]]:
    """Return what is played, what is told ahead, and the counts, of the same call on a bad path.

    Args:
        ptime: Seconds in a packet.
        number: The first sequence number.
        timestamp: The first timestamp.
        codec: Of the caller.
    """
    session = RtpSession(
        codec=Codec.ALAW, receive=codec, playout_delay=ADAPTIVE, random=random.Random(2)
    )
    session.connect(PEER)
    network, encoder = Network(BAD, random.Random(5)), codec.encoder()
    said, samples = Codec.ALAW.decode(wave(SECONDS * RATE)), round(ptime * RATE)
    step = samples * codec.clock_rate // RATE
    for place in range(len(said) // (2 * samples)):
        payload = encoder.encode(said[2 * place * samples : 2 * (place + 1) * samples])
        at, wrapped = (number + place) & 0xFFFF, (timestamp + place * step) & 0xFFFFFFFF
        packet = RtpPacket(codec.payload_type, at, wrapped, 7, payload)
        network.send(packet.serialize(), 100 + place * ptime)
    played, told = bytearray(), bytearray()
    for tick in range(SECONDS * 50):
        now = 100.005 + tick * TICK
        for arrived_at, datagram in network.receive(now):
            session.receive(datagram, PEER, arrived_at)
        told += b"".join(audio.pcm for audio in session.arrived(now))
        played += session.frame(now).pcm
    stats = session.stats()
    return bytes(played), bytes(told), {name: getattr(stats, name) for name in COUNTS}


@pytest.mark.parametrize("ptime", [0.02, 0.03])
@pytest.mark.parametrize("before", [0, 1, 2, 7, 49, 50, 51, 100])
def test_a_bad_path_sounds_the_same_wherever_numbers_and_timestamps_wrap(
    ptime: float, before: int
) -> None:
    to_wrap = before * round(ptime * RATE)

    plain = heard(ptime, number=1000, timestamp=100_000)
    wrapping = heard(ptime, number=0x10000 - before, timestamp=0x100000000 - to_wrap)

    assert wrapping == plain
    assert plain[2]["lost"] > 5
    assert plain[2]["duplicate"] > 2


def test_nor_does_a_clock_of_sixteen_kilohertz_tell() -> None:
    plain = heard(0.02, number=1000, timestamp=100_000, codec=Codec.SLIN16)
    wrapping = heard(0.02, number=65_530, timestamp=0x100000000 - 320 * 50, codec=Codec.SLIN16)

    assert wrapping == plain
