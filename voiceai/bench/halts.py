"""Whether the machine itself stood still: a virtual one does, while its host runs another.

A process per core sleeps there again and again, ranked above all that is measured. So what it is
late by is nobody's work: the core was gone. (But where SCHED_FIFO takes nearly all of a core, the
kernel halts that class and this process with it: /proc/sys/kernel/sched_rt_runtime_us.) Run by
:class:`voiceai.bench.companion.Companion`::

    {"take": true}  -> "halted": the longest halt since the last time, seconds; None if unknown
"""

import contextlib
import os
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from voiceai.bench.companion import Companion, read_message, tell
from voiceai.bench.errors import BenchUnavailable
from voiceai.bench.machine import take_realtime_class

__all__ = ["CoreWatch", "Halts"]

PRIORITY: Final = 90
"""Of SCHED_FIFO: above the media process, below the kernel's watchdogs."""
INTERVAL_SECONDS: Final = 0.005
"""Halts show up as up to so much shorter. Each round takes 10 us."""
HEAR_SECONDS: Final = 20.0


class Halts:
    """Watches cores while inside. An asynchronous context manager.

    Args:
        cores: Which.
    """

    def __init__(self, cores: Sequence[int]) -> None:
        self._stack = contextlib.AsyncExitStack()
        self._watches = [Companion("voiceai.bench.halts", {"core": core}) for core in cores]

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as begun:
            for watch in self._watches:
                await begun.enter_async_context(watch)
            self._stack = begun.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.__aexit__(kind, error, traceback)

    async def take(self) -> float | None:
        """Return the longest halt of any core since the last call, in seconds.

        None where it cannot be told: the system does not let the watching processes go first.
        """
        longest = 0.0
        for watch in self._watches:
            await watch.tell({"take": True})
        for watch in self._watches:
            halted: float | None = (await watch.hear("halted", HEAR_SECONDS))["seconds"]
            if halted is None:
                return None
            longest = max(longest, halted)
        return longest


class CoreWatch:
    """Sleeps, and notes how late it wakes.

    Args:
        interval: Seconds.
    """

    def __init__(self, interval: float = INTERVAL_SECONDS) -> None:
        self._interval = interval
        self._worst = 0.0
        self._lock = threading.Lock()

    def run(self) -> None:
        """Watch for ever."""
        while True:
            due = time.monotonic() + self._interval
            time.sleep(self._interval)
            late = time.monotonic() - due
            with self._lock:
                self._worst = max(self._worst, late)

    def take(self) -> float:
        """Return the longest delay since the last call, in seconds, and begin anew."""
        with self._lock:
            worst, self._worst = self._worst, 0.0
        return worst


def main() -> None:
    """Watch one core until the parent closes our standard input."""
    greeting = read_message()
    if greeting is None:
        return
    os.sched_setaffinity(0, {greeting["core"]})
    watch: CoreWatch | None = CoreWatch()
    try:
        take_realtime_class(PRIORITY)
    except BenchUnavailable:
        watch = None
    if watch is not None:
        threading.Thread(target=watch.run, daemon=True).start()
    while read_message() is not None:
        tell("halted", seconds=watch.take() if watch is not None else None)


if __name__ == "__main__":
    main()
