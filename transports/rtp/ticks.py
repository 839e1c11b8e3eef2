"""When the ticks of playout are, apart from the unevenness of the process that makes them."""

from transports.rtp.events import FRAME_SECONDS

__all__ = ["TickClock"]

SMOOTHING = 16
"""The mean of a tick's lateness forgets with this time constant, in ticks."""

ASTRAY = 0.03
"""Seconds; a tick that is so far from its time says nothing: we were stalled, or catch up."""

EVEN = (0.01, 0.03)
"""Seconds between two ticks that are made in time."""

TICKS_ASTRAY = 3
"""So many even ticks in a row that are all astray: some were never made, and time went on."""


class TickClock:
    """Follows the ticks of 20 ms.

    Attributes:
        time: When the current tick should have been made, in monotonic seconds.
        ticked_at: When it was made.
    """

    __slots__ = ("_astray", "ticked_at", "time")

    def __init__(self) -> None:
        self.time = float("-inf")
        self.ticked_at = float("-inf")
        self._astray = 0

    def tick(self, now: float) -> None:
        """Go on by 20 ms, at ``now`` (monotonic seconds)."""
        before, self.ticked_at = self.ticked_at, now
        self.time += FRAME_SECONDS
        late = now - self.time
        if -ASTRAY < late < ASTRAY:
            self._astray = 0
            self.time += late / SMOOTHING
            return
        interval = now - before
        if EVEN[0] < interval < EVEN[1] or interval == float("inf"):
            self._astray += 1
            if self._astray >= TICKS_ASTRAY or interval == float("inf"):
                self.time = now
                self._astray = 0
