"""How the operating system ranks a thread that must be on time: asked for, and told in words."""

import contextlib
import os
import threading

__all__ = ["FIFO_PRIORITY", "PREFERRED_NICE", "prefer_this_thread", "scheduling_class"]

FIFO_PRIORITY = 20
"""Above every ordinary thread, below the kernel's own."""

PREFERRED_NICE = -10
"""Where the real-time class is not allowed."""


def prefer_this_thread() -> str:
    """Ask for SCHED_FIFO, else for a better nice value; return what was granted."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(FIFO_PRIORITY))
    except (AttributeError, OSError):
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), PREFERRED_NICE)
    return scheduling_class()


def scheduling_class() -> str:
    """Return how the calling thread is ranked: "SCHED_FIFO 20", "nice -10" or "normal"."""
    try:
        policy = os.sched_getscheduler(0)
        if policy in (os.SCHED_FIFO, os.SCHED_RR):
            name = "SCHED_FIFO" if policy == os.SCHED_FIFO else "SCHED_RR"
            return f"{name} {os.sched_getparam(0).sched_priority}"
    except (AttributeError, OSError):
        pass
    nice = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    return f"nice {nice}" if nice else "normal"
