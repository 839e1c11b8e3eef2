"""A call's remains go when the last caller has hung up, and not while somebody talks."""

import asyncio
import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator

import pytest

from voiceai.calls.events import CallAnswered, CallEnded, CallEvent
from voiceai.calls.garbage import collect_between
from voiceai.calls.outcome import EndReason

ENDED = CallEnded("call-1", EndReason.CALLER_HUNG_UP, 3.0)


class Circle:
    """What only the collector frees."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    """Let nothing but the code under test collect."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(
    ("event", "calls", "freed"),
    [
        (ENDED, [], True),
        (ENDED, ["call-2"], False),
        (CallAnswered("call-1", "reception", 0.1), [], False),
    ],
    ids=["the last one ends", "somebody still talks", "nobody has hung up"],
)
async def test_garbage_is_collected_when_the_last_call_ends(
    event: CallEvent, calls: list[str], freed: bool
) -> None:
    remains = weakref.ref(Circle())

    collect_between(calls)(event)
    await asyncio.sleep(0)

    assert (remains() is None) is freed


@pytest.mark.parametrize(("lasting", "ends"), [(1, 15), (15, 15), (40, 40)])
async def test_while_others_last_garbage_waits_for_as_many_ended_calls(
    lasting: int, ends: int
) -> None:
    remains = weakref.ref(Circle())
    watcher = collect_between(["a call"] * lasting)
    for _ in range(ends - 1):
        watcher(ENDED)
    await asyncio.sleep(0)
    assert remains() is not None

    watcher(ENDED)
    await asyncio.sleep(0)
    assert remains() is None

    remains = weakref.ref(Circle())
    watcher(ENDED)
    await asyncio.sleep(0)
    assert remains() is not None, "counted anew"


WHAT_STAYS = """
import gc
from voiceai.calls.garbage import BY_ITSELF_AFTER, leave_out_what_stays

class Loaded:
    pass

loaded = Loaded()
loaded.me = loaded
seen = any(kept is loaded for kept in gc.get_objects())
leave_out_what_stays()
by_itself_after, *_ = gc.get_threshold()
print(seen, any(kept is loaded for kept in gc.get_objects()), by_itself_after == BY_ITSELF_AFTER)
"""


def test_what_is_loaded_is_left_out_of_collections_which_come_seldom() -> None:
    """In a process of its own: what this one has loaded is left out already."""
    told = subprocess.run(
        [sys.executable, "-c", WHAT_STAYS], capture_output=True, text=True, check=True, timeout=30
    )

    assert told.stdout.split() == ["True", "False", "True"]
