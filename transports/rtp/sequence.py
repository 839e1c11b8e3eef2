"""Sequence numbers and timestamps that wrap (RFC 3550 appendix A.1)."""

import enum
from typing import NamedTuple

__all__ = ["Arrival", "LogTotals", "SequenceLog", "timestamp_difference"]

WINDOW = 512
"""How many numbers below the highest are remembered, to tell a duplicate from a straggler."""

FIRST_CYCLE = 0x10000
"""Where unwrapped numbers begin: room below for a straggler."""

_WINDOW_MASK = (1 << WINDOW) - 1


def timestamp_difference(later: int, earlier: int) -> int:
    """Return ``later - earlier`` for 32-bit timestamps, taken the short way around."""
    return (later - earlier + 0x80000000 & 0xFFFFFFFF) - 0x80000000


class Arrival(enum.Enum):
    """How a packet stands to those before it."""

    IN_ORDER = enum.auto()
    REORDERED = enum.auto()
    DUPLICATE = enum.auto()


IN_ORDER = Arrival.IN_ORDER
"""Looked up once: in Python 3.11 that costs as much as a call, and each packet asks."""


class SequenceLog:
    """Unwraps the numbers of one source and counts them.

    Attributes:
        received: Packets noted, duplicates excluded.
        duplicates: Packets that had come before.
        reordered: Packets that came after a higher number.
    """

    __slots__ = ("_first", "_highest", "_run", "_seen", "duplicates", "received", "reordered")

    def __init__(self) -> None:
        self.received = 0
        self.duplicates = 0
        self.reordered = 0
        self._first: int | None = None
        self._highest = 0
        self._seen = 0  # bit n: highest - n was noted, before the last run began
        self._run = 0  # numbers in order since then

    @property
    def lost(self) -> int:
        """Packets between the lowest and the highest number that did not come (yet)."""
        return self.expected - self.received

    @property
    def expected(self) -> int:
        """Packets from the lowest number to the highest."""
        return 0 if self._first is None else self._highest - self._first + 1

    @property
    def highest(self) -> int:
        """The highest number, with its wraps in the upper bits (RFC 3550 section 6.4.1)."""
        return max(self._highest - FIRST_CYCLE, 0)

    def note(self, sequence_number: int) -> tuple[int, Arrival]:
        """Return the unwrapped number, which never wraps, and how it stands to the others."""
        if self._first is None:
            self._first = self._highest = FIRST_CYCLE + sequence_number
            self._seen = 1
            self.received = 1
            return self._highest, Arrival.IN_ORDER
        ahead = (sequence_number - self._highest + 0x8000) % 0x10000 - 0x8000
        number = self._highest + ahead
        if ahead == 1:
            self._highest = number
            self._run += 1
            self.received += 1
            return number, IN_ORDER
        self._end_run()
        if ahead > 0:
            self._highest = number
            self._seen = (self._seen << ahead | 1) & _WINDOW_MASK if ahead < WINDOW else 1
            self.received += 1
            return number, IN_ORDER
        if ahead <= -WINDOW or self._seen >> -ahead & 1:
            self.duplicates += 1
            return number, Arrival.DUPLICATE
        self._seen |= 1 << -ahead
        self._first = min(self._first, number)
        self.received += 1
        self.reordered += 1
        return number, Arrival.REORDERED

    def _end_run(self) -> None:
        """Remember the numbers of the run, each for itself."""
        run, self._run = min(self._run, WINDOW), 0
        self._seen = ((self._seen + 1 << run) - 1) & _WINDOW_MASK


class LogTotals(NamedTuple):
    """Sums over the logs of several sources; packets."""

    received: int = 0
    lost: int = 0
    duplicates: int = 0
    reordered: int = 0

    def plus(self, log: SequenceLog) -> "LogTotals":
        """Return the totals with another source's log added."""
        return LogTotals(
            self.received + log.received,
            self.lost + log.lost,
            self.duplicates + log.duplicates,
            self.reordered + log.reordered,
        )
