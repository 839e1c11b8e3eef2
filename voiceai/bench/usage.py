"""What this process uses and holds, with the processes that it started."""

import contextlib
from collections.abc import Collection

import psutil

__all__ = ["children_seconds", "family", "kernel_seconds", "memory_bytes"]


def family(besides: Collection[int] = ()) -> list[psutil.Process]:
    """Return this process, its children and theirs.

    Args:
        besides: Process IDs of those that are not meant, such as a load generator's.
    """
    own = psutil.Process()
    return [own, *(child for child in own.children(recursive=True) if child.pid not in besides)]


def children_seconds(besides: Collection[int] = ()) -> float:
    """Return the processor seconds that the children have used so far; 0 without any."""
    seconds = 0.0
    for child in family(besides)[1:]:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            seconds += times.user + times.system
    return seconds


def kernel_seconds(besides: Collection[int] = ()) -> float:
    """Return what the kernel has done for all of them so far, in processor seconds.

    The kernel counts it by the ticks of its own clock: over a second it is a guess.
    """
    seconds = 0.0
    for process in family(besides):
        with contextlib.suppress(psutil.NoSuchProcess):
            seconds += process.cpu_times().system
    return seconds


def memory_bytes(besides: Collection[int] = ()) -> int:
    """Return the memory that all of them have, shared pages counted in each."""
    held = 0
    for process in family(besides):
        with contextlib.suppress(psutil.NoSuchProcess):
            held += process.memory_info().rss
    return held
