"""What this process uses and holds, with the processes that it started."""

import contextlib
import os
from collections.abc import Collection
from typing import NamedTuple

import psutil

__all__ = ["Used", "family", "memory_bytes", "used"]


def family(besides: Collection[int] = ()) -> list[psutil.Process]:
    """Return this process, its children and theirs.

    Args:
        besides: Process IDs of those that are not meant, such as a load generator's.
    """
    own = psutil.Process()
    return [own, *(child for child in own.children(recursive=True) if child.pid not in besides)]


class Used(NamedTuple):
    """Processor seconds.

    Attributes:
        children: Of the children.
        kernel: What the kernel has done for them and for us. It counts that by the ticks of its own
            clock: over a second it is a guess.
    """

    children: float
    kernel: float


def used(besides: Collection[int] = ()) -> Used:
    """Return what was used so far. Takes a millisecond."""
    children = kernel = 0.0
    own = os.getpid()
    for process in family(besides):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            kernel += times.system
            if process.pid != own:
                children += times.user + times.system
    return Used(children, kernel)


def memory_bytes(besides: Collection[int] = ()) -> int:
    """Return the memory that all of them have, shared pages counted in each."""
    held = 0
    for process in family(besides):
        with contextlib.suppress(psutil.NoSuchProcess):
            held += process.memory_info().rss
    return held
