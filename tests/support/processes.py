"""Processes that are to end, and descriptors that are to be closed."""

from pathlib import Path

import psutil


def is_gone(process: psutil.Process) -> bool:
    """Return whether a process has ended, even if nobody has asked it how."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def copies(name: str) -> int:
    """Return how many of our own descriptors are of the memory of that name."""
    descriptors = Path("/proc/self/fd")
    return sum(name in str(each.readlink()) for each in descriptors.iterdir() if each.is_symlink())
