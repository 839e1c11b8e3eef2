"""Messages between the media process and its users: JSON over a Unix socket that keeps records.

The socket is half of a pair, handed over by descriptor: no name, no file, nobody else may connect.
It ends when the other side does, however it died.
"""

import asyncio
import json
import os
import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from loguru import logger

__all__ = ["Channel", "Message", "close_all", "socket_pair"]

Message = dict[str, Any]

MESSAGE_BYTES = 65536
"""The largest message; a stream's counters take one."""

DESCRIPTORS = 4
"""The most that come with a message."""

BACKLOG = 4096
"""Messages that may wait for the other side. Who does not read for so long is gone."""


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """Return two connected, non-blocking ends."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)  # noqa: FBT003
    theirs.setblocking(False)  # noqa: FBT003
    return ours, theirs


class Channel:
    """One end, on the running loop.

    Args:
        sock: Connected and non-blocking; closed here.
        on_message: Called with each message and the descriptors that came with it, to be closed
            by the callee. What is no message is logged and dropped.
        on_end: Called once if the other side ends; not after :meth:`close`.
    """

    def __init__(
        self,
        sock: socket.socket,
        on_message: Callable[[Message, Sequence[int]], None],
        on_end: Callable[[], None],
    ) -> None:
        self._socket = sock
        self._on_message = on_message
        self._on_end = on_end
        self._backlog: deque[tuple[bytes, list[int]]] = deque()  # with descriptors of our own
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock.fileno(), self._read)

    def send(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        """Send now, or when there is room; in order, and never blocking.

        Args:
            message: What to say.
            descriptors: To go with it; they stay the caller's, and may be closed at once.
        """
        if self._closed:
            return
        data = json.dumps(message, separators=(",", ":")).encode()
        if self._backlog:
            self._wait(data, descriptors)
            return
        try:
            socket.send_fds(self._socket, [data], descriptors)
        except BlockingIOError:
            self._wait(data, descriptors)
        except OSError:
            self._end()

    def close(self) -> None:
        """Hang up; idempotent."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._socket.fileno())
        self._loop.remove_writer(self._socket.fileno())
        self._socket.close()
        for _, descriptors in self._backlog:
            close_all(descriptors)
        self._backlog.clear()

    def _wait(self, data: bytes, descriptors: Sequence[int]) -> None:
        if len(self._backlog) >= BACKLOG:
            self._end()
            return
        if not self._backlog:
            self._loop.add_writer(self._socket.fileno(), self._write)
        self._backlog.append((data, [os.dup(descriptor) for descriptor in descriptors]))

    def _write(self) -> None:
        try:
            while self._backlog:
                data, descriptors = self._backlog[0]
                socket.send_fds(self._socket, [data], descriptors)
                self._backlog.popleft()
                close_all(descriptors)
        except BlockingIOError:
            return
        except OSError:
            self._end()
            return
        self._loop.remove_writer(self._socket.fileno())

    def _read(self) -> None:
        while not self._closed:
            try:
                data, descriptors, _, _ = socket.recv_fds(self._socket, MESSAGE_BYTES, DESCRIPTORS)
            except BlockingIOError:
                return
            except OSError:
                data, descriptors = b"", []
            if not data:
                self._end()
                return
            for descriptor in descriptors:
                os.set_inheritable(descriptor, False)  # noqa: FBT003
            message = _parsed(data)
            if message is not None:
                self._on_message(message, descriptors)
                continue
            logger.error("media.message_malformed: {} bytes", len(data))
            close_all(descriptors)

    def _end(self) -> None:
        if not self._closed:
            self.close()
            self._loop.call_soon(self._on_end)


def close_all(descriptors: Sequence[int]) -> None:
    """Close what came with a message and is not kept."""
    for descriptor in descriptors:
        os.close(descriptor)


def _parsed(data: bytes) -> Message | None:
    """Return a message; None for whatever else there may be in a record."""
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None
