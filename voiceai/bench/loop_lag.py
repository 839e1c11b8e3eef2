"""How long an event loop was blocked, seen by a ticker on it."""

import asyncio
import time

__all__ = ["LoopLag"]


class LoopLag:
    """Wakes again and again, and notes how much later it was.

    A block of the loop shows up as up to an interval less than it lasted; a loop's timers are a
    millisecond coarse, which shows up as lag.

    Args:
        interval: Seconds. Each time takes 50 us of the loop.
    """

    def __init__(self, *, interval: float = 0.005) -> None:
        self._interval = interval
        self._worst = 0.0

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            due = time.monotonic() + self._interval
            await asyncio.sleep(self._interval)
            self._worst = max(self._worst, time.monotonic() - due)

    def take(self) -> float:
        """Return the worst lag since the last call, in seconds, and begin anew."""
        worst, self._worst = self._worst, 0.0
        return worst
