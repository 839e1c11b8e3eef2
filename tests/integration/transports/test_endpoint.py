"""A socket on the event loop."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from transports.udp.endpoint import READS_PER_WAKE, UdpEndpoint

Datagram = tuple[bytes, tuple[str, int], float]


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two bound, non-blocking sockets on loopback."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as theirs,
    ):
        for each in (ours, theirs):
            each.bind(("127.0.0.1", 0))
            each.settimeout(0)
        yield ours, theirs


async def turns(count: int) -> None:
    """Let the event loop turn that often."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_hands_on_what_arrives_with_its_source_and_time(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = sockets
    received: list[Datagram] = []
    endpoint = UdpEndpoint(ours, lambda *datagram: received.append(datagram))
    before = asyncio.get_running_loop().time()

    theirs.sendto(b"one", ours.getsockname())
    theirs.sendto(b"two", ours.getsockname())
    await turns(3)
    endpoint.close()

    assert [datagram[:2] for datagram in received] == [
        (b"one", theirs.getsockname()),
        (b"two", theirs.getsockname()),
    ]
    assert before <= received[0][2] <= received[1][2] <= asyncio.get_running_loop().time()


async def test_a_flood_leaves_the_loop_its_turns(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = sockets
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    received: list[Datagram] = []
    for _ in range(3 * READS_PER_WAKE):
        theirs.sendto(b"x", ours.getsockname())
    counts = []
    endpoint = UdpEndpoint(ours, lambda *datagram: received.append(datagram))

    for _ in range(6):
        await asyncio.sleep(0)
        counts.append(len(received))
    endpoint.read()
    endpoint.close()

    steps = [later - earlier for earlier, later in zip([0, *counts], counts, strict=False)]
    assert max(steps) == 1
    assert len(received) - counts[-1] == READS_PER_WAKE


async def test_sends_from_its_own_port(sockets: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = sockets
    endpoint = UdpEndpoint(ours, lambda *_: None)

    endpoint.send(b"hello", theirs.getsockname())
    endpoint.close()

    assert theirs.recvfrom(100) == (b"hello", ours.getsockname())
    assert endpoint.send_errors == 0


async def test_what_cannot_be_sent_is_counted(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    endpoint = UdpEndpoint(sockets[0], lambda *_: None)

    endpoint.send(bytes(70_000), sockets[1].getsockname())
    endpoint.close()

    assert endpoint.send_errors == 1


async def test_hears_nothing_after_close(sockets: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = sockets
    received: list[Datagram] = []
    endpoint = UdpEndpoint(ours, lambda *datagram: received.append(datagram))

    endpoint.close()
    theirs.sendto(b"late", ours.getsockname())
    await turns(3)

    assert received == []
