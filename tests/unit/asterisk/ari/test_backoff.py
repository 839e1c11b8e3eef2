"""Delays grow, stay below the limit, and differ between clients."""

import random

from hypothesis import given
from hypothesis import strategies as st

from asterisk.ari.backoff import Backoff


class Longest:
    """Randomness that always picks the upper end."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_delays_double_up_to_the_limit() -> None:
    backoff = Backoff(first=0.25, limit=2.0, randomness=Longest())

    assert [backoff.next_delay() for _ in range(5)] == [0.25, 0.5, 1.0, 2.0, 2.0]


def test_a_reset_begins_anew() -> None:
    backoff = Backoff(first=0.25, limit=2.0, randomness=Longest())
    backoff.next_delay()
    backoff.next_delay()

    backoff.reset()

    assert backoff.next_delay() == 0.25


@given(
    first=st.floats(0.01, 10),
    limit=st.floats(0.01, 10),
    seed=st.integers(),
    count=st.integers(1, 80),
)
def test_each_delay_lies_between_half_and_all_of_its_step(
    first: float, limit: float, seed: int, count: int
) -> None:
    backoff = Backoff(first=first, limit=limit, randomness=random.Random(seed))

    for attempt in range(count):
        step = min(limit, first * 2**attempt)
        assert step / 2 <= backoff.next_delay() <= step
