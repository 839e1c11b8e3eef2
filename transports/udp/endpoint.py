"""One bound UDP socket on the event loop. Decides nothing: hands datagrams on, and sends them."""

import asyncio
import socket
import time
from collections.abc import Callable

__all__ = ["UdpEndpoint"]

DATAGRAM_BYTES = 2048
"""An RTP packet fits into an Ethernet frame; the rest of a larger datagram is cut off."""

READS_PER_WAKE = 64
"""After so many datagrams the rest of the loop gets a turn, whatever is still queued."""

Receiver = Callable[[bytes, tuple[str, int], float], object]


class UdpEndpoint:
    """Moves datagrams between ``sock`` and ``receive``.

    Attributes:
        send_errors: Datagrams that the system refused to send.

    Args:
        sock: Bound and non-blocking; stays the caller's to close.
        receive: Called with each datagram, its numeric source (host, port), and monotonic seconds.
    """

    def __init__(self, sock: socket.socket, receive: Receiver) -> None:
        self.send_errors = 0
        self._socket = sock
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock.fileno(), self._read_one)

    def read(self) -> None:
        """Hand on what is waiting in the socket, up to a limit."""
        receive_from, receive = self._socket.recvfrom, self._receive
        try:
            for _ in range(READS_PER_WAKE):
                data, address = receive_from(DATAGRAM_BYTES)
                receive(data, address[:2], time.monotonic())
        except (BlockingIOError, InterruptedError):
            pass
        except ConnectionError:
            pass  # a queued ICMP error of an earlier datagram: nothing was received

    def _read_one(self) -> None:
        """Hand on the datagram that the loop saw; a second attempt would mostly be for nothing."""
        try:
            data, address = self._socket.recvfrom(DATAGRAM_BYTES)
        except (BlockingIOError, InterruptedError, ConnectionError):
            return
        self._receive(data, address[:2], time.monotonic())

    def send(self, datagram: bytes, address: tuple[str, int]) -> None:
        """Send now or never: a voice packet is worth nothing later."""
        try:
            self._socket.sendto(datagram, address)
        except OSError:
            self.send_errors += 1

    def close(self) -> None:
        """Stop reading."""
        self._loop.remove_reader(self._socket.fileno())
