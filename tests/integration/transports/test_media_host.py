"""What users tell the media process, sense or not: it goes on, and keeps nothing of theirs."""

import asyncio
import errno
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.processes import copies
from tests.support.waiting import until
from transports.inline.stream import InlineStream
from transports.params import RtpParams
from transports.process import host
from transports.process.channel import socket_pair
from transports.process.host import MediaHost
from transports.process.layout import (
    PROGRESS,
    WRITTEN,
    Progress,
    Slot,
    WrittenKind,
    fingerprint,
    map_memory,
    memory_bytes,
    slot_memory,
)
from transports.udp.ports import PortPairs

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs memfd and eventfd")

PARAMS = RtpParams(port_min=19970, port_max=19981)
OPTIONS = '{"rtcp":false}'


class User:
    """The other end of a media process's socket: it says what it likes."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.memory = memoryview(b"")
        self._answers: list[dict[str, Any]] = []

    def say(self, message: object, *descriptors: int) -> None:
        """Send a message, or bytes as they are; the descriptors stay ours."""
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        socket.send_fds(self.socket, [data], descriptors)

    def attach(self) -> None:
        """Bring memory and an eventfd."""
        memory, doorbell = os.memfd_create("test"), os.eventfd(0)
        os.ftruncate(memory, memory_bytes(4))
        self.memory = map_memory(memory)
        self.say({"do": "attach", "key": 1, "fingerprint": fingerprint()}, memory, doorbell)
        os.close(memory)
        os.close(doorbell)

    async def hears(self, kind: str) -> dict[str, Any]:
        """Return the next message of a kind; others are forgotten."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(5):
            while True:
                message: dict[str, Any] = json.loads(await loop.sock_recv(self.socket, 65536))
                if message["is"] == kind:
                    return message

    async def open(self, number: int, slot: int = 0) -> dict[str, Any]:
        """Open a stream; return what it is."""
        self.say({"do": "open", "stream": number, "slot": slot, "key": 9, "options": OPTIONS})
        return await self.hears("opened")


@pytest.fixture
async def supervisor() -> AsyncIterator[User]:
    ours, theirs = socket_pair()
    running = asyncio.ensure_future(MediaHost(PARAMS, "normal").run(theirs))
    user = User(ours)
    user.attach()
    await user.hears("ready")
    yield user
    ours.close()
    async with asyncio.timeout(5):
        await running


async def admitted(supervisor: User) -> User:
    """Return another user, ready."""
    ours, theirs = socket_pair()
    supervisor.say({"do": "admit"}, theirs.fileno())
    theirs.close()
    user = User(ours)
    user.attach()
    await user.hears("ready")
    return user


@pytest.mark.parametrize(
    "message",
    [
        b"{",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"[" * 50_000,
        {},
        {"do": "open"},
        {"do": "open", "stream": 2, "slot": 1, "key": 5, "options": "nonsense"},
        {"do": "open", "stream": 2, "slot": 99, "key": 5, "options": OPTIONS},
        {"do": "close", "stream": []},
        {"do": "connect", "stream": 1, "host": "nowhere", "port": -1},
        {"do": "dance", "stream": 1},
        {"do": "admit"},
        {"do": "attach", "key": 1, "fingerprint": 1},
    ],
)
async def test_nonsense_costs_no_call_and_no_descriptor(supervisor: User, message: object) -> None:
    await supervisor.open(1)
    memory = os.memfd_create("not-asked-for")

    for _ in range(3):
        supervisor.say(message, memory, memory)
    supervisor.say({"do": "close", "stream": 1})
    closed = await supervisor.hears("closed")

    assert closed["stream"] == 1
    assert copies("not-asked-for") == 1
    os.close(memory)


