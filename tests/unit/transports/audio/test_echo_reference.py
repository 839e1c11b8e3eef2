"""What was sent, beside what is heard, though packets and counts come unevenly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.audio.echo_reference import EchoCursor, SentLine

TICK = 160


def counted(first: int, samples: int) -> bytes:
    return np.arange(first, first + samples, dtype="<i2").tobytes()


def test_what_was_played_stands_where_its_tick_was() -> None:
    line = SentLine()
    line.write(counted(1, 3 * TICK))
    for played in (0, TICK, 0, 2 * TICK):
        line.tick(played)

    assert line.end == 4 * TICK
    assert line.read(0, TICK) == bytes(2 * TICK)
    assert line.read(TICK, TICK) == counted(1, TICK)
    assert line.read(2 * TICK, 2 * TICK) == counted(1 + TICK, 2 * TICK)


def test_what_was_flushed_was_not_sent() -> None:
    line = SentLine()
    line.write(counted(1, 2 * TICK))
    line.tick(TICK)
    line.drop(TICK)
    line.write(counted(1000, TICK))
    line.tick(TICK)

    assert line.read(0, 2 * TICK) == counted(1, TICK) + counted(1000, TICK)


def test_what_was_sent_lower_is_lower() -> None:
    line = SentLine()
    line.write(np.full(2 * TICK, -400, "<i2").tobytes())
    line.ducked = True
    line.tick(TICK)
    line.ducked = False
    line.tick(TICK)

    heard = np.frombuffer(line.read(0, 2 * TICK), "<i2")
    assert set(heard[:TICK]) == {-100}
    assert set(heard[TICK:]) == {-400}


@given(st.integers(-3000, 20_000), st.integers(0, 3000))
def test_any_place_can_be_read(start: int, samples: int) -> None:
    line = SentLine()
    for _ in range(60):
        line.write(counted(1, TICK))
        line.tick(TICK)

    assert len(line.read(start, samples)) == 2 * samples


@pytest.mark.parametrize("uneven", [(1, 1, 1, 1), (1, 0, 2, 1), (1, 0, 0, 3)])
def test_a_burst_of_packets_moves_nothing(uneven: tuple[int, ...]) -> None:
    line = SentLine()
    cursor = EchoCursor(line)
    taken = []
    for tick in range(400):
        line.write(counted(tick * TICK % 30_000, TICK))
        line.tick(TICK)
        taken += [cursor.take(TICK) for _ in range(uneven[tick % len(uneven)])]

    assert taken == [counted(tick * TICK % 30_000, TICK) for tick in range(len(taken))]
    assert cursor.moves == 0


def test_a_line_that_runs_ahead_is_set_back_once() -> None:
    line = SentLine()
    cursor = EchoCursor(line)
    for tick in range(500):
        line.tick(0)
        for _ in range(3 if tick == 100 else 1):
            cursor.take(TICK)

    assert cursor.moves <= 2  # back, and where its clock was right after all no further


@pytest.mark.parametrize("drift", [-200e-6, 200e-6])
def test_a_drifting_clock_moves_it_a_few_times_an_hour(drift: float) -> None:
    line = SentLine()
    cursor = EchoCursor(line)
    heard = 0
    for tick in range(180_000):
        line.tick(0)
        while heard * TICK < (tick + 1) * TICK * (1 + drift) - 1:
            cursor.take(TICK)
            heard += 1

    assert 10 <= cursor.moves <= 60
