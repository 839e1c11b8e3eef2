"""Two sessions that talk to one another."""

import random

import pytest

from transports.audio.codec import Codec
from transports.audio.level import level_dbfs
from transports.rtp.session import RtpSession
from transports.rtp.source import Rejection

ALICE = ("192.0.2.1", 10000)
BOB = ("192.0.2.2", 10000)
TICK = 0.02


class Pair:
    """Alice, who sends A-law, and Bob, who sends mu-law, on a perfect network."""

    def __init__(self) -> None:
        self.alice = RtpSession(codec=Codec.ALAW, playout_delay=0.04, random=random.Random(1))
        self.bob = RtpSession(codec=Codec.ULAW, playout_delay=0.04, random=random.Random(2))
        self.alice.connect(BOB)
        self.bob.connect(ALICE)
        self.now = 0.0
        self.starts: list[float] = []

    def tick(self) -> tuple[bytes, bytes]:
        """Return what Alice and Bob hear in these 20 ms."""
        packet = self.alice.next_packet()
        if packet.starts_speech:
            self.starts.append(self.now)
        assert self.bob.receive(packet.datagram, ALICE, self.now) is None
        assert self.alice.receive(self.bob.next_packet().datagram, BOB, self.now) is None
        heard = self.alice.frame(self.now).pcm, self.bob.frame(self.now).pcm
        self.now += TICK
        return heard


def loud(samples: int) -> bytes:
    return Codec.ALAW.decode(bytes(step % 16 | 0xA0 for step in range(samples)))


def test_each_hears_what_the_other_wrote() -> None:
    pair = Pair()
    for _ in range(10):
        pair.tick()
    pair.alice.sender.write(loud(800))

    heard = [pair.tick() for _ in range(8)]

    assert b"".join(bob for _, bob in heard[2:7]) == loud(800)
    assert all(level_dbfs(alice) < -60 for alice, _ in heard)
    assert len(pair.starts) == 1


def test_counts_both_directions() -> None:
    pair = Pair()
    pair.alice.sender.write(loud(1600))
    for _ in range(20):
        pair.tick()
    pair.bob.receive(b"?", ALICE, pair.now)
    pair.bob.receive(b"?", ("192.0.2.3", 1), pair.now)
    pair.alice.skip(3)

    alice, bob = pair.alice.stats(), pair.bob.stats()

    assert (alice.sent, alice.skipped, alice.received, alice.played) == (20, 3, 20, 20)
    assert (bob.received, bob.lost, bob.late, bob.duplicate, bob.reordered) == (20, 0, 0, 0, 0)
    assert bob.rejected == {"malformed": 1, "address": 1}
    assert (bob.concealed, bob.noise, bob.evicted) == (0, 2, 0)
    assert (bob.hastened, bob.delayed, bob.sources) == (0, 0, 1)
    assert bob.jitter_s < 1e-6
    assert bob.last_arrival == pair.now - TICK


def test_a_stranger_is_rejected_by_reason() -> None:
    pair = Pair()

    assert pair.alice.receive(b"", ALICE, 0.0) is Rejection.ADDRESS


def test_tells_the_delay_of_playout_and_what_it_is_led_to() -> None:
    pair = Pair()
    assert pair.bob.stats().playout_delay_s is None

    for _ in range(20):
        pair.tick()

    stats = pair.bob.stats()
    assert stats.playout_delay_s == pytest.approx(0.04)
    assert (stats.playout_target_s, stats.overrun) == (0.04, 0)


def test_tells_what_arrives_before_it_is_played() -> None:
    pair = Pair()
    pair.tick()
    pair.bob.arrived(pair.now)
    pair.alice.sender.write(loud(160))
    for _ in range(3):
        pair.tick()

    told = pair.bob.arrived(pair.now)

    assert [piece.arrived_at for piece in told] == [0.02, 0.04, 0.06]
    assert loud(160) in [piece.pcm for piece in told]
