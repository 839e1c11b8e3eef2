"""When Python's cyclic garbage collector runs: never over the models, and between calls."""

import asyncio
import gc
from collections.abc import Sized
from typing import Final

from voiceai.calls.events import CallEnded, CallEvent, Watcher

FULL_AFTER: Final = 2
"""A full collection after so many of the middle generation, Python's own being 10.

At 10 some fifty ended calls wait for one, with 5 MB; at 2 some fifteen, since each leaves about a
thousand objects.
"""


def leave_out_what_stays() -> None:
    """Keep what is loaded by now out of later collections: to walk it takes 0.1 s.

    The collection afterwards is cheap and needed: Python puts off a full one until what is new
    exceeds a quarter of what the last full one went through.
    """
    gc.collect()
    gc.freeze()
    gc.collect()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, FULL_AFTER)


def collect_between(calls: Sized) -> Watcher:
    """Return a watcher that collects when none of ``calls`` is left, unheard by anybody.

    A call's processors refer to each other in circles, so nothing else frees them.
    """

    def on_event(event: CallEvent) -> None:
        if isinstance(event, CallEnded) and not calls:
            asyncio.get_running_loop().call_soon(gc.collect)

    return on_event
