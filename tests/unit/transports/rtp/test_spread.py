"""What is learned from the times at which packets arrive."""

import random

import pytest

from transports.rtp.spread import ArrivalSpread, PlayoutRange

RANGE = PlayoutRange(0.02, 0.08)


def feed(
    spread: ArrivalSpread,
    jitter: float,
    *,
    seconds: float = 10.0,
    start: float = 0.0,
    drift: float = 0.0,
    seed: int = 1,
) -> float:
    """Observe a packet every 20 ms; return when that ended."""
    rng = random.Random(seed)
    now = start
    while now < start + seconds:
        spread.observe(5.0 + drift * now + rng.uniform(0, jitter), now)
        now += 0.02
    return now


def test_begins_in_the_middle_and_falls_to_the_shortest_on_a_clean_line() -> None:
    spread = ArrivalSpread(RANGE)
    assert spread.target == 0.03

    feed(spread, 0.001)

    assert spread.target == 0.02
    assert spread.least == 0.01
    assert spread.needed < 0.005


@pytest.mark.parametrize("jitter", [0.02, 0.04, 0.06])
def test_needs_what_99_of_100_packets_need(jitter: float) -> None:
    spread = ArrivalSpread(RANGE)

    feed(spread, jitter)

    assert spread.target == pytest.approx(jitter + 0.003, abs=0.004)


def test_asks_for_no_more_than_the_longest() -> None:
    spread = ArrivalSpread(RANGE)

    feed(spread, 0.2)

    assert spread.target == spread.least == 0.08


def test_a_fixed_range_is_never_left() -> None:
    for jitter in (0.0, 0.03, 0.2):
        spread = ArrivalSpread(PlayoutRange.of(0.06))
        feed(spread, jitter)
        assert spread.target == 0.06


def test_grows_within_a_second_and_shrinks_by_4_ms_in_one() -> None:
    spread = ArrivalSpread(RANGE)
    end = feed(spread, 0.0)

    end = feed(spread, 0.06, seconds=1.0, start=end)
    assert spread.target > 0.05

    end = feed(spread, 0.0, seconds=7.0, start=end)
    after_memory = spread.target
    feed(spread, 0.0, seconds=2.0, start=end)
    assert after_memory - spread.target == pytest.approx(0.008, abs=0.002)


def test_one_late_packet_of_hundreds_changes_nothing() -> None:
    spread = ArrivalSpread(RANGE)
    end = feed(spread, 0.002)

    spread.observe(5.07, end)

    assert spread.target == 0.02


@pytest.mark.parametrize("drift", [0.0002, -0.0002])
def test_two_clocks_that_part_are_not_taken_for_a_spread(drift: float) -> None:
    spread = ArrivalSpread(RANGE)

    end = feed(spread, 0.002, seconds=600, drift=drift)

    assert spread.target == 0.02
    assert spread.fastest == pytest.approx(5.0 + drift * end, abs=0.003)


@pytest.mark.parametrize("stray", [4.9, 5.3, -1000.0, 1000.0])
def test_a_stray_is_not_measured_but_three_in_a_row_are_a_new_timeline(stray: float) -> None:
    spread = ArrivalSpread(RANGE)
    end = feed(spread, 0.002)
    target, fastest = spread.target, spread.fastest

    spread.observe(stray, end)
    spread.observe(stray, end)
    assert (spread.target, spread.fastest) == (target, fastest)

    spread.observe(stray, end)
    assert spread.fastest == stray
    assert spread.target == target


def test_strays_apart_are_no_new_timeline() -> None:
    spread = ArrivalSpread(RANGE)
    end = feed(spread, 0.0)

    for _ in range(5):
        spread.observe(9.0, end)
        spread.observe(5.0, end)

    assert spread.fastest == 5.0


def test_what_is_fetched_early_needs_so_much_more() -> None:
    spread = ArrivalSpread(RANGE)

    for step in range(500):
        spread.observe(5.0 + 0.02 * (step % 2), step * 0.02, early=0.01)

    assert spread.needed == pytest.approx(0.033, abs=0.001)
    assert spread.fastest == 5.0


def test_after_a_long_pause_the_reference_is_new_and_the_target_the_old() -> None:
    spread = ArrivalSpread(RANGE)
    end = feed(spread, 0.05)
    target = spread.target

    spread.observe(5.2, end + 100)

    assert spread.fastest == 5.2
    assert spread.target == target
