"""How long an event loop was blocked, seen by a ticker on it."""

import asyncio
import time
from typing import Final

__all__ = ["LoopLag"]

INTERVAL_SECONDS: Final = 0.005


class LoopLag:
    """Wakes every 5 ms and notes how much later it was.

    A block of the loop shows up as up to 5 ms less than it lasted; a loop's timers are a
    millisecond coarse, which shows up as lag.
    """

    def __init__(self) -> None:
        self._worst = 0.0

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            due = time.monotonic() + INTERVAL_SECONDS
            await asyncio.sleep(INTERVAL_SECONDS)
            self._worst = max(self._worst, time.monotonic() - due)

    def take(self) -> float:
        """Return the worst lag since the last call, in seconds, and begin anew."""
        worst, self._worst = self._worst, 0.0
        return worst
