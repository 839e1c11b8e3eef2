"""Pairs of UDP ports: RTP on the even one, RTCP on the odd one above (RFC 3550 section 11).

Only the pairs of live calls are bound: the rest of the range stays free for others on the host.
"""

import contextlib
import errno
import ipaddress
import socket
from collections import deque
from dataclasses import dataclass

from transports.errors import AddressUnavailable, PortsExhausted

__all__ = ["PortPair", "PortPairs"]

RTP_RECEIVE_BUFFER = 128 * 1024
"""Bytes, as the kernel counts them (about 800 for a packet of 172): two seconds of a stall."""

RTCP_RECEIVE_BUFFER = 4096
"""Bytes, for some reports of a few hundred: there is one in five seconds."""

EXPEDITED_FORWARDING = 0xB8
"""DSCP 46 for voice (RFC 3246, RFC 4594)."""


@dataclass(frozen=True, slots=True)
class PortPair:
    """Two bound, non-blocking sockets. Give it back with :meth:`PortPairs.close`.

    Attributes:
        port: The even port, of ``rtp``; ``rtcp`` has the next.
        rtp: For audio.
        rtcp: For reports.
    """

    port: int
    rtp: socket.socket
    rtcp: socket.socket


class PortPairs:
    """The port range of one process.

    Pairs are handed out in rotation, the longest unused first, so that late packets of an ended
    call do not meet the next one.

    Args:
        host: The numeric address to bind, IPv4 or IPv6.
        port_min: The lowest port of the range.
        port_max: The highest port of the range.
        start: Where in the range to begin, as a count of pairs.
    """

    def __init__(self, host: str, port_min: int, port_max: int, *, start: int = 0) -> None:
        self._host = host
        self._range = f"{port_min}..{port_max}"
        self._free = deque(range(port_min + port_min % 2, port_max, 2))
        self._free.rotate(-start)
        is_ipv6 = ipaddress.ip_address(host).version == 6
        self._family = socket.AF_INET6 if is_ipv6 else socket.AF_INET

    def open(self) -> PortPair:
        """Bind the next pair that no other program uses.

        Raises:
            PortsExhausted: All of the range is taken, by us or by others.
            AddressUnavailable: The address is not one of this machine.
        """
        for _ in range(len(self._free)):
            port = self._free.popleft()
            try:
                return self._bind(port)
            except OSError as error:
                self._free.append(port)
                if error.errno in (errno.EADDRNOTAVAIL, errno.ENODEV):
                    raise AddressUnavailable(
                        f"cannot bind {self._host}: it is not an address of this machine"
                    ) from error
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise
        raise PortsExhausted(
            f"no free pair of UDP ports in {self._range} on {self._host}; "
            "widen the range or limit the calls"
        )

    def close(self, pair: PortPair) -> None:
        """Unbind a pair; it is the last to be used again."""
        pair.rtp.close()
        pair.rtcp.close()
        self._free.append(pair.port)

    def _bind(self, port: int) -> PortPair:
        """Bind both sockets or neither."""
        with contextlib.ExitStack() as opened:
            rtp = opened.enter_context(socket.socket(self._family, socket.SOCK_DGRAM))
            rtcp = opened.enter_context(socket.socket(self._family, socket.SOCK_DGRAM))
            rtp.bind((self._host, port))
            rtcp.bind((self._host, port + 1))
            for sock, size in ((rtp, RTP_RECEIVE_BUFFER), (rtcp, RTCP_RECEIVE_BUFFER)):
                sock.settimeout(0)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
            self._mark_as_voice(rtp)
            opened.pop_all()
            return PortPair(port, rtp, rtcp)

    def _mark_as_voice(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):  # a router's hint; some containers refuse it
            if self._family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, EXPEDITED_FORWARDING)
            else:
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, EXPEDITED_FORWARDING)
