"""The media clock: one tick every 20 ms for all streams, on absolute deadlines.

On Linux a timerfd wakes the event loop with the kernel's precision; ``loop.call_at``, which takes
over where there is none, rounds to a millisecond.
"""

import asyncio
import ctypes
import errno
import math
import os
import sys
import time
from collections.abc import Callable
from functools import cache

from transports.rtp.stats import Deviations

__all__ = ["MediaClock"]

CLOCK_MONOTONIC = 1
TFD_TIMER_ABSTIME = 1
"""From <time.h> and <sys/timerfd.h>; Python 3.13 is the first to have them."""

REMEMBERED_TICKS = 16384
"""Five minutes of lateness."""

Tick = Callable[[float, int], None]


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class MediaClock:
    """Calls ``on_tick(deadline, due)`` from the event loop.

    ``deadline`` is when the call should have come, in monotonic seconds; ``due`` is 1, or more if
    the loop was blocked over earlier deadlines. Deadlines never drift: they are multiples of the
    interval from the start, whenever they are kept. ``on_tick`` must not raise.

    Attributes:
        lateness: How late the ticks were, in seconds.
        lead: By how much they come ahead of their deadlines, in seconds.
        precise: Whether a timerfd drives the clock.

    Args:
        on_tick: What to call.
        interval: Seconds between two ticks.
        timerfd: Use one where the system has it.
    """

    def __init__(self, on_tick: Tick, *, interval: float = 0.02, timerfd: bool = True) -> None:
        self.lateness = Deviations(REMEMBERED_TICKS)
        self.lead = 0.0
        self.precise = timerfd and sys.platform == "linux"
        self._on_tick = on_tick
        self._interval = interval
        self._started_at = 0.0
        self._ticks = 0  # deadlines that have passed
        self._loop: asyncio.AbstractEventLoop | None = None
        self._descriptor = -1
        self._handle: asyncio.TimerHandle | None = None

    def start(self, at: float | None = None) -> None:
        """Begin ticking on the running loop.

        Args:
            at: Monotonic seconds; the first tick is an interval later. Now, unless given.
        """
        self._loop = asyncio.get_running_loop()
        self._started_at = time.monotonic() if at is None else at
        self._ticks = 0
        if self.precise:
            self._descriptor = _open_timer()
            self._loop.add_reader(self._descriptor, self._on_timer)
            self._set_timer()
        else:
            self._arm()

    def come_ahead(self, lead: float) -> None:
        """Tick ahead of the deadlines, from the next one on.

        Args:
            lead: Seconds, less than the interval.
        """
        self.lead = lead
        if self._descriptor >= 0:
            self._set_timer()

    @staticmethod
    def wait(deadline: float) -> None:
        """Halt the loop until a deadline that a tick came ahead of, at once if it has passed."""
        ahead = deadline - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)

    def close(self) -> None:
        """Stop; idempotent."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._descriptor >= 0 and self._loop is not None:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _on_timer(self) -> None:
        try:
            expirations = os.read(self._descriptor, 8)
        except BlockingIOError:
            return
        self._tick(int.from_bytes(expirations, sys.byteorder))

    def _on_call(self) -> None:
        passed = time.monotonic() + self.lead - self._started_at
        due = math.floor(passed / self._interval) - self._ticks
        try:
            self._tick(max(due, 0))
        finally:
            if self._handle is not None:
                self._arm()

    def _arm(self) -> None:
        assert self._loop is not None  # noqa: S101  only after start()
        ahead = self._next_at() - time.monotonic()
        self._handle = self._loop.call_at(self._loop.time() + ahead, self._on_call)

    def _set_timer(self) -> None:
        _set_timer(self._descriptor, self._next_at(), self._interval)

    def _next_at(self) -> float:
        """Return when the next tick is to come, in monotonic seconds."""
        return self._started_at + (self._ticks + 1) * self._interval - self.lead

    def _tick(self, due: int) -> None:
        if due <= 0:
            return
        self._ticks += due
        deadline = self._started_at + self._ticks * self._interval
        late = time.monotonic() + self.lead - deadline + (due - 1) * self._interval
        self.lateness.add(max(late, 0.0))
        self._on_tick(deadline, due)


def _open_timer() -> int:
    """Return the descriptor of a non-blocking timer that is not set."""
    descriptor: int = _libc().timerfd_create(CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0:
        raise _failed("timerfd_create")
    return descriptor


def _set_timer(descriptor: int, first: float, interval: float) -> None:
    """Let a timer expire at ``first``, in monotonic seconds, and ever after."""
    times = _Itimerspec(_timespec(interval), _timespec(first))
    if _libc().timerfd_settime(descriptor, TFD_TIMER_ABSTIME, ctypes.byref(times), None) < 0:
        raise _failed("timerfd_settime")


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _failed(call: str) -> OSError:
    code = ctypes.get_errno()
    return OSError(code, f"{call}: {errno.errorcode[code]}")


def _timespec(seconds: float) -> _Timespec:
    nanoseconds = round(seconds * 1e9)
    return _Timespec(nanoseconds // 1_000_000_000, nanoseconds % 1_000_000_000)
