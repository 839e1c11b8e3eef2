"""The time of the ticks, whatever the process that makes them does."""

import random

import pytest

from transports.rtp.ticks import TickClock

TICK = 0.02


def run(clock: TickClock, ticks: int, start: float, lateness: float = 0.0, seed: int = 1) -> float:
    """Make even ticks, each up to ``lateness`` late; return when the next is due."""
    rng = random.Random(seed)
    for number in range(ticks):
        clock.tick(start + number * TICK + rng.uniform(0, lateness))
    return start + ticks * TICK


def test_begins_with_the_first_tick() -> None:
    clock = TickClock()

    clock.tick(7.0)

    assert (clock.time, clock.ticked_at) == (7.0, 7.0)


def test_unevenness_is_smoothed() -> None:
    clock = TickClock()

    end = run(clock, 500, 7.0, lateness=0.01)

    assert clock.time == pytest.approx(end - TICK + 0.005, abs=0.0025)


def test_a_stall_that_is_made_up_for_moves_nothing() -> None:
    clock = TickClock()
    end = run(clock, 50, 7.0)

    for _ in range(10):  # all at the end of 200 ms
        clock.tick(end + 9 * TICK)
    run(clock, 1, end + 10 * TICK)

    assert clock.time == pytest.approx(end + 10 * TICK, abs=0.005)


def test_ticks_that_were_never_made_are_noticed() -> None:
    clock = TickClock()
    end = run(clock, 50, 7.0)

    end = run(clock, 4, end + 1.0)

    assert clock.time == pytest.approx(end - TICK)
