"""A user's connection, with a media process that the test plays."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence

import pytest

from transports.params import StreamOptions
from transports.process.channel import Channel, Message, socket_pair
from transports.process.connection import Connection
from transports.process.layout import PROGRESS, Progress, Slot, map_memory, slot_memory
from transports.process.stream import NO_STATS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs memfd and eventfd")


class MediaProcess:
    """Opens and closes what it is told to, with the memory that it was given."""

    def __init__(self) -> None:
        self.memory = memoryview(b"")
        self.slots: list[Slot] = []
        self.ours, theirs = socket_pair()
        self._channel = Channel(theirs, self._obey, lambda: None)

    def close(self) -> None:
        """Hang up."""
        self._channel.close()

    def _obey(self, message: Message, descriptors: Sequence[int]) -> None:
        match message["do"]:
            case "attach":
                self.memory = map_memory(descriptors[0])
                self._channel.send({"is": "ready", "scheduling": "normal"})
            case "open":
                slot = slot_memory(self.memory, message["slot"])
                self.slots.append(Slot(slot, message["key"]))
                law = {"codec": "alaw", "receive_codec": "alaw"}
                opened = {"is": "opened", "host": "127.0.0.1", "port": 4000, **law}
                self._channel.send({**opened, "stream": message["stream"]})
            case "close":
                last = {"is": "closed", "stats": list(NO_STATS)}
                self._channel.send({**last, "stream": message["stream"]})
            case unexpected:
                raise ValueError(unexpected)
        for descriptor in descriptors:
            os.close(descriptor)


@pytest.fixture
async def media() -> AsyncIterator[MediaProcess]:
    process = MediaProcess()
    yield process
    process.close()


async def test_a_slot_that_is_used_again_shows_nothing_of_its_last_stream(
    media: MediaProcess,
) -> None:
    closed = asyncio.Event()
    connection = Connection(
        media.ours,
        1,
        on_tick=lambda _: None,
        on_closed=lambda _: closed.set(),
        on_orphaned=lambda _: None,
        on_end=lambda: None,
    )
    await connection.ready()
    stream = await connection.open_stream(StreamOptions())
    stream.hold()
    stream.release()
    await stream.write(bytes(640))
    (first,) = media.slots
    assert first.control.has_news
    assert first.written_reader().has_more
    first.heard_writer().put(b"heard")
    first.progress.set(PROGRESS.pack(*Progress(taken=1)))

    stream.close()
    async with asyncio.timeout(5):
        await closed.wait()
    again = await connection.open_stream(StreamOptions())

    _, second = media.slots
    assert not second.control.has_news
    assert not second.written_reader().has_more
    assert not second.heard_reader().has_more
    assert not second.progress.has_news
    again.close()
    await connection.close(1.0)
