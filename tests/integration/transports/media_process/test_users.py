"""Users of the media process die or are busy: what becomes of calls and processes."""

import asyncio
import os
import signal
import sys
import time
from random import Random

import psutil
import pytest

from tests.support.media_process import LOUD, SUPERVISOR, first_number, started, working
from tests.support.processes import is_gone
from tests.support.streams import FRAME, Phone, is_noise
from tests.support.waiting import until
from transports.audio.codec import Codec
from transports.errors import MediaUnavailable
from transports.process.child import MediaProcess
from transports.process.engine import ProcessEngine
from transports.process.stream import ProcessStream
from transports.rtp.events import PlayedFrame
from transports.rtp.tape import RecordedTick

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs memfd and eventfd")


async def test_packets_leave_on_time_while_their_user_is_busy(
    stream: ProcessStream, phone: Phone
) -> None:
    await stream.write(LOUD)
    await until(lambda: stream.stats.sent >= 3)
    waiting = asyncio.ensure_future(stream.write(LOUD * 50))
    await asyncio.sleep(0)
    phone.received()

    time.sleep(0.4)  # noqa: ASYNC251  the fault under test

    packets = phone.received()
    assert 19 <= len(packets) <= 21
    assert sum(not is_noise(packet) for packet in packets) >= 18
    assert stream.stats.skipped == 0
    waiting.cancel()


async def test_what_was_written_before_a_flush_never_leaves_after_it(
    stream: ProcessStream, phone: Phone
) -> None:
    """Each burst has a level of its own; flushes come at any time between two packets."""
    random = Random(5)
    levels = [round(4200 * 1.1**step) for step in range(21)]
    writing = []
    for level in levels:
        writing.append(asyncio.ensure_future(stream.write(level.to_bytes(2, "little") * 4000)))
        await asyncio.sleep(random.uniform(0.03, 0.07))
        stream.flush()
        assert stream.queued_samples == 0
    await asyncio.gather(*writing)
    await asyncio.sleep(0.06)

    heard: list[int] = []
    for packet in phone.received():
        pcm = memoryview(Codec.ALAW.decode(packet.payload)).cast("h")
        loud = {sample for sample in pcm[FRAME // 2 :] if sample > 4000}
        assert len(loud) <= 1, "a packet holds one burst, and what fades out of another"
        heard += loud
    assert heard == sorted(heard), "a burst that was flushed came again"
    assert len(set(heard)) >= len(levels) - 3


async def test_a_user_that_was_busy_hears_what_is_left_in_order(
    engine: ProcessEngine, stream: ProcessStream
) -> None:
    """A ring holds 1.28 s of two things: the oldest of a longer stall are dropped, and counted."""
    heard: list[PlayedFrame] = []
    stream.subscribe(heard.append)
    recorded: list[RecordedTick] = []
    stream.record(recorded.append)
    await until(lambda: len(heard) >= 3)

    time.sleep(2.4)  # noqa: ASYNC251  the fault under test
    before = recorded[-1].at
    heard.clear()
    recorded.clear()
    await until(lambda: bool(heard))

    assert 50 <= len(heard) <= 64
    assert 94 <= stream.lost_audio <= 144
    missed = (recorded[0].at - before) / 0.02 - 1
    assert missed == pytest.approx(stream.lost_audio / 2, abs=1), "ticks keep their times"


async def test_a_killed_worker_leaves_its_call_in_noise_until_the_supervisor_ends_it(
    engine: ProcessEngine, phone: Phone
) -> None:
    orphaned: list[int] = []
    engine.on_orphaned = orphaned.extend
    with working(engine, phone) as worker:
        port = await first_number(worker)
        await phone.hears(10, lambda packet: not is_noise(packet))

        worker.kill()
        await until(lambda: bool(orphaned))
    await asyncio.sleep(0.1)
    phone.received()
    await asyncio.sleep(1)
    packets = phone.received()

    assert orphaned == [port]
    assert 48 <= len(packets) <= 52
    assert all(is_noise(packet) for packet in packets)
    engine.close_orphan(port)
    await phone.hears_nothing()


async def test_a_call_whose_worker_was_killed_goes_on_with_another_user(
    engine: ProcessEngine, phone: Phone
) -> None:
    orphaned: list[int] = []
    engine.on_orphaned = orphaned.extend
    with working(engine, phone) as worker:
        port = await first_number(worker)
        worker.kill()
        await until(lambda: bool(orphaned))

    adopted = await engine.adopt(port)
    assert adopted.port == port
    heard: list[PlayedFrame] = []
    adopted.subscribe(heard.append)
    packets = await phone.hears(3, is_noise)
    before = adopted.played_samples
    await adopted.write(LOUD * 2)
    await adopted.drained()
    await until(lambda: len(heard) >= 3)

    assert adopted.played_samples - before == 2 * FRAME
    spoken = [packet for packet in phone.received() if not is_noise(packet)]
    assert len(spoken) == 2
    assert {packet.ssrc for packet in spoken} == {packets[-1].ssrc}
    with pytest.raises(MediaUnavailable, match="no such orphan"):
        await engine.adopt(port)


async def test_the_media_process_does_not_outlive_its_supervisor(phone: Phone) -> None:
    with started(SUPERVISOR, str(phone.port)) as supervisor:
        media = psutil.Process(await first_number(supervisor))
        await phone.hears(3, is_noise)
        supervisor.kill()

    await until(lambda: is_gone(media))
    phone.received()
    await asyncio.sleep(0.06)
    assert phone.received() == []


async def test_signals_of_the_terminal_are_the_supervisors_to_decide_on(
    media: MediaProcess, stream: ProcessStream
) -> None:
    assert media.pid is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(media.pid, number)
    sent = stream.stats.sent
    await until(lambda: stream.stats.sent > sent + 5)

    assert stream.failed is None
