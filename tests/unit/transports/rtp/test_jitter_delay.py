"""The playout buffer's delay: when it is too long or too short, and what may be cut."""

import itertools

import pytest

from tests.support.playout import DELAY, FRAME, TICK, Line, frame, positions
from transports.rtp.jitter import Put


def steady(line: Line, packets: range, *, age: float = 0.0) -> None:
    """Deliver and play a packet per tick, each ``age`` seconds before its tick."""
    for number in packets:
        line.put(number, at=line.now - age)
        line.tick()


def test_a_delay_that_became_too_short_is_told() -> None:
    """The path has become 15 ms longer, for good: the fastest packets are those of before."""
    line = Line(delay=0.06)
    steady(line, range(40), age=0.019)

    steady(line, range(40, 400), age=0.004)
    line.buffer.tick(line.now)

    assert line.buffer.delay == pytest.approx(0.064 - 0.02, abs=0.001)
    assert line.buffer.surplus == -FRAME


def test_on_a_perfect_network_the_delay_is_the_one_asked_for() -> None:
    line = Line()

    steady(line, range(200))

    assert line.buffer.surplus == 0
    assert line.buffer.delay == pytest.approx(DELAY)
    assert line.buffer.samples == 2 * FRAME


def test_a_grown_delay_is_told_and_taken_back_by_taking_more() -> None:
    line = Line()
    for number in range(5):  # five packets at once: the last has waited 80 ms more than the delay
        line.put(number)
    line.now += DELAY
    for number in range(5, 20):
        line.tick()
        line.put(number)
    line.buffer.tick(line.now)
    surplus = line.buffer.surplus
    assert surplus in (FRAME, 2 * FRAME)
    assert line.buffer.has_unbroken(4 * FRAME)

    taken = positions(line.buffer.get(2 * FRAME))
    line.now += TICK

    assert None not in taken
    assert taken == list(range(int(taken[0] or 0), int(taken[0] or 0) + 2 * FRAME))
    line.tick()
    assert line.buffer.surplus == surplus - FRAME


def test_taking_less_plays_everything_later() -> None:
    line = Line()
    line.start()

    line.buffer.tick(line.now)
    line.buffer.get(FRAME // 2)
    line.now += TICK

    assert line.tick() == [*frame(1)[FRAME // 2 :], *frame(2)[: FRAME // 2]]


def test_where_the_delay_is_right_starving_does_not_lengthen_it() -> None:
    line = Line()
    steady(line, range(40))

    for _ in range(3):  # the two frames of the delay, and a hole
        line.tick()

    assert line.put(40) is Put.LATE
    assert line.put(41) is Put.QUEUED
    assert line.tick() == frame(41)


@pytest.mark.parametrize(
    ("samples", "expected"), [(FRAME, True), (2 * FRAME, True), (2 * FRAME + 1, False)]
)
def test_knows_how_much_is_unbroken(samples: int, expected: bool) -> None:
    line = Line()
    line.start(packets=3)
    line.put(4)

    assert line.buffer.has_unbroken(samples) is expected


def test_loss_that_was_renumbered_is_no_unbroken_audio() -> None:
    line = Line()
    line.start(packets=2)
    line.put(2, jump=FRAME)

    assert line.buffer.has_unbroken(FRAME)
    assert not line.buffer.has_unbroken(2 * FRAME)


def test_a_jump_of_the_timeline_is_not_taken_for_a_long_delay() -> None:
    line = Line()
    steady(line, range(50))

    for number in range(50, 80):
        line.put(number, jump=100_000)
        line.tick()

    assert line.buffer.surplus == 0
    assert line.buffer.spread.target == pytest.approx(DELAY)


def test_our_own_stall_is_not_taken_for_the_networks() -> None:
    line = Line()
    number = itertools.count()
    for _ in range(50):
        line.put(next(number))
        line.tick()
    target = line.buffer.spread.target
    stalled_until = line.now + 0.2

    for _ in range(10):
        line.put(next(number), at=stalled_until)

    assert line.buffer.spread.target == target
    assert line.buffer.surplus == 0
