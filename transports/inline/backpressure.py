"""Writers wait here until little enough of what they wrote is still to be sent."""

import asyncio
from collections.abc import Callable

from transports.rtp.events import SAMPLE_RATE

__all__ = ["LONGEST_QUEUE", "Backpressure"]

LONGEST_QUEUE = 60 * SAMPLE_RATE
"""Samples. Who writes and does not wait is refused when a minute is still to be sent."""


class Backpressure:
    """Holds writers back.

    Args:
        queued: Returns how many samples are still to be sent.
    """

    __slots__ = ("_queued", "_waiting")

    def __init__(self, queued: Callable[[], int]) -> None:
        self._queued = queued
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    @property
    def is_full(self) -> bool:
        """Whether so much is queued that nothing more is taken."""
        return self._queued() >= LONGEST_QUEUE

    async def until_below(self, samples: int) -> None:
        """Wait until fewer than ``samples`` are queued, or until :meth:`release_all`."""
        if self._queued() < samples:
            return
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((samples, ready))
        await ready

    def progressed(self) -> None:
        """Resume the writers whose audio has gone out. Call when some was sent."""
        if self._waiting:
            queued = self._queued()
            self._resume(lambda samples: queued < samples)

    def release_all(self) -> None:
        """Resume every writer: what they wait for was dropped, or will never be sent."""
        self._resume(lambda _: True)

    def _resume(self, may_go: Callable[[int], bool]) -> None:
        still = []
        for samples, ready in self._waiting:
            if ready.done():  # its writer was cancelled
                continue
            if may_go(samples):
                ready.set_result(None)
            else:
                still.append((samples, ready))
        self._waiting = still
