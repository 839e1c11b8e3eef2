"""When datagrams are read: as the event loop sees each, or all of an engine's at chosen moments.

A callback of the event loop for every packet costs more than reading it. On Linux the sockets of
an engine are therefore swept once or twice per tick, and the kernel says when each packet came.
"""

import asyncio
import contextlib
import select
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["OnArrival", "Reading", "Receive", "Sweep", "best_reading"]

DATAGRAM_BYTES = 2048
"""An RTP packet fits into an Ethernet frame; the rest of a larger datagram is cut off."""

READS_AT_ONCE = 256
"""Datagrams in a sweep, of one socket too, since a flood must not drown who speaks there; what is
still queued waits for the next sweep, so that packets leave in time."""

READS_PER_SOCKET = 4
"""And so many more for each: what all of them send by right, if all are flooded at once."""

SO_TIMESTAMPNS = 35
"""From <asm-generic/socket.h>; Python does not name it."""

TIMESPEC = struct.Struct("@ll")
ANCILLARY_BYTES = 32
"""A control message with a time and its header, aligned."""

OFFSET_TRIES = 3
OFFSET_SECONDS = 50e-6
"""Two clocks that were read within it were read at once."""

Receive = Callable[[bytes, tuple[str, int], float], object]

_Read = Callable[[int, int], tuple[bytes, list[tuple[int, int, bytes]], int, tuple[Any, ...]]]


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


class Sweep:
    """Reads all sockets when it is told to, one datagram of each in turn.

    Raises:
        OSError: The system cannot poll or cannot stamp datagrams so.
    """

    def __init__(self) -> None:
        self._receivers: dict[int, tuple[_Read, Receive]] = {}  # by descriptor
        self._emptied_at = time.monotonic()
        # Stamping begins a moment after the first socket asks for it: this one has asked by then.
        self._stamped = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            _stamp(self._stamped)
            self._poll = select.epoll()
        except OSError:
            self._stamped.close()
            raise

    def add(self, sock: socket.socket, receive: Receive) -> None:
        """Read a socket from now on."""
        _stamp(sock)
        self._poll.register(sock.fileno(), select.EPOLLIN)
        self._receivers[sock.fileno()] = sock.recvmsg, receive

    def remove(self, sock: socket.socket) -> None:
        """Stop reading a socket, which is still open; also from within a sweep."""
        if self._receivers.pop(sock.fileno(), None) is not None:
            self._poll.unregister(sock.fileno())

    def sweep(self, due: int) -> None:
        """Hand on what has come, each with the time at which the kernel got it."""
        offset = _monotonic_offset()
        left = due * (READS_AT_ONCE + READS_PER_SOCKET * len(self._receivers))
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
        self._receivers.clear()
        self._poll.close()
        self._stamped.close()

    def _read(self, ready: list[tuple[int, int]], offset: float) -> None:
        """Hand on one datagram of each of these descriptors."""
        earliest, latest = self._emptied_at, time.monotonic()
        for descriptor, _ in ready:
            if descriptor not in self._receivers:
                continue  # another's receiver closed it
            read, receive = self._receivers[descriptor]
            try:
                data, ancillary, _, address = read(DATAGRAM_BYTES, ANCILLARY_BYTES)
            except OSError:
                continue  # its checksum was wrong, or an ICMP error of an earlier datagram
            arrived_at = latest
            if ancillary:
                seconds, nanoseconds = TIMESPEC.unpack(ancillary[0][2])
                stamped = seconds + nanoseconds * 1e-9 + offset
                if stamped < earliest:  # the time of day was set meanwhile
                    arrived_at = earliest
                elif stamped < latest:
                    arrived_at = stamped
            receive(data, address[:2], arrived_at)


def _stamp(sock: socket.socket) -> None:
    """Let the kernel say when each datagram came."""
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)


def _monotonic_offset() -> float:
    """Return what to add to the time of day for monotonic seconds, at this moment."""
    before = wall = after = 0.0
    for _ in range(OFFSET_TRIES):
        before, wall, after = time.monotonic(), time.time(), time.monotonic()
        if after - before < OFFSET_SECONDS:
            break
    return (before + after) / 2 - wall
