"""The media process starts and ends, and leaves neither processes nor slots behind."""

import asyncio
import errno
import os
import socket
import sys

import psutil
import pytest

from tests.support.waiting import until
from transports.errors import MediaUnavailable, PortsExhausted
from transports.process.child import MediaProcess
from transports.process.engine import ProcessEngine
from transports.process.stream import ProcessStream

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs memfd and eventfd")


async def test_a_media_process_that_never_ran_is_not_started_again() -> None:
    attempts = 0

    class Ending:
        """A way to a media process that ends before it says anything."""

        async def start(self) -> socket.socket:
            nonlocal attempts
            attempts += 1
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            ours.settimeout(0)
            theirs.close()
            return ours

        async def end(self) -> None:
            pass

    engine = ProcessEngine(Ending(), slots=4)
    tasks = asyncio.all_tasks()

    with pytest.raises(MediaUnavailable, match="has ended"):
        await engine.start()
    await asyncio.sleep(0)

    assert asyncio.all_tasks() == tasks
    assert attempts == 1
    assert engine.restarts == 0


@pytest.mark.parametrize("steps", [1, 2, 10])
async def test_a_start_that_is_given_up_leaves_no_process_behind(
    media: MediaProcess, steps: int
) -> None:
    engine = ProcessEngine(media, slots=4)
    before = psutil.Process().children()
    starting = asyncio.ensure_future(engine.start())
    for _ in range(steps):
        await asyncio.sleep(0)

    starting.cancel()
    await asyncio.wait({starting})

    await until(lambda: psutil.Process().children() == before)
    assert starting.cancelled()


async def test_what_is_closed_while_it_starts_does_not_run(media: MediaProcess) -> None:
    engine = ProcessEngine(media, slots=4)
    before = psutil.Process().children()
    starting = asyncio.ensure_future(engine.start())
    await asyncio.sleep(0)

    await engine.close()

    with pytest.raises(MediaUnavailable, match="closed meanwhile"):
        await starting
    assert psutil.Process().children() == before


async def test_without_descriptors_for_its_memory_nothing_is_left_running(
    media: MediaProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "eventfd", refused)
    before = psutil.Process().children()

    with pytest.raises(MediaUnavailable, match="Too many open files"):
        await ProcessEngine(media, slots=4).start()

    assert psutil.Process().children() == before


async def test_closing_the_engine_ends_the_media_process(media: MediaProcess) -> None:
    engine = ProcessEngine(media, slots=4)
    await engine.start()
    pid = media.pid
    assert pid is not None

    await engine.close()

    assert not psutil.pid_exists(pid)
    with pytest.raises(MediaUnavailable):
        await engine.open_stream()


async def test_an_opening_that_nobody_waits_for_leaves_nothing_behind(media: MediaProcess) -> None:
    engine = ProcessEngine(media, slots=1)
    await engine.start()
    opening = asyncio.ensure_future(engine.open_stream())
    await asyncio.sleep(0)
    opening.cancel()
    await asyncio.wait({opening})

    async def opened() -> ProcessStream:
        async with asyncio.timeout(5):
            while True:
                try:
                    return await engine.open_stream()
                except PortsExhausted:
                    await asyncio.sleep(0.005)

    stream = await opened()
    with pytest.raises(PortsExhausted, match="memory for 1 stream"):
        await engine.open_stream()
    assert engine.streams == (stream,)
    await engine.close()


async def test_slots_are_used_again(engine: ProcessEngine) -> None:
    for _ in range(80):
        stream = await engine.open_stream()
        stream.close()

    assert engine.streams == ()
    assert engine.problem is None


async def test_says_how_the_media_process_is_ranked_and_how_late_it_was(
    engine: ProcessEngine,
) -> None:
    await until(lambda: engine.lateness.count > 5)

    assert engine.scheduling == "normal" or engine.scheduling.startswith(("SCHED_FIFO", "nice"))
    assert 0 <= engine.lateness.percentile(50) < 0.02
