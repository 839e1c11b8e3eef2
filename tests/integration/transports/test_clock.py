"""The media clock in real time, on each event loop and timer."""

import asyncio
import itertools
import time
from collections.abc import Callable, Coroutine

import pytest
import uvloop

from transports.udp.clock import MediaClock

Tick = tuple[float, int, float]

RUNNERS: dict[str, Callable[[Coroutine[None, None, None]], None]] = {
    "asyncio": asyncio.run,
    "uvloop": uvloop.run,
}
LEAD = 0.004
EVERY_LOOP = pytest.mark.parametrize("loop", list(RUNNERS))
EVERY_TIMER = pytest.mark.parametrize("timerfd", [True, False])


def ticks_of(
    loop: str,
    *,
    timerfd: bool,
    seconds: float,
    interval: float = 0.01,
    blocked: float = 0.0,
) -> tuple[list[Tick], MediaClock]:
    """Run a clock; return its ticks with the time at which each came.

    ``blocked`` seconds into the run, the loop hangs for five and a half intervals.
    """
    ticks: list[Tick] = []
    clock = MediaClock(
        lambda deadline, due: ticks.append((deadline, due, time.monotonic())),
        interval=interval,
        timerfd=timerfd,
    )

    async def run() -> None:
        clock.start()
        if blocked:
            await asyncio.sleep(blocked)
            time.sleep(5.5 * interval)  # noqa: ASYNC251  the fault under test
        await asyncio.sleep(seconds)
        clock.close()
        clock.close()
        count = len(ticks)
        await asyncio.sleep(3 * interval)
        assert len(ticks) == count, "ticked after close"

    RUNNERS[loop](run())
    return ticks, clock


def assert_none_is_missing(ticks: list[Tick], interval: float = 0.01) -> None:
    """Every deadline from the first to the last was told, alone or with others."""
    (first, due_first, _), (last, _, _) = ticks[0], ticks[-1]
    told = sum(due for _, due, _ in ticks)
    assert told == pytest.approx(due_first + (last - first) / interval, abs=0.01)


@EVERY_LOOP
@EVERY_TIMER
def test_deadlines_are_whole_intervals_apart_and_never_early(loop: str, timerfd: bool) -> None:
    ticks, clock = ticks_of(loop, timerfd=timerfd, seconds=0.5)

    assert clock.precise is timerfd
    assert_none_is_missing(ticks)
    for (earlier, _, _), (later, due, _) in itertools.pairwise(ticks):
        assert later - earlier == pytest.approx(0.01 * due, abs=1e-6)
    assert all(at >= deadline - 1e-3 for deadline, _, at in ticks)
    assert clock.lateness.count == len(ticks)


@EVERY_LOOP
@EVERY_TIMER
def test_a_blocked_loop_is_told_how_many_deadlines_it_missed(loop: str, timerfd: bool) -> None:
    ticks, clock = ticks_of(loop, timerfd=timerfd, seconds=0.2, blocked=0.105)

    late = [due for _, due, _ in ticks if due > 3]
    assert len(late) >= 1
    assert late[0] >= 5
    assert_none_is_missing(ticks)
    assert clock.lateness.worst > 0.04
    after = [at - deadline for deadline, due, at in ticks if due == 1]
    assert sorted(after)[len(after) // 2] < 0.005, "the deadlines moved"


@EVERY_LOOP
@EVERY_TIMER
def test_comes_ahead_of_its_deadlines_and_back_without_moving_or_missing_one(
    loop: str, timerfd: bool
) -> None:
    ticks: list[Tick] = []

    def on_tick(deadline: float, due: int) -> None:
        ticks.append((deadline, due, time.monotonic()))
        if len(ticks) in (10, 30):
            clock.come_ahead(LEAD if len(ticks) == 10 else 0.0)

    clock = MediaClock(on_tick, interval=0.01, timerfd=timerfd)

    async def run() -> None:
        clock.start()
        await asyncio.sleep(0.5)
        clock.close()
        clock.come_ahead(LEAD)

    RUNNERS[loop](run())

    assert_none_is_missing(ticks)
    for (earlier, _, _), (later, due, _) in itertools.pairwise(ticks):
        assert later - earlier == pytest.approx(0.01 * due, abs=1e-6)
    ahead = sorted(deadline - at for deadline, _, at in ticks[10:30])
    assert LEAD - 0.002 < ahead[10] <= LEAD
    assert sorted(at - deadline for deadline, _, at in ticks[30:])[5] >= -1e-3
    assert clock.lateness.percentile(50) < 0.005


def test_can_be_closed_before_it_was_started() -> None:
    MediaClock(lambda *_: None).close()


def test_says_how_late_it_was() -> None:
    _, clock = ticks_of("asyncio", timerfd=True, seconds=0.5)

    assert 0.0 < clock.lateness.percentile(50) < 0.005
