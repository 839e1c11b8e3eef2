"""When calls hold, and how many are tried next."""

import math

import pytest

from voiceai.bench.capacity_step import HALT_MS, HALTED_TRIES, Attempts, Search, Step, own_share_ms


def step(
    *, gaps: tuple[float, ...] = (0.0,), waits: tuple[float, ...] = (800.0,), missed: int = 0
) -> Step:
    return Step(calls=10, gaps=gaps, waits=waits, missed=missed, seconds=10)


def found(search: Search, capacity: int) -> list[int]:
    """Return what a search tries of a system that holds so many calls."""
    tried = []
    while (calls := search.next()) is not None:
        tried.append(calls)
        search.told(calls, holds=calls <= capacity)
    return tried


def test_own_share_is_neither_the_stubs_nor_the_wait_for_the_end_of_speech() -> None:
    assert own_share_ms(750) == pytest.approx(0)
    assert own_share_ms(800) == pytest.approx(50)


def test_even_packets_and_prompt_answers_hold() -> None:
    assert step().holds
    assert step(gaps=(10.0,) * 99 + (40.0,), waits=(949.9,)).holds


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (step(gaps=(0.0,) * 98 + (10.1,) * 2), "p99 gap 10.1 ms"),
        (step(gaps=(0.0,) * 999 + (40.1,)), "worst gap 40 ms"),
        (step(missed=1), "1 of 2 turns missed"),
        (step(waits=(800.0, 951.0)), "1 of 2 turns late"),
        (step(waits=()), "no turn happened"),
        (step(gaps=()), "no packet came"),
    ],
)
def test_each_failing_breaks_by_itself(broken: Step, why: str) -> None:
    assert broken.failings == [why]
    assert not broken.holds


def test_late_is_what_takes_longer_than_was_agreed() -> None:
    waits = (1000.0, 1000.2)

    assert Step(1, (0.0,), waits, 0, 10).late() == 2
    assert Step(1, (0.0,), waits, 0, 10, late_ms=250.1).late() == 1


@pytest.mark.parametrize("capacity", range(0, 130, 3))
def test_a_search_finds_the_most_calls_that_hold_to_within_its_resolution(capacity: int) -> None:
    search = Search((20, 50, 80, 110, 140))

    tried = found(search, capacity)

    assert search.held <= capacity
    assert capacity - search.held <= max(1, 0.1 * search.held)
    assert len(tried) == len(set(tried)) <= 9


def test_a_search_ends_with_its_ladder() -> None:
    search = Search((10, 20))

    assert found(search, 1000) == [10, 20]
    assert (search.held, search.broke) == (20, None)


def test_a_search_of_no_resolution_tries_its_ladder_alone() -> None:
    search = Search((10, 20, 30), resolution=math.inf)

    assert found(search, 15) == [10, 20]
    assert (search.held, search.broke) == (10, 20)


def test_nothing_that_holds_is_found_too() -> None:
    search = Search((8, 16))

    assert found(search, 0)[-1] == 1
    assert (search.held, search.broke) == (0, 1)


BROKEN = step(missed=1)
GAP = step(gaps=(0.0,) * 999 + (90.0,))


def test_calls_that_break_are_tried_once_more() -> None:
    attempts = Attempts(2)

    assert [attempts.again(BROKEN, 1.0) for _ in range(2)] == [True, False]


def test_calls_that_hold_are_not_tried_again_whatever_the_machine_did() -> None:
    assert not Attempts(2).again(step(), 500.0)


def test_what_a_halt_of_the_machine_explains_says_nothing_of_calls() -> None:
    attempts = Attempts(1)

    assert attempts.again(GAP, 60.0)
    assert (attempts.halted, attempts.counted) == (1, 0)
    assert not attempts.again(GAP, 49.0), "the gap is longer by more"


@pytest.mark.parametrize(
    ("broken", "excused"),
    [
        (step(gaps=(0.0,) * 999 + (139.0,)), True),
        (step(gaps=(0.0,) * 999 + (141.0,)), False),
        (step(waits=(800.0, 1049.0)), True),
        (step(waits=(800.0, 1051.0)), False),
        (step(gaps=(0.0,) * 98 + (10.1,) * 2), False),
        (step(missed=1), False),
        (step(waits=()), False),
        (step(gaps=()), False),
    ],
    ids=["gap", "longer gap", "late", "later", "p99", "missed", "no turns", "no packets"],
)
def test_a_halt_explains_one_gap_and_one_wait_of_its_own_length(
    broken: Step, *, excused: bool
) -> None:
    attempts = Attempts(1)

    assert attempts.again(broken, 100.0) is excused


def test_a_short_halt_explains_nothing() -> None:
    assert not Attempts(1).again(step(gaps=(0.0,) * 999 + (41.0,)), HALT_MS)


def test_a_machine_that_stands_still_all_the_time_ends_the_attempts() -> None:
    attempts = Attempts(2)

    tries = 1
    while attempts.again(GAP, 100.0):
        tries += 1

    assert tries == HALTED_TRIES + 2


def test_where_nothing_is_known_of_the_machine_every_try_counts() -> None:
    attempts = Attempts(2)

    assert [attempts.again(GAP, None) for _ in range(2)] == [True, False]
