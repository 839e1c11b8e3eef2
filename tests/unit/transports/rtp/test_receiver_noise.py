"""The receiver: what a pause sounds like when the far side describes its noise."""

from collections.abc import Sequence

import pytest

from tests.support.rtp_peer import PEER, Peer
from transports.audio.comfort_noise import ComfortNoise
from transports.audio.level import level_dbfs
from transports.rtp.packet import RtpPacket
from transports.rtp.receiver import Receiver
from transports.rtp.source import Rejection


class CountedNoise(ComfortNoise):
    """Comfort noise that knows how often it was described anew."""

    def __init__(self) -> None:
        super().__init__()
        self.levels: list[float] = []

    def become(self, dbfs: float, reflection: Sequence[float] = ()) -> None:
        self.levels.append(dbfs)
        super().become(dbfs, reflection)


def test_a_flood_of_descriptions_of_noise_costs_a_few_and_ends_with_the_last() -> None:
    peer, noise = Peer(), CountedNoise()
    peer.receiver = Receiver(delay=0.04, noise=noise)
    peer.receiver.expect(PEER)
    for level in range(200):
        comfort_noise(peer, bytes([40 + level % 20, level]))
        if level % 4 == 0:
            peer.tick()
    for _ in range(10):
        peer.tick()

    assert len(noise.levels) <= 7  # in 1.2 s
    assert noise.levels[-1] == -59


def comfort_noise(peer: Peer, payload: bytes) -> Rejection | None:
    """Send a packet of comfort noise (RFC 3389), which has no law."""
    packet = RtpPacket.parse(peer.packet(bytes(320), payload_type=13))
    return peer.receiver.receive(packet._replace(payload=payload).serialize(), PEER, peer.now)


def test_a_pause_sounds_as_the_far_side_says() -> None:
    peer = Peer()
    peer.talk(range(10))

    assert comfort_noise(peer, b"\x32") is None
    pause = [peer.tick() for _ in range(20)]

    assert {kind for kind, _ in pause[-10:]} == {"noise"}
    assert level_dbfs(b"".join(pcm for _, pcm in pause[-10:])) == pytest.approx(-50, abs=1)
    assert peer.receiver.packets.lost == 0


@pytest.mark.parametrize("payload", [b"", b"\x32\xff"])
def test_comfort_noise_that_says_nothing_changes_nothing(payload: bytes) -> None:
    peer = Peer()
    peer.talk(range(10))

    assert comfort_noise(peer, payload) is Rejection.PAYLOAD_SIZE
    pause = [peer.tick() for _ in range(20)]

    assert level_dbfs(b"".join(pcm for _, pcm in pause[-10:])) == pytest.approx(-65, abs=1)
