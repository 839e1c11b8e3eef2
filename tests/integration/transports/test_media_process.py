"""The media process dies, its users die or are busy: what becomes of calls and processes."""

import asyncio
import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import psutil
import pytest

from tests.support.processes import is_gone
from transports.audio.codec import Codec
from transports.audio.level import level_dbfs
from transports.errors import MediaUnavailable, PortsExhausted
from transports.params import RtpParams
from transports.process.child import MediaProcess
from transports.process.engine import ProcessEngine
from transports.process.stream import ProcessStream
from transports.rtp.events import PlayedFrame
from transports.rtp.packet import RtpPacket
from transports.rtp.tape import RecordedTick

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs memfd and eventfd")

ROOT = Path(__file__).parents[3]
PARAMS = RtpParams(port_min=19900, port_max=19941, placement="process")
FRAME = 160
LOUD = b"\x00\x20\x00\xe0" * (FRAME // 2)

WORKER = """
import asyncio, socket, sys
from transports.process.engine import ProcessEngine

class Inherited:
    async def start(self):
        return socket.socket(fileno=int(sys.argv[1]))
    async def end(self):
        pass

async def main():
    engine = ProcessEngine(Inherited(), slots=4)
    await engine.start()
    stream = await engine.open_stream()
    stream.connect(("127.0.0.1", int(sys.argv[2])))
    print(stream.port, flush=True)
    while True:
        await stream.write(b"\\x00\\x20\\x00\\xe0" * 8000)

asyncio.run(main())
"""

SUPERVISOR = """
import asyncio, sys
from transports.params import RtpParams
from transports.process.child import MediaProcess
from transports.process.engine import ProcessEngine

async def main():
    way_in = MediaProcess(RtpParams(port_min=19950, port_max=19961))
    engine = ProcessEngine(way_in, slots=4)
    await engine.start()
    stream = await engine.open_stream()
    stream.connect(("127.0.0.1", int(sys.argv[1])))
    print(way_in.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


class Phone:
    """A socket that hears."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0)

    @property
    def port(self) -> int:
        port: int = self.socket.getsockname()[1]
        return port

    def received(self) -> list[RtpPacket]:
        """Take the packets that have come since."""
        packets = []
        while True:
            try:
                packets.append(RtpPacket.parse(self.socket.recv(2048)))
            except BlockingIOError:
                return packets

    async def hears(self, count: int, kind: Callable[[RtpPacket], bool]) -> list[RtpPacket]:
        """Return the packets of a kind once so many have come; others are forgotten."""
        packets: list[RtpPacket] = []
        async with asyncio.timeout(5):
            while len(packets) < count:
                await asyncio.sleep(0.005)
                packets += filter(kind, self.received())
        return packets

    async def hears_nothing(self) -> None:
        """Return when no packet has come for a tenth of a second."""
        async with asyncio.timeout(5):
            await asyncio.sleep(0.1)
            while self.received():  # noqa: ASYNC110 - what does not come tells nobody
                await asyncio.sleep(0.1)


def started(code: str, *arguments: str, inherits: Sequence[int] = ()) -> "subprocess.Popen[bytes]":
    """Start a Python program."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, pass_fds=inherits)


@contextlib.contextmanager
def working(engine: ProcessEngine, phone: Phone) -> Iterator["subprocess.Popen[bytes]"]:
    """Another process that talks to the phone through our media process."""
    with (
        engine.admit() as way_in,
        started(
            WORKER, str(way_in.fileno()), str(phone.port), inherits=[way_in.fileno()]
        ) as worker,
    ):
        way_in.close()
        try:
            yield worker
        finally:
            worker.kill()


async def first_number(process: "subprocess.Popen[bytes]") -> int:
    """Return what it prints when it is set up."""
    assert process.stdout is not None
    return int(await asyncio.to_thread(process.stdout.readline))


def is_noise(packet: RtpPacket) -> bool:
    return level_dbfs(Codec.ALAW.decode(packet.payload)) < -55


async def until(condition: Callable[[], bool], within: float = 5.0) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110  the engine has no event for it
            await asyncio.sleep(0.005)


@pytest.fixture
def phone() -> Iterator[Phone]:
    phone = Phone()
    yield phone
    phone.socket.close()


@pytest.fixture
def media() -> MediaProcess:
    return MediaProcess(PARAMS)


@pytest.fixture
async def engine(media: MediaProcess) -> AsyncIterator[ProcessEngine]:
    engine = ProcessEngine(media, slots=32)
    await engine.start()
    yield engine
    await engine.close()


@pytest.fixture
async def stream(engine: ProcessEngine, phone: Phone) -> ProcessStream:
    stream = await engine.open_stream()
    stream.connect(("127.0.0.1", phone.port))
    return stream


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
