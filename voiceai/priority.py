"""Who goes first when cores are scarce: the loop that sends packets, before the models."""

import os
import threading

from loguru import logger

from pipelines.resources import Stage

MEDIA_NICE = -10
"""Of the event loop's thread. At equal shares with a busy neighbour packets left 100 ms late."""
TURN_NICE = -5
"""Of the thread of the turn model, which every turn waits for: it takes 35 ms of a core."""
MODEL_NICE = 0
"""Of threads in which other models run: what a process has without asking."""


def prefer_this_thread() -> None:
    """Put the calling thread before others; says so in the log where that is not allowed."""
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), MEDIA_NICE)
    except PermissionError:
        logger.info(
            "voiceai.priority: not allowed to go before other programs; "
            "under systemd LimitNICE=-10 allows it"
        )


def yield_this_thread(stage: Stage) -> None:
    """Put the calling thread, which has inherited its maker's place, behind it.

    Args:
        stage: Of the models that run in it.
    """
    thread = threading.get_native_id()
    nice = TURN_NICE if stage == "turn" else MODEL_NICE
    if os.getpriority(os.PRIO_PROCESS, thread) < nice:
        os.setpriority(os.PRIO_PROCESS, thread, nice)
