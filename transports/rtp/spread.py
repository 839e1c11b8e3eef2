"""How unevenly packets arrive, and so how long they have to wait for their turn."""

from array import array
from bisect import bisect_left
from typing import NamedTuple

import numpy as np

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

REVIEW_SELDOM = 64
"""Likewise, while less is needed than playout keeps anyway: nothing depends on how much less."""

IN_TIME = 0.99
"""The share of packets that the delay is to cover."""

MARGIN = 0.003
"""Seconds on top of it."""

TOLERANCE = 0.01
"""Seconds by which the delay may be below the target if packets do come in time: ticks are 20 ms
apart, and the nearest one is meant."""

SHRINK_PER_SECOND = 0.004
"""What is needed grows at once and shrinks slowly: trouble that has ended may come again."""

EARLIEST = -0.06
LATEST = 0.25
"""Seconds against the fastest packet; what strays further is of another timeline or of a stall."""

STRAYS = 3
"""As many strays in a row are the new timeline."""


class ArrivalSpread:
    """Measures transit times, of which only the differences mean anything, and derives a target.

    The transit time of a packet is its arrival on our clock less its timestamp on the sender's.
    The fastest packet of the last seconds is the reference: needed is how much later than it
    99 of 100 packets are ready.

    Attributes:
        needed: How long the fastest packet has to wait for its turn, in seconds, at most the
            longest delay of the range.
        target: How long it should wait, in seconds: within the range.
        least: Down to which delay, in seconds, the target counts as kept.
        fastest: The lowest transit time in memory, in seconds; ``None`` while there is none.

    Args:
        playout: The range of the target.
    """

    __slots__ = (
        "_latest_at",
        "_playout",
        "_ready",
        "_review_every",
        "_reviewed_at",
        "_strays",
        "_times",
        "_transits",
        "_unreviewed",
        "fastest",
        "least",
        "needed",
        "target",
    )

    def __init__(self, playout: PlayoutRange) -> None:
        self.fastest: float | None = None
        self._playout = playout
        first = min(max(FIRST_TARGET, playout.shortest), playout.longest)
        self._need(first - TOLERANCE)
        self._times = array("d")  # of arrival; three in step
        self._transits = array("d")
        self._ready = array("d")  # transit and early
        self._latest_at = 0.0  # the last of the times
        self._unreviewed = 0
        self._review_every = REVIEW_EVERY
        self._strays = 0
        self._reviewed_at: float | None = None

    def observe(self, transit: float, now: float, early: float = 0.0) -> None:
        """Count a packet.

        Args:
            transit: Its transit time in seconds.
            now: When it arrived, in monotonic seconds.
            early: Seconds by which it is fetched before its turn, with what precedes it.
        """
        if self._latest_at < now - MEMORY_SECONDS:
            self._forget(len(self._times))
        fastest = self.fastest
        if fastest is None or not self._times:
            fastest = self.fastest = transit
        spread = transit - fastest
        if not EARLIEST <= spread <= LATEST:
            self._strays += 1
            if self._strays < STRAYS:
                return
            self.restart()
            fastest = self.fastest = transit
        self._strays = 0
        self._latest_at = now
        self._times.append(now)
        self._transits.append(transit)
        self._ready.append(transit + early if early else transit)
        if transit < fastest:
            self.fastest = transit
        self._unreviewed += 1
        if self._unreviewed >= self._review_every or spread + early > self.needed + MARGIN:
            self._review(now)

    def restart(self) -> None:
        """Forget the transit times, but not the target: a new timeline on the same path."""
        self._forget(len(self._times))
        self.fastest = None
        self._strays = 0
        self._unreviewed = 0
        self._review_every = REVIEW_EVERY

    def _review(self, now: float) -> None:
        """Look at the whole memory: find the fastest anew and what is needed."""
        self._unreviewed = 0
        too_old = bisect_left(self._times, now - MEMORY_SECONDS)
        self._forget(max(too_old, len(self._times) - MEMORY_PACKETS))
        self.fastest = float(np.frombuffer(self._transits).min())
        elapsed = 0.0 if self._reviewed_at is None else now - self._reviewed_at
        self._reviewed_at = now
        packets = len(self._ready)
        if packets < WARM_UP:
            return
        in_time = int(packets * IN_TIME)
        slowest = float(np.partition(np.frombuffer(self._ready), in_time)[in_time])
        needed = slowest - self.fastest + MARGIN
        needed = max(needed, self.needed - SHRINK_PER_SECOND * elapsed)
        self._need(min(needed, self._playout.longest))
        kept_anyway = self._playout.shortest - TOLERANCE
        self._review_every = REVIEW_EVERY if self.needed > kept_anyway else REVIEW_SELDOM

    def _forget(self, packets: int) -> None:
        """Drop so many from the memory, the oldest first."""
        del self._times[:packets]
        del self._transits[:packets]
        del self._ready[:packets]

    def _need(self, seconds: float) -> None:
        self.needed = seconds
        self.target = max(seconds, self._playout.shortest)
        self.least = max(seconds, self._playout.shortest - TOLERANCE)
