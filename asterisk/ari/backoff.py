"""When to try again: delays that double up to a limit, with jitter. Pure."""

from typing import Protocol


class Randomness(Protocol):
    """What we need of ``random.Random``."""

    def uniform(self, a: float, b: float, /) -> float:
        """Return a number between ``a`` and ``b``."""


class Backoff:
    """Delays between attempts.

    The n-th delay lies between half and all of ``min(limit, first * 2 ** n)``, so that several
    clients of one Asterisk that came back do not knock at the same moment.

    Args:
        first: Seconds.
        limit: Seconds, never exceeded.
        randomness: Where the jitter comes from.
    """

    def __init__(self, *, first: float, limit: float, randomness: Randomness) -> None:
        self._first = first
        self._limit = limit
        self._randomness = randomness
        self._next = min(first, limit)

    def next_delay(self) -> float:
        """Return the seconds to wait before the next attempt."""
        longest = self._next
        self._next = min(self._limit, 2 * longest)
        return self._randomness.uniform(longest / 2, longest)

    def reset(self) -> None:
        """Begin anew: the last attempt held."""
        self._next = min(self._first, self._limit)
