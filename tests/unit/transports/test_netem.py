"""The bad network does what it is told, and the same every time."""

import itertools
import random

import pytest

from transports.netem import GilbertElliott, Impairments, Network


def passed(
    impairments: Impairments, packets: int = 10_000, seed: int = 1
) -> list[tuple[float, int]]:
    """Send a packet every 20 ms; return when which ones came out."""
    network = Network(impairments, random.Random(seed))
    for number in range(packets):
        network.send(number.to_bytes(4, "big"), number / 50)
    arrived = network.receive(1e9)
    assert network.sent == packets
    assert network.deadline() is None
    return [(at, int.from_bytes(data, "big")) for at, data in arrived]


def test_a_perfect_network_changes_nothing() -> None:
    assert passed(Impairments(), 5) == [(0.0, 0), (0.02, 1), (0.04, 2), (0.06, 3), (0.08, 4)]


def test_nothing_comes_out_before_its_time() -> None:
    network = Network(Impairments(delay=0.1), random.Random(1))
    network.send(b"a", 5.0)
    network.send(b"b", 5.02)

    assert network.deadline() == pytest.approx(5.1)
    assert network.receive(5.099) == []
    assert [data for _, data in network.receive(5.101)] == [b"a"]
    assert [data for _, data in network.receive(9.0)] == [b"b"]


def test_loses_the_share_it_is_told_to() -> None:
    assert len(passed(Impairments(loss=0.03))) == pytest.approx(9700, abs=60)


def test_bursts_are_as_long_and_as_frequent_as_told() -> None:
    arrived = {number for _, number in passed(Impairments(bursts=GilbertElliott(0.01, 0.25)))}
    lost = [number for number in range(10_000) if number not in arrived]
    bursts = sum(number - 1 in arrived or number == 0 for number in lost)

    assert len(lost) / bursts == pytest.approx(4, rel=0.25)
    assert len(lost) == pytest.approx(10_000 * 0.01 / 0.26, rel=0.25)


def test_jitter_stays_within_its_bounds_and_fills_them() -> None:
    delays = [at - number / 50 for at, number in passed(Impairments(delay=0.1, jitter=0.04))]

    assert min(delays) == pytest.approx(0.06, abs=0.001)
    assert max(delays) == pytest.approx(0.14, abs=0.001)
    assert sum(delays) / len(delays) == pytest.approx(0.1, abs=0.002)


def test_jitter_overtakes_unless_the_order_is_kept() -> None:
    wild = [number for _, number in passed(Impairments(delay=0.1, jitter=0.04))]
    tame = passed(Impairments(delay=0.1, jitter=0.04, keeps_order=True))

    assert wild != sorted(wild)
    assert [number for _, number in tame] == sorted(wild)
    assert [at for at, _ in tame] == sorted(at for at, _ in tame)


def test_reorders_the_share_it_is_told_to() -> None:
    numbers = [number for _, number in passed(Impairments(reorder=0.1))]
    overtaken = sum(later < earlier for earlier, later in itertools.pairwise(numbers))

    assert overtaken == pytest.approx(1000, rel=0.2)
    assert sorted(numbers) == list(range(10_000))


def test_duplicates_the_share_it_is_told_to() -> None:
    numbers = [number for _, number in passed(Impairments(duplicate=0.05))]

    assert len(numbers) == pytest.approx(10_500, abs=80)
    assert set(numbers) == set(range(10_000))


def test_counts_what_it_drops() -> None:
    network = Network(Impairments(loss=1.0), random.Random(1))
    network.send(b"a", 0.0)

    assert (network.sent, network.dropped, network.deadline()) == (1, 1, None)


def test_the_same_seed_gives_the_same_network() -> None:
    everything = Impairments(0.03, GilbertElliott(0.01, 0.3), 0.1, 0.04, reorder=0.1, duplicate=0.1)

    assert passed(everything, seed=4) == passed(everything, seed=4)
    assert passed(everything, seed=4) != passed(everything, seed=5)
