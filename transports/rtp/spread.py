"""How unevenly packets arrive, and so how long they have to wait for their turn."""

from collections import deque
from typing import NamedTuple

__all__ = ["ArrivalSpread", "PlayoutRange"]


class PlayoutRange(NamedTuple):
    """Between which delays playout adapts, in seconds; a fixed delay where both are the same."""

    shortest: float
    longest: float

    @classmethod
    def of(cls, delay: "float | PlayoutRange") -> "PlayoutRange":
        """Return the range, of which a mere number is the fixed delay."""
        return delay if isinstance(delay, PlayoutRange) else cls(delay, delay)


FIRST_TARGET = 0.04
"""Seconds of delay before anything is known; within the range."""

MEMORY_SECONDS = 6.0
MEMORY_PACKETS = 512
"""What arrived within it is the measure. Long enough for a percentile, short against drift: two
clocks 200 ppm apart part by 1.2 ms."""

WARM_UP = 16
"""Packets to see before an opinion."""

REVIEW_EVERY = 16
"""Packets between two looks at the memory; one that comes too late is a reason for one at once."""

IN_TIME = 0.99
"""The share of packets that the delay is to cover."""

MARGIN = 0.003
"""Seconds on top of it."""

SHRINK_PER_SECOND = 0.004
"""The target grows at once and shrinks slowly: trouble that ended a second ago may come again."""

EARLIEST = -0.06
LATEST = 0.25
"""Seconds against the fastest packet; what strays further is of another timeline or of a stall."""

STRAYS = 3
"""As many strays in a row are the new timeline."""


class ArrivalSpread:
    """Measures transit times, of which only the differences mean anything, and derives a target.

    The transit time of a packet is its arrival on our clock less its timestamp on the sender's.
    The fastest packet of the last seconds is the reference: the target is how much later than it
    99 of 100 packets arrive.

    Attributes:
        target: How long the fastest packet is to wait for its turn, in seconds.
        fastest: The lowest transit time in memory, in seconds; ``None`` while there is none.

    Args:
        playout: The range of the target.
    """

    def __init__(self, playout: PlayoutRange) -> None:
        self.target = min(max(FIRST_TARGET, playout.shortest), playout.longest)
        self.fastest: float | None = None
        self._playout = playout
        self._memory: deque[tuple[float, float]] = deque(maxlen=MEMORY_PACKETS)
        self._unreviewed = 0
        self._strays = 0
        self._reviewed_at: float | None = None

    def observe(self, transit: float, now: float) -> None:
        """Count a packet with that transit time, which arrived at ``now`` (seconds)."""
        memory = self._memory
        oldest = now - MEMORY_SECONDS
        if memory and memory[0][0] < oldest:
            while memory and memory[0][0] < oldest:
                memory.popleft()
            if not memory:
                self.fastest = None
        fastest = self.fastest
        if fastest is None:
            fastest = self.fastest = transit
        spread = transit - fastest
        if not EARLIEST <= spread <= LATEST:
            self._strays += 1
            if self._strays < STRAYS:
                return
            self.restart()
            fastest = transit
            spread = 0.0
        self._strays = 0
        memory.append((now, transit))
        if spread < 0 or self.fastest is None:
            self.fastest = transit
        self._unreviewed += 1
        if self._unreviewed >= REVIEW_EVERY or spread > self.target:
            self._review(now)

    def restart(self) -> None:
        """Forget the transit times, but not the target: a new timeline on the same path."""
        self._memory.clear()
        self.fastest = None
        self._strays = 0
        self._unreviewed = 0

    def _review(self, now: float) -> None:
        """Look at the whole memory: find the fastest anew and move the target."""
        self._unreviewed = 0
        transits = sorted(transit for _, transit in self._memory)
        self.fastest = transits[0]
        elapsed = 0.0 if self._reviewed_at is None else now - self._reviewed_at
        self._reviewed_at = now
        if len(transits) < WARM_UP:
            return
        needed = transits[int(len(transits) * IN_TIME)] - transits[0] + MARGIN
        needed = min(max(needed, self._playout.shortest), self._playout.longest)
        self.target = max(needed, self.target - SHRINK_PER_SECOND * elapsed)
