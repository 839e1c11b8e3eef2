"""Unwrapping and counting sequence numbers."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.rtp.sequence import Arrival, LogTotals, SequenceLog, timestamp_difference


@pytest.mark.parametrize(
    ("later", "earlier", "difference"),
    [
        (160, 0, 160),
        (0, 160, -160),
        (100, 0xFFFFFFC4, 160),
        (0xFFFFFFC4, 100, -160),
        (0x80000000, 1, 0x7FFFFFFF),
    ],
)
def test_timestamps_are_compared_the_short_way_around(
    later: int, earlier: int, difference: int
) -> None:
    assert timestamp_difference(later, earlier) == difference


def noted(*numbers: int) -> tuple[SequenceLog, list[int], list[Arrival]]:
    """Note ``numbers`` modulo 2**16; return the log, unwrapped distances and verdicts."""
    log = SequenceLog()
    results = [log.note(number % 0x10000) for number in numbers]
    first = results[0][0]
    return log, [number - first for number, _ in results], [arrival for _, arrival in results]


@pytest.mark.parametrize("start", [0, 5, 0xFFFE, 0xFFFF])
def test_numbers_go_on_past_the_wrap(start: int) -> None:
    log, distances, arrivals = noted(*(start + step for step in range(6)))

    assert distances == list(range(6))
    assert set(arrivals) == {Arrival.IN_ORDER}
    assert (log.received, log.lost) == (6, 0)


def test_a_straggler_is_not_a_duplicate() -> None:
    log, distances, arrivals = noted(0, 2, 1, 1, 2)

    assert distances == [0, 2, 1, 1, 2]
    assert [arrival.name for arrival in arrivals] == [
        "IN_ORDER",
        "IN_ORDER",
        "REORDERED",
        "DUPLICATE",
        "DUPLICATE",
    ]
    assert (log.received, log.lost, log.reordered, log.duplicates) == (3, 0, 1, 2)


def test_a_straggler_before_the_first_counts_too() -> None:
    log, distances, arrivals = noted(0, -1, -1)

    assert distances == [0, -1, -1]
    assert arrivals[1:] == [Arrival.REORDERED, Arrival.DUPLICATE]
    assert (log.received, log.lost) == (2, 0)


@pytest.mark.parametrize("run", [1, 2, 200, 511, 512, 513, 2000])
def test_a_run_in_order_is_remembered_number_by_number(run: int) -> None:
    numbers = [0, *range(2, 2 + run)]
    end = numbers[-1]
    log, _, _ = noted(*numbers)

    again = [log.note(number % 0x10000)[1] for number in (end, 2, 1, 1, end + 1)]

    hole = Arrival.REORDERED if run < 512 else Arrival.DUPLICATE  # too old to know
    duplicate = Arrival.DUPLICATE
    assert again == [duplicate, duplicate, hole, duplicate, Arrival.IN_ORDER]
    assert log.lost == (0 if run < 512 else 1)


def test_a_gap_is_loss_until_it_is_filled() -> None:
    log = SequenceLog()
    assert log.lost == 0

    log.note(10)
    log.note(14)
    assert log.lost == 3
    log.note(12)
    assert log.lost == 2


def test_a_jump_larger_than_the_memory_is_all_loss() -> None:
    log, distances, _ = noted(0, 2900, 2899, 2900 - 600)

    assert distances == [0, 2900, 2899, 2300]
    assert log.received == 3
    assert log.duplicates == 1  # too old to know: not counted as new
    assert log.lost == 2901 - 3


@given(st.integers(min_value=0, max_value=0xFFFF), st.randoms(use_true_random=False))
def test_any_order_within_reach_counts_every_packet_once(
    start: int, shuffler: random.Random
) -> None:
    numbers = list(range(0x10000, 0x10000 + 200))
    shuffler.shuffle(numbers)

    log, _, arrivals = noted(*(start + number for number in numbers), start + numbers[0])

    assert log.received == 200
    assert log.lost == 0
    assert arrivals[-1] is Arrival.DUPLICATE
    assert Arrival.DUPLICATE not in arrivals[:-1]


def test_totals_add_up_over_sources() -> None:
    first, *_ = noted(0, 2, 1, 1)
    second, *_ = noted(7, 9)

    assert LogTotals().plus(first).plus(second) == LogTotals(5, 1, 1, 1)
