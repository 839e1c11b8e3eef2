"""One bound UDP socket of a call. Decides nothing: hands datagrams on, and sends them."""

import socket

from transports.udp.reading import Reading, Receive

__all__ = ["UdpEndpoint"]


class UdpEndpoint:
    """Moves datagrams between ``sock`` and ``receive``.

    Attributes:
        send_errors: Datagrams that the system refused to send.

    Args:
        sock: Bound and non-blocking; stays the caller's to close.
        receive: Called with each datagram, its numeric source (host, port), and when it came in
            monotonic seconds. Must not raise.
        reading: Reads the socket.
    """

    __slots__ = ("_reading", "_socket", "send_errors")

    def __init__(self, sock: socket.socket, receive: Receive, reading: Reading) -> None:
        self.send_errors = 0
        self._socket = sock
        self._reading = reading
        reading.add(sock, receive)

    def send(self, datagram: bytes, address: tuple[str, int]) -> None:
        """Send now or never: a voice packet is worth nothing later."""
        try:
            self._socket.sendto(datagram, address)
        except (OSError, OverflowError):  # or no such port: RTCP's, of a peer at the highest one
            self.send_errors += 1

    def close(self) -> None:
        """Stop reading."""
        self._reading.remove(self._socket)
