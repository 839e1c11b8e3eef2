"""How a thread is ranked, in words; asked in a thread of its own, whose rank ends with it."""

import os
import sys
import threading
from collections.abc import Callable

import pytest

from transports.scheduling import prefer_this_thread, scheduling_class

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="ranks of Linux")


def in_a_thread(work: Callable[[], str]) -> str:
    """Return what ``work`` says in a thread of its own."""
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


def ranked(nice: int) -> str:
    """Give way a little, and say how that is called."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)
    return scheduling_class()


def test_giving_way_is_told_as_it_is() -> None:
    assert in_a_thread(lambda: ranked(7)) == "nice 7"


def test_the_best_that_is_granted_is_told() -> None:
    here = scheduling_class()

    granted = in_a_thread(prefer_this_thread)

    assert granted in ("SCHED_FIFO 20", "nice -10", here)
    assert scheduling_class() == here


def test_where_the_realtime_class_is_refused_a_nice_value_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    monkeypatch.setattr(os, "setpriority", lambda _, thread, nice: asked.append((thread, nice)))
    here = scheduling_class()

    assert in_a_thread(prefer_this_thread) == here
    assert [nice for _, nice in asked] == [-10]


def test_where_nothing_is_granted_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    monkeypatch.setattr(os, "setpriority", refuse)
    here = scheduling_class()

    assert in_a_thread(prefer_this_thread) == here
