"""A path that changes under a call: longer, shorter, stalled, from another port."""

import random
from collections.abc import Callable

import pytest

from tests.support.line import ADAPTIVE, PEER, RATE, TICK, Played, Sender, Talk, wave
from transports.audio.comfort_noise import ComfortNoise
from transports.rtp.receiver import Receiver

SECONDS = 30
CHANGE = 1010.0  # ten seconds after the begin


def play(path: Callable[[float], float], *, moves_at: float = 1e9) -> Played:
    """Play a call whose packet sent at ``t`` arrives at ``path(t)``; in order."""
    receiver = Receiver(delay=ADAPTIVE, noise=ComfortNoise())
    receiver.expect(PEER)
    played = Played(receiver)
    sender = Sender(Talk(), random.Random(5), wave((SECONDS + 2) * RATE))
    under_way: list[tuple[float, bytes]] = []
    peer = PEER
    for tick in range(SECONDS * 50):
        now = 1000 + (tick + 1) * TICK
        under_way += [(path(at), data) for at, data in sender.due(now) if data is not None]
        if now >= moves_at and peer == PEER:
            peer = (PEER[0], PEER[1] + 2)
            receiver.expect(peer)
        arrived = [packet for packet in under_way if packet[0] <= now]
        under_way = [packet for packet in under_way if packet[0] > now]
        for at, data in arrived:
            receiver.receive(data, peer, at)
        played.hear(now)
    return played


def gaps(played: Played) -> int:
    """Return the frames without audio after the first second."""
    return sum(wait is None for wait in played.waits[50:])


@pytest.mark.parametrize("step", [0.015, 0.04, 0.1, 0.2, 1.0])
def test_a_path_that_becomes_longer_costs_about_as_much_as_it_is_longer(step: float) -> None:
    played = play(lambda at: at + 0.05 + (step if at > CHANGE else 0))

    assert gaps(played) * TICK <= step + 0.16
    assert played.receiver.packets.lost == 0
    assert played.delays[-1] is not None
    assert played.delays[-1] <= 0.05
    assert played.targets[-1] <= 0.03


@pytest.mark.parametrize("step", [0.015, 0.04, 0.1, 0.2, 0.4])
def test_a_path_that_becomes_shorter_leaves_no_delay_behind(step: float) -> None:
    played = play(lambda at: at + (0.45 if at < CHANGE else 0.45 - step))

    assert played.receiver.packets.lost == 0
    assert played.delays[-1] is not None
    assert played.delays[-1] <= 0.05
    assert gaps(played) <= 10


@pytest.mark.parametrize("stall", [0.1, 0.3, 1.0, 3.0])
def test_after_a_stall_of_the_path_the_delay_is_the_old_one(stall: float) -> None:
    played = play(
        lambda at: max(at + 0.05, CHANGE + stall if CHANGE < at < CHANGE + stall else 0.0)
    )

    assert gaps(played) * TICK <= stall + 0.15
    assert played.delays[-1] is not None
    assert played.delays[-1] <= 0.06
    assert played.receiver.buffered_samples <= 0.1 * RATE


def test_a_peer_that_moves_to_another_port_is_heard_from_there() -> None:
    played = play(lambda at: at + 0.05, moves_at=CHANGE)

    assert gaps(played) <= 4
    assert played.receiver.sources == 2
    assert played.delays[-1] is not None
