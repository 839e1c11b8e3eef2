"""What this process uses and holds, with the processes that it started."""

import contextlib

import psutil

__all__ = ["children_seconds", "family", "memory_bytes"]


def family() -> list[psutil.Process]:
    """Return this process, its children and theirs."""
    own = psutil.Process()
    return [own, *own.children(recursive=True)]


def children_seconds() -> float:
    """Return the processor seconds that the children have used so far; 0 without any."""
    seconds = 0.0
    for child in family()[1:]:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            seconds += times.user + times.system
    return seconds


def memory_bytes() -> int:
    """Return the memory that all of them have, shared pages counted in each."""
    held = 0
    for process in family():
        with contextlib.suppress(psutil.NoSuchProcess):
            held += process.memory_info().rss
    return held
