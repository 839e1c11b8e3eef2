"""A user's connection to a media process: its memory, its slots and its streams."""

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import Callable, Sequence
from typing import Any

from loguru import logger

from transports import errors
from transports.errors import MediaUnavailable, PortsExhausted, TransportError
from transports.params import StreamOptions
from transports.process.channel import Channel, Message, close_all
from transports.process.host import OPTIONS
from transports.process.layout import (
    CLOCK,
    Slot,
    clear_slot,
    clock_ring,
    fingerprint,
    map_memory,
    memory_bytes,
    slot_memory,
)
from transports.process.ring import RingReader
from transports.process.stream import ProcessStream
from transports.rtp.stats import StreamStats

__all__ = ["Connection"]

ANSWER_SECONDS = 10.0
"""How long the media process may take to answer; starting Python takes a good second of them."""


STILL_SECONDS = 1.0
STILL_CHECKS = 3
"""A media process that has not ticked at so many looks in a row is given up; counted in looks, so
that a stall of our own loop, after which it looks once, is not held against it."""


class Connection:
    """One life of a media process. When it has ended, all of its streams have failed.

    Attributes:
        streams: The open ones, oldest first.
        scheduling: How the media process is ranked; known once it is ready.
        ended: Whether the media process has gone, or :meth:`close` was called.

    Args:
        sock: From the media process; the caller's to close if this raises.
        slots: How many streams there is room for.
        on_tick: Called every 20 ms when all streams have told what they heard, with how late the
            ticks were that came since.
        on_closed: Called with each stream whose last counters have come.
        on_orphaned: Called with the ports of calls whose user has ended.
        on_end: Called if the media process ends by itself, or stands still.

    Raises:
        OSError: No descriptors or no memory are left.
    """

    def __init__(
        self,
        sock: socket.socket,
        slots: int,
        *,
        on_tick: Callable[[Sequence[float]], None],
        on_closed: Callable[[ProcessStream], None],
        on_orphaned: Callable[[Sequence[int]], None],
        on_end: Callable[[], None],
    ) -> None:
        self.streams: dict[int, ProcessStream] = {}
        self.scheduling = "unknown"
        self.ended = False
        self._on_tick = on_tick
        self._on_closed = on_closed
        self._on_orphaned = on_orphaned
        self._on_end = on_end
        self._free = list(reversed(range(slots)))
        self._slots: dict[int, int] = {}
        self._closing: dict[int, ProcessStream] = {}
        self._answers: dict[int, asyncio.Future[Message]] = {}
        self._numbers = 0
        self._all_closed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._key = secrets.randbits(32)
        descriptor = os.memfd_create("voiceai-media")
        try:
            os.ftruncate(descriptor, memory_bytes(slots))
            self._memory = map_memory(descriptor)
            self._clock = RingReader(clock_ring(self._memory, self._key))
            self._doorbell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            self._loop.add_reader(self._doorbell, self._on_doorbell)
            self._still = 0
            self._watch: asyncio.TimerHandle | None = None
            self._channel = Channel(sock, self._on_message, self._lost)
            attach = {"do": "attach", "key": self._key, "fingerprint": fingerprint()}
            self._channel.send(attach, [descriptor, self._doorbell])
        finally:
            os.close(descriptor)

    @property
    def closing(self) -> Sequence[ProcessStream]:
        """Streams that were closed and whose last counters have not come yet."""
        return tuple(self._closing.values())

    async def ready(self) -> None:
        """Wait until the media process runs.

        Raises:
            PortsExhausted: It could open no stream: the port range is used up.
            AddressUnavailable: Nor one: the address to bind is not one of this machine.
            MediaUnavailable: It has ended, or does not answer.
        """
        self.scheduling = _granted(await self._answer(0))["scheduling"]
        self._watch = self._loop.call_later(STILL_SECONDS, self._check)

    async def open_stream(self, options: StreamOptions) -> ProcessStream:
        """Open a stream; raises as :meth:`transports.media.MediaEngine.open_stream` does."""
        return await self._take({"do": "open", "options": OPTIONS.dump_json(options).decode()})

    async def adopt(self, port: int) -> ProcessStream:
        """Go on with the call of a user that has ended.

        Raises:
            MediaUnavailable: There is no such orphan, or no media process.
        """
        return await self._take({"do": "adopt", "orphan": port})

    def end_orphan(self, port: int) -> None:
        """End the call of a user that has ended."""
        self._channel.send({"do": "end_orphan", "orphan": port})

    def admit(self, sock: socket.socket) -> None:
        """Let another user connect through the other end of ``sock``."""
        self._channel.send({"do": "admit"}, [sock.fileno()])

    async def close(self, patience: float) -> None:
        """Close all streams, wait so many seconds for their last counters, and hang up."""
        for stream in tuple(self.streams.values()):
            stream.close()
        if self._closing and not self.ended:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._all_closed.wait()
        self._end()

    async def _take(self, message: Message) -> ProcessStream:
        if not self._free:
            raise PortsExhausted(f"there is memory for {len(self._slots)} streams")
        slot = self._free.pop()
        self._numbers += 1
        number, key = self._numbers, secrets.randbits(32)
        self._slots[number] = slot
        self._channel.send({**message, "stream": number, "slot": slot, "key": key})
        try:
            answer = await self._answer(number)
        except BaseException:
            self._channel.send({"do": "close", "stream": number})  # that frees the slot
            raise
        if answer["is"] == "refused":
            self._free.append(self._slots.pop(number))
        opened = _granted(answer)
        if self.ended:  # between the answer and now
            raise MediaUnavailable("the media process has ended")

        def send(action: str, **fields: Any) -> None:
            self._channel.send({"do": action, "stream": number, **fields})

        stream = ProcessStream(
            Slot(slot_memory(self._memory, slot), key),
            opened,
            send,
            lambda stream: self._close(number, stream),
        )
        self.streams[number] = stream
        return stream

    async def _answer(self, number: int) -> Message:
        """Wait for the answer to a request."""
        if self.ended:
            raise MediaUnavailable("the media process has ended")
        future: asyncio.Future[Message] = self._loop.create_future()
        self._answers[number] = future
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await future
        except TimeoutError:
            raise MediaUnavailable("the media process does not answer") from None
        finally:
            self._answers.pop(number, None)

    def _close(self, number: int, stream: ProcessStream) -> None:
        del self.streams[number]
        if self.ended:
            self._on_closed(stream)
            return
        self._closing[number] = stream
        self._all_closed.clear()
        self._channel.send({"do": "close", "stream": number})

    def _on_message(self, message: Message, descriptors: Sequence[int]) -> None:
        close_all(descriptors)  # none is expected
        number = message.get("stream", 0)
        match message["is"]:
            case "ready" | "opened" | "refused":
                future = self._answers.get(number)
                if future is not None and not future.done():
                    future.set_result(message)
            case "closed":
                slot = self._slots.pop(number)
                clear_slot(self._memory, slot)
                self._free.append(slot)
                stream = self._closing.pop(number, None)
                if stream is not None:
                    stream.settle(StreamStats(*message["stats"]))
                    self._on_closed(stream)
                if not self._closing:
                    self._all_closed.set()
            case "failed" | "digit" | "peer_left":
                if number in self.streams:
                    self.streams[number].tell(message)
            case "orphaned":
                self._on_orphaned([port for port, _ in message["streams"]])
            case "log":
                logger.log(message["level"], "{}", message["message"])
            case unknown:
                logger.error("media.message_unknown: {}", unknown)

    def _on_doorbell(self) -> None:
        try:
            os.eventfd_read(self._doorbell)
        except BlockingIOError:
            return
        self._still = 0
        streams = tuple(self.streams.values())
        for stream in streams:
            stream.progressed()
        for stream in streams:
            stream.hear()
        lateness = []
        while (record := self._clock.take()) is not None:
            lateness.append(CLOCK.unpack(record)[0])
        self._on_tick(lateness)

    def _check(self) -> None:
        """Give up a media process that stands still."""
        self._still += 1
        if self._still > STILL_CHECKS:
            logger.error("media.process_stands_still")
            self._lost()
        else:
            self._watch = self._loop.call_later(STILL_SECONDS, self._check)

    def _lost(self) -> None:
        if self.ended:
            return
        self._end()
        self._on_end()

    def _end(self) -> None:
        """Hang up; whatever waits for the media process, waits no longer."""
        if self.ended:
            return
        self.ended = True
        if self._watch is not None:
            self._watch.cancel()
        self._channel.close()
        self._loop.remove_reader(self._doorbell)
        os.close(self._doorbell)
        error = MediaUnavailable("the media process has ended")
        for future in self._answers.values():
            if not future.done():
                future.set_exception(error)
        for stream in self.closing:
            self._on_closed(stream)
        self._closing.clear()
        self._all_closed.set()
        for stream in tuple(self.streams.values()):
            stream.fail(error)


def _granted(answer: Message) -> Message:
    """Return an answer that is no refusal; raise what it refuses with."""
    if answer["is"] == "refused":
        error: type[TransportError] = getattr(errors, answer["error"])
        raise error(answer["message"])
    return answer
