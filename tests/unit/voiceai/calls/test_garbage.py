"""A call's remains go when the last caller has hung up, and not while somebody talks."""

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from voiceai.calls.events import CallAnswered, CallEnded, CallEvent
from voiceai.calls.garbage import FULL_AFTER, collect_between, leave_out_what_stays
from voiceai.calls.outcome import EndReason

ENDED = CallEnded("call-1", EndReason.CALLER_HUNG_UP, 3.0)


class Circle:
    """What only the collector frees."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    """Let nothing but the code under test collect, and put everything back."""
    before = gc.get_threshold()
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()
    gc.set_threshold(*before)


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


def test_what_is_loaded_is_left_out_of_collections_which_come_more_often() -> None:
    loaded = Circle()

    leave_out_what_stays()

    assert all(kept is not loaded for kept in gc.get_objects())
    assert gc.get_threshold()[2] == FULL_AFTER
