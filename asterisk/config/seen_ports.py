"""Which audio ports an Asterisk was seen using, and whether they are of our own range.

ARI does not show ``rtp.conf``, and the file on disk may be another Asterisk's; the port of a
call's external channel is a fact.
"""

import ipaddress
import socket
from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

MediaAddress: TypeAlias = tuple[str, int]

REMEMBERED: Final = 20
"""Calls: a port of an ``rtp.conf`` that was mended is forgotten after so many."""


class SeenPorts:
    """Asterisk's ports of the last calls that lie in our range, on this machine.

    An Asterisk elsewhere, or in a network namespace of its own, has ports of its own: its address
    cannot be bound here.

    Args:
        first: Lowest port of our range.
        last: Highest port of it.
        is_here: Says whether a numeric address is one of this machine.
    """

    def __init__(
        self, first: int, last: int, *, is_here: Callable[[str], bool] | None = None
    ) -> None:
        self._first = first
        self._last = last
        self._is_here = is_here or is_of_this_machine
        self._seen: deque[int | None] = deque(maxlen=REMEMBERED)

    def note(self, address: MediaAddress) -> bool:
        """Take note of a call's address; true when it is the first that is a port of ours."""
        before = self.of_ours
        host, port = address
        ours = self._first <= port <= self._last and self._is_here(host)
        self._seen.append(port if ours else None)
        return ours and not before

    @property
    def of_ours(self) -> tuple[int, int] | None:
        """Lowest and highest port seen in our range; None when there is none."""
        ports = [port for port in self._seen if port is not None]
        return (min(ports), max(ports)) if ports else None


def is_of_this_machine(host: str) -> bool:
    """Whether a numeric address is one of this machine: it can be bound."""
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
    except (OSError, ValueError):
        return False
    return True
