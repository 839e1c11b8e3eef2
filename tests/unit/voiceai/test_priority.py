"""The loop goes before the models."""

import os
import threading
from collections.abc import Callable
from functools import partial

import pytest

from pipelines.resources import STAGES, Resources
from voiceai.priority import (
    MEDIA_NICE,
    MODEL_NICE,
    TURN_NICE,
    prefer_this_thread,
    yield_this_thread,
)


def nice_of_this_thread() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def in_a_thread(*steps: Callable[[], None]) -> list[int]:
    """Run steps in a thread of its own; return the nice value after each."""
    found: list[int] = []

    def work() -> None:
        for step in steps:
            step()
            found.append(nice_of_this_thread())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may go before others without a limit")
def test_a_preferred_thread_goes_first_and_a_thread_of_its_making_can_step_back() -> None:
    before = nice_of_this_thread()

    step_back = partial(yield_this_thread, "stt")
    assert in_a_thread(prefer_this_thread, step_back) == [MEDIA_NICE, MODEL_NICE]
    assert nice_of_this_thread() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may go before others without a limit")
def test_whoever_waits_for_the_end_of_a_turn_goes_before_other_models_and_behind_the_loop() -> None:
    def found() -> None:
        prefer_this_thread()
        resources = Resources(enter_thread=yield_this_thread)
        nices.update(
            {each: resources.threads[each].submit(nice_of_this_thread).result() for each in STAGES}
        )
        for executor in resources.threads.values():
            executor.shutdown()

    nices: dict[str, int] = {}
    in_a_thread(found)
    assert nices == {"stt": MODEL_NICE, "tts": MODEL_NICE, "turn": TURN_NICE}
    assert MEDIA_NICE < TURN_NICE < MODEL_NICE


def test_stepping_back_never_asks_for_more_than_a_thread_has() -> None:
    def nice() -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 5)

    assert in_a_thread(nice, partial(yield_this_thread, "turn")) == [5, 5]
