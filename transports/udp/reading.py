"""When datagrams are read: as the event loop sees each, or all of an engine's at chosen moments.

A callback of the event loop for every packet costs more than reading it. On Linux the sockets of
an engine are therefore swept once or twice per tick, and the kernel says when each packet came.
"""

import asyncio
import contextlib
import select
import socket
import sys
import time
from collections.abc import Callable
from typing import Protocol

from transports.udp.inbox import (
    CONTROL_BYTES,
    DATAGRAM_BYTES,
    DO_NOT_WAIT,
    FIELDS,
    Inbox,
    spelled,
    stamp,
)

__all__ = ["OnArrival", "Reading", "Receive", "Sweep", "best_reading"]

READS_AT_ONCE = 256
"""Datagrams in a sweep, of one socket too, since a flood must not drown who speaks there; what is
still queued waits for the next sweep, so that packets leave in time."""

READS_PER_SOCKET = 4
"""And so many more for each: what all of them send by right, if all are flooded at once."""

OFFSET_TRIES = 3
OFFSET_SECONDS = 50e-6
"""Two clocks that were read within it were read at once."""

Receive = Callable[[bytes, tuple[str, int], float], object]


class Reading(Protocol):
    """Reads sockets, and hands on what has come."""

    def add(self, sock: socket.socket, receive: Receive) -> None:
        """Read a socket from now on.

        Args:
            sock: Bound and non-blocking.
            receive: Called with each datagram, its numeric source (host, port), and when it
                came in monotonic seconds. Must not raise.
        """

    def remove(self, sock: socket.socket) -> None:
        """Stop reading a socket, which is still open."""

    def sweep(self, due: int) -> None:
        """Hand on what waits. Call once per tick, at least.

        Args:
            due: Ticks since the last time; more than one after a stall.
        """

    def close(self) -> None:
        """Read no more. Idempotent."""


def best_reading() -> Reading:
    """Return what costs least here and still knows when each packet came."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return Sweep()
    return OnArrival()


class OnArrival:
    """Reads each datagram when the event loop sees it; its time is that of the read."""

    __slots__ = ("_loop", "_receivers")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._receivers: dict[socket.socket, Receive] = {}

    def add(self, sock: socket.socket, receive: Receive) -> None:
        """Read a socket from now on."""
        self._receivers[sock] = receive
        self._loop.add_reader(sock.fileno(), self._read_one, sock, receive)

    def remove(self, sock: socket.socket) -> None:
        """Stop reading a socket, which is still open."""
        if self._receivers.pop(sock, None) is not None:
            self._loop.remove_reader(sock.fileno())

    def sweep(self, due: int) -> None:
        """Hand on what came during a stall, before its turn has passed."""
        if due == 1:
            return
        for sock, receive in tuple(self._receivers.items()):
            for _ in range(READS_AT_ONCE):
                if sock not in self._receivers or not self._read_one(sock, receive):
                    break

    def close(self) -> None:
        """Read no more. Idempotent."""
        for sock in tuple(self._receivers):
            self.remove(sock)

    def _read_one(self, sock: socket.socket, receive: Receive) -> bool:
        """Hand on a datagram, if there is one; a second attempt would mostly be for nothing."""
        try:
            data, address = sock.recvfrom(DATAGRAM_BYTES)
        except OSError:
            return False  # nothing there, or an ICMP error of an earlier datagram
        receive(data, address[:2], time.monotonic())
        return True


class _Source:
    """A socket of a sweep: whom to hand its datagrams to, and who sent the last one."""

    __slots__ = ("address", "name", "receive")

    def __init__(self, receive: Receive) -> None:
        self.receive = receive
        self.name = b""  # as the kernel has it
        self.address = ("", 0)


class Sweep:
    """Reads all sockets when it is told to, one datagram of each in turn.

    Raises:
        OSError: The system cannot poll or cannot stamp datagrams so.
    """

    def __init__(self) -> None:
        self._sources: dict[int, _Source] = {}  # by descriptor
        self._inbox = Inbox()
        self._family: int | None = None  # of the sockets, since an inbox is for one
        self._emptied_at = time.monotonic()
        # Stamping begins a moment after the first socket asks for it: this one has asked by then.
        self._stamped = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            stamp(self._stamped)
            self._poll = select.epoll()
        except OSError:
            self._stamped.close()
            raise

    def add(self, sock: socket.socket, receive: Receive) -> None:
        """Read a socket from now on, of the same address family as the others."""
        if self._family not in (None, sock.family):
            raise ValueError(f"{sock} is of another address family than the sockets before")
        self._family = sock.family
        stamp(sock)
        self._poll.register(sock.fileno(), select.EPOLLIN)
        self._sources[sock.fileno()] = _Source(receive)

    def remove(self, sock: socket.socket) -> None:
        """Stop reading a socket, which is still open; also from within a sweep."""
        if self._sources.pop(sock.fileno(), None) is not None:
            self._poll.unregister(sock.fileno())

    def sweep(self, due: int) -> None:
        """Hand on what has come, each with the time at which the kernel got it."""
        offset = _monotonic_offset()
        left = due * (READS_AT_ONCE + READS_PER_SOCKET * len(self._sources))
        while left > 0:
            looked_at = time.monotonic()
            ready = self._poll.poll(0)
            if not ready:
                self._emptied_at = looked_at
                return
            self._read(ready, offset)
            left -= len(ready)

    def close(self) -> None:
        """Read no more. Idempotent."""
        self._sources.clear()
        self._poll.close()
        self._stamped.close()

    def _read(self, ready: list[tuple[int, int]], offset: float) -> None:
        """Hand on one datagram of each of these descriptors."""
        earliest, latest = self._emptied_at, time.monotonic()
        inbox, unpack_from = self._inbox, FIELDS.unpack_from
        take, pointer, message, data = inbox.receive, inbox.pointer, inbox.message, inbox.data
        for descriptor, _ in ready:
            source = self._sources.get(descriptor)
            if source is None:
                continue  # another's receiver closed it
            length = take(descriptor, pointer, DO_NOT_WAIT)
            if length < 0:
                continue  # its checksum was wrong, or an ICMP error of an earlier datagram
            control_bytes, name, seconds, nanoseconds = unpack_from(message)
            if name != source.name:
                source.name, source.address = name, spelled(name)
            arrived_at = latest
            if control_bytes == CONTROL_BYTES:
                stamped = seconds + nanoseconds * 1e-9 + offset
                if stamped < earliest:  # the time of day was set meanwhile
                    arrived_at = earliest
                elif stamped < latest:
                    arrived_at = stamped
            else:
                message.control_bytes = CONTROL_BYTES
            receive = source.receive
            receive(data[:length], source.address, arrived_at)


def _monotonic_offset() -> float:
    """Return what to add to the time of day for monotonic seconds, at this moment."""
    before = wall = after = 0.0
    for _ in range(OFFSET_TRIES):
        before, wall, after = time.monotonic(), time.time(), time.monotonic()
        if after - before < OFFSET_SECONDS:
            break
    return (before + after) / 2 - wall
