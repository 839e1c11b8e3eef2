"""The media process dies, or stands still, or is another one: what becomes of its streams."""

import asyncio
import os
import signal
import sys

import psutil
import pytest

from tests.support.media_process import LOUD, PARAMS
from tests.support.streams import Phone
from tests.support.waiting import until
from transports.errors import MediaUnavailable
from transports.process.child import MediaProcess
from transports.process.engine import ProcessEngine
from transports.process.stream import ProcessStream

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs memfd and eventfd")


async def test_a_killed_media_process_fails_its_streams_and_comes_back(
    engine: ProcessEngine, media: MediaProcess, stream: ProcessStream, phone: Phone
) -> None:
    failed: list[object] = []
    stream.on_failed = failed.append
    writing = asyncio.ensure_future(stream.write(LOUD * 100))
    await until(lambda: stream.stats.sent >= 10)
    first = media.pid
    assert first is not None

    os.kill(first, signal.SIGKILL)
    await until(lambda: bool(failed))

    assert failed == [stream]
    assert isinstance(stream.failed, MediaUnavailable)
    assert await writing is False
    assert engine.problem is not None
    with pytest.raises(MediaUnavailable, match="started again"):
        await engine.open_stream()
    stream.close()
    assert engine.totals.counts["sent"] >= 5

    await until(lambda: engine.problem is None)
    assert media.pid != first
    assert not psutil.pid_exists(first)
    phone.received()
    again = await engine.open_stream()
    again.connect(("127.0.0.1", phone.port))
    await until(lambda: again.stats.sent >= 3)
    assert len(phone.received()) >= 3
    assert engine.streams == (again,)


async def test_a_stream_that_broke_counts_until_and_after_it_is_closed(
    engine: ProcessEngine, media: MediaProcess, stream: ProcessStream
) -> None:
    """It was forgotten once the media process was there again: counters ran backwards."""
    await until(lambda: stream.stats.sent >= 10)
    assert media.pid is not None
    os.kill(media.pid, signal.SIGKILL)
    await until(lambda: stream.failed is not None)
    await until(lambda: engine.problem is None)

    assert list(engine.streams) == [stream]
    assert engine.totals.counts["sent"] >= 10
    stream.close()
    assert not list(engine.streams)
    assert engine.totals.counts["sent"] >= 10


async def test_a_request_that_the_media_process_does_not_survive_fails(
    engine: ProcessEngine, media: MediaProcess
) -> None:
    assert media.pid is not None
    os.kill(media.pid, signal.SIGSTOP)
    opening = asyncio.ensure_future(engine.open_stream())
    await asyncio.sleep(0.05)

    os.kill(media.pid, signal.SIGKILL)

    with pytest.raises(MediaUnavailable):
        await opening
    await until(lambda: engine.problem is None)
    assert (await engine.open_stream()).port


async def test_a_media_process_that_stands_still_is_replaced(
    engine: ProcessEngine, media: MediaProcess, stream: ProcessStream
) -> None:
    first = media.pid
    assert first is not None

    os.kill(first, signal.SIGSTOP)
    await until(lambda: isinstance(stream.failed, MediaUnavailable), within=6)

    await until(lambda: engine.problem is None, within=6)
    assert media.pid != first
    assert not psutil.pid_exists(first)


async def test_a_media_process_of_another_version_is_told_from_one_that_is_broken(
    engine: ProcessEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transports.process.connection.fingerprint", lambda: 1)
    other = ProcessEngine(MediaProcess(PARAMS), slots=2)

    with pytest.raises(MediaUnavailable, match="start it again"):
        await other.start()
