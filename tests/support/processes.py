"""Processes of others that are to end."""

import psutil


def is_gone(process: psutil.Process) -> bool:
    """Return whether a process has ended, even if nobody has asked it how."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