async def test_a_call_whose_counters_cannot_be_told_breaks_alone(
    supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = [await supervisor.open(number, number) for number in (0, 1)]
    counted: property = vars(InlineStream)["stats"]

    def broken(stream: InlineStream) -> object:
        if stream.port == first["port"]:
            raise OverflowError
        return counted.__get__(stream)

    monkeypatch.setattr(InlineStream, "stats", property(broken))
    failed = await supervisor.hears("failed")
    monkeypatch.undo()

    assert failed["stream"] == 0
    supervisor.say({"do": "close", "stream": 1})
    assert (await supervisor.hears("closed"))["stream"] == 1
    assert first["port"] != second["port"]


async def test_progress_is_told_when_there_is_some_and_not_in_every_tick(supervisor: User) -> None:
    await supervisor.open(1)
    slot = Slot(slot_memory(supervisor.memory, 0), 9)
    supervisor.say({"do": "connect", "stream": 1, "host": "127.0.0.1", "port": 9})
    await until(lambda: slot.sent[0] > 0)
    slot.progress.news()

    packets = slot.sent[0]
    await until(lambda: slot.sent[0] > packets + 10)
    assert not slot.progress.has_news

    slot.written_writer().put(WRITTEN.pack(0, WrittenKind.AUDIO) + bytes(320))
    await until(lambda: slot.progress.has_news)
    assert slot.progress.news() is not None


async def test_progress_says_that_speech_has_ended(supervisor: User) -> None:
    await supervisor.open(1)
    slot = Slot(slot_memory(supervisor.memory, 0), 9)
    supervisor.say({"do": "connect", "stream": 1, "host": "127.0.0.1", "port": 9})
    told: list[Progress] = []

    def tells(speaking: bool) -> bool:
        news = slot.progress.news()
        if news is not None:
            told.append(Progress._make(PROGRESS.unpack(news)))
        return bool(told) and told[-1].speaking == speaking and told[-1].played == 320

    slot.written_writer().put(WRITTEN.pack(0, WrittenKind.AUDIO) + bytes(640))
    await until(lambda: tells(speaking=True))
    await until(lambda: tells(speaking=False))

    assert told[-1].done == 320
    assert told[-1].speeches == 1


async def test_a_slot_that_there_is_not_takes_no_ports(supervisor: User) -> None:
    for number in range(10):
        wrong = {"do": "open", "stream": number, "slot": 99, "key": 5, "options": OPTIONS}
        supervisor.say(wrong)

    assert (await supervisor.open(20))["port"]


async def test_says_at_once_that_no_descriptors_are_left(
    supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(PortPairs, "open", refused)

    supervisor.say({"do": "open", "stream": 1, "slot": 0, "key": 9, "options": OPTIONS})

    refusal = await supervisor.hears("refused")
    assert (refusal["stream"], refusal["error"]) == (1, "MediaUnavailable")
    assert "Too many open files" in refusal["message"]


async def test_a_call_that_nobody_decides_about_ends_by_itself(
    supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "ORPHAN_SECONDS", 0.1)
    monkeypatch.setattr(host, "SUPERVISOR_CHECK", 0.02)
    supervisor.say({"do": "nothing"})  # so that the look in progress ends
    worker = await admitted(supervisor)
    port = (await worker.open(1))["port"]

    worker.socket.close()

    assert (await supervisor.hears("orphaned"))["streams"] == [[port, port]]
    await until(lambda: is_free(port))
    supervisor.say({"do": "adopt", "orphan": port, "stream": 1, "slot": 0, "key": 9})
    assert (await supervisor.hears("refused"))["message"] == "there is no such orphan"


async def test_an_orphan_that_cannot_be_adopted_is_still_there(supervisor: User) -> None:
    worker = await admitted(supervisor)
    port = (await worker.open(1))["port"]
    worker.socket.close()
    await supervisor.hears("orphaned")

    supervisor.say({"do": "adopt", "orphan": port, "stream": 1, "slot": 99, "key": 9})
    supervisor.say({"do": "adopt", "orphan": port, "stream": 2, "slot": 0, "key": 9})

    assert (await supervisor.hears("opened"))["port"] == port


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((PARAMS.host, port))
        except OSError:
            return False
    return True
