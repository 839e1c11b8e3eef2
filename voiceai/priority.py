"""Who goes first when cores are scarce: the loop that sends packets, before the models."""

import os
import threading

from loguru import logger

MEDIA_NICE = -10
"""Of the event loop's thread. At equal shares with a busy neighbour packets left 100 ms late."""
MODEL_NICE = 0
"""Of threads in which models run: what a process has without asking."""


def prefer_this_thread() -> None:
    """Put the calling thread before others; says so in the log where that is not allowed."""
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), MEDIA_NICE)
    except PermissionError:
        logger.info(
            "voiceai.priority: not allowed to go before other programs; "
            "under systemd LimitNICE=-10 allows it"
        )


def yield_this_thread() -> None:
    """Put the calling thread, which has inherited its maker's place, back among the others."""
    thread = threading.get_native_id()
    if os.getpriority(os.PRIO_PROCESS, thread) < MODEL_NICE:
        os.setpriority(os.PRIO_PROCESS, thread, MODEL_NICE)
