"""A user of the media process: its channel, its memory, and which of its streams want something."""

import contextlib
import os
import socket
from collections.abc import Callable, Sequence

from transports.process.channel import Channel, Message
from transports.process.hosted import HostedStream
from transports.process.layout import CLOCK, Slot, clock_ring, map_memory, slot_memory
from transports.process.ring import RingWriter
from transports.process.watch import Watch

__all__ = ["User"]


class User:
    """Whoever holds the other end of a channel.

    Attributes:
        streams: By the number that the user gave.
        channel: What the user says comes from it, and it is answered there.

    Args:
        sock: Connected and non-blocking; closed here.
        put: Called with each message and its descriptors; without a message when the user has
            ended.
    """

    def __init__(
        self,
        sock: socket.socket,
        put: Callable[["User", Message | None, Sequence[int]], None],
    ) -> None:
        self.streams: dict[int, HostedStream] = {}
        self.channel = Channel(
            sock,
            lambda message, descriptors: put(self, message, descriptors),
            lambda: put(self, None, ()),
        )
        self._memory: memoryview | None = None
        self._watched: tuple[HostedStream, ...] = ()
        self._watch = Watch(memoryview(b""), ())
        self._clock: RingWriter | None = None
        self._doorbell = -1

    def attach(self, message: Message, descriptors: list[int]) -> None:
        """Take the shared memory, and what to wake the user with.

        Args:
            message: As it came.
            descriptors: Of both; what is kept is taken out of the list.
        """
        memory, doorbell = descriptors
        if self._memory is not None:
            raise ValueError("attached already")
        mapped = map_memory(memory)
        self._watch = Watch(mapped, ())
        self._memory = mapped
        self._doorbell = doorbell
        descriptors.remove(doorbell)
        self._clock = RingWriter(clock_ring(self._memory, message["key"]))

    def own(self, number: int, hosted: HostedStream) -> None:
        """Take a stream over."""
        self.streams[number] = hosted
        self._watch_all()

    def disown(self, number: int) -> None:
        """Give a stream up."""
        del self.streams[number]
        self._watch_all()

    def asking(self) -> list[HostedStream]:
        """Return the streams for which something may have been written or decided."""
        watched = self._watched
        return [watched[index] for index in self._watch.look()] if watched else []

    def slot(self, message: Message) -> Slot:
        """Return the slot that a message names."""
        assert self._memory is not None  # noqa: S101  the first message brought it
        return Slot(slot_memory(self._memory, message["slot"]), message["key"])

    def ring(self) -> None:
        """Say that everything of this tick is in the rings."""
        if self._doorbell >= 0:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_write(self._doorbell, 1)

    def tell_lateness(self, ticks: Sequence[float]) -> None:
        """Publish how late the clock was."""
        if self._clock is not None:
            for lateness in ticks:
                self._clock.put(CLOCK.pack(lateness))

    def close(self) -> None:
        """Let go of the channel and the eventfd."""
        self.channel.close()
        if self._doorbell >= 0:
            os.close(self._doorbell)
            self._doorbell = -1

    def _watch_all(self) -> None:
        assert self._memory is not None  # noqa: S101  streams are in it
        self._watched = tuple(self.streams.values())
        self._watch = Watch(self._memory, [hosted.readers for hosted in self._watched])
