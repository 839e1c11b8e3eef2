"""What ``bench jitter`` measures: streams sent by the media engine, a timer, a sleep per call."""

import asyncio
import contextlib
import itertools
import random
import socket
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from typing import Any, Final, Literal

from pipecat.transports.websocket.server import SingleClientWebsocketServerOutputTransport

from transports.audio.codec import Codec
from transports.engine import MediaStream, make_engine
from transports.params import RtpParams
from transports.rtp.sender import Sender
from transports.scheduling import scheduling_class
from voiceai.bench.companion import Companion
from voiceai.bench.placement import Placement

__all__ = ["PipecatPacer", "Way", "beside", "half_busy", "sending"]

SLOT_SECONDS: Final = 0.02
SLOT_BYTES: Final = 320
SPEECH: Final = bytes(range(256)) * 125
"""Two seconds of anything: what it sounds like costs nothing."""
BUSY_SECONDS: Final = 0.005
"""At a time, and as long again idle: half a core of Python, in the pieces of a pipeline's work."""
HEAR_SECONDS: Final = 20.0

Way = Placement | Literal["bare", "sleep"]
"""How is sent: by the media engine there, by nothing but a timer, or by a sleep per stream."""


@contextlib.asynccontextmanager
async def sending(way: Way, count: int, port: int) -> AsyncIterator[str]:
    """Send so many streams to a port of this machine while inside.

    Args:
        way: By the media engine of that placement, ``bare`` or ``sleep``.
        count: Streams.
        port: Of the receiver.

    Yields:
        How the thread that sends is ranked.
    """
    match way:
        case "bare":
            by = _by_bare_timer(count, port)
        case "sleep":
            by = _by_sleep(count, port)
        case _:
            by = _by_engine(way, count, port)
    async with by as scheduling:
        yield scheduling


@contextlib.asynccontextmanager
async def half_busy() -> AsyncIterator[None]:
    """Keep the running loop busy half of the time, as a worker's pipelines would."""
    async with beside([_work()]):
        yield


@contextlib.asynccontextmanager
async def beside(work: Sequence[Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Run coroutines beside the block; its end is theirs."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(each) for each in work]
        try:
            yield
        finally:
            for task in running:
                task.cancel()


class PipecatPacer:
    """Paces packets as Pipecat's own websocket transports do: by their own method.

    Args:
        seconds: Of audio in a packet.
    """

    def __init__(self, seconds: float) -> None:
        self._next_send_time = 0.0
        self._send_interval = seconds

    async def sleep(self) -> None:
        """Wait after a packet was sent."""
        method: Any = SingleClientWebsocketServerOutputTransport._write_audio_sleep  # noqa: SLF001
        await method(self)

    def interrupt(self) -> None:
        """Forget the time of the next packet, as they do at an interruption."""
        self._next_send_time = 0.0


async def _work() -> None:
    while True:
        until = time.perf_counter() + BUSY_SECONDS
        while time.perf_counter() < until:
            sum(range(100))
        await asyncio.sleep(BUSY_SECONDS)


@contextlib.asynccontextmanager
async def _by_engine(placement: Placement, count: int, port: int) -> AsyncIterator[str]:
    engine = make_engine(RtpParams(placement=placement))
    await engine.start()
    try:
        streams = [await engine.open_stream() for _ in range(count)]
        for stream in streams:
            stream.connect(("127.0.0.1", port))
        async with beside([_write(stream) for stream in streams]):
            yield engine.scheduling
    finally:
        await engine.close()


async def _write(stream: MediaStream) -> None:
    for start in _starts():
        await stream.write(SPEECH[start : start + SLOT_BYTES])


@contextlib.asynccontextmanager
async def _by_bare_timer(count: int, port: int) -> AsyncIterator[str]:
    async with Companion("voiceai.bench.bare", {"count": count, "port": port}) as sender:
        yield (await sender.hear("sending", HEAR_SECONDS))["scheduling"]


@contextlib.asynccontextmanager
async def _by_sleep(count: int, port: int) -> AsyncIterator[str]:
    async with beside([_sleep_and_send(port) for _ in range(count)]):
        yield scheduling_class()


async def _sleep_and_send(port: int) -> None:
    sender = Sender(Codec.ALAW, random.SystemRandom())
    pacer = PipecatPacer(SLOT_SECONDS)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0)
        sock.connect(("127.0.0.1", port))
        for start in _starts():
            sender.write(SPEECH[start : start + SLOT_BYTES])
            sock.send(sender.next_packet().datagram)
            await pacer.sleep()


def _starts() -> Iterator[int]:
    return itertools.cycle(range(0, len(SPEECH) - SLOT_BYTES, SLOT_BYTES))
