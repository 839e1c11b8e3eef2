"""Sockets that are read as the event loop sees them, and in sweeps."""

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing

import pytest

from transports.udp.endpoint import UdpEndpoint
from transports.udp.inbox import DATAGRAM_BYTES, SO_TIMESTAMPNS
from transports.udp.reading import READS_AT_ONCE, READS_PER_SOCKET, OnArrival, Reading, Sweep

Datagram = tuple[bytes, tuple[str, int], float]

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="sweeps are Linux's")


@pytest.fixture(params=[OnArrival, pytest.param(Sweep, marks=on_linux)])
async def reading(request: pytest.FixtureRequest) -> AsyncIterator[Reading]:
    """Either way; closed twice."""
    make: Callable[[], Reading] = request.param
    with closing(make()) as reading, closing(reading):
        yield reading


@pytest.fixture
def sweep() -> Iterator[Reading]:
    with closing(Sweep()) as sweep:
        yield sweep


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


async def read(reading: Reading) -> None:
    """Let what has come be read, whichever way."""
    for _ in range(4):
        await asyncio.sleep(0)
    reading.sweep(1)


async def test_hands_on_what_arrives_with_its_source_and_time(
    reading: Reading, sockets: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = sockets
    received: list[Datagram] = []
    endpoint = UdpEndpoint(ours, lambda *datagram: received.append(datagram), reading)
    before = time.monotonic()

    theirs.sendto(b"one", ours.getsockname())
    theirs.sendto(b"two", ours.getsockname())
    await read(reading)
    endpoint.close()

    assert [datagram[:2] for datagram in received] == [
        (b"one", theirs.getsockname()),
        (b"two", theirs.getsockname()),
    ]
    assert before <= received[0][2] <= received[1][2] <= time.monotonic()


async def test_hears_nothing_after_close(
    reading: Reading, sockets: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = sockets
    received: list[Datagram] = []
    endpoint = UdpEndpoint(ours, lambda *datagram: received.append(datagram), reading)

    endpoint.close()
    theirs.sendto(b"late", ours.getsockname())
    await read(reading)

    assert received == []


async def test_a_stall_is_caught_up_with_before_the_loop_gets_to_it(
    reading: Reading, sockets: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = sockets
    received: list[Datagram] = []
    endpoint = UdpEndpoint(ours, lambda *datagram: received.append(datagram), reading)
    for _ in range(50):
        theirs.sendto(b"x", ours.getsockname())

    reading.sweep(50)
    endpoint.close()

    assert len(received) == 50


async def test_a_receiver_may_close_its_own_socket_and_anothers(
    reading: Reading, sockets: tuple[socket.socket, socket.socket]
) -> None:
    received: list[int] = []
    endpoints: list[UdpEndpoint] = []

    def receiver(index: int) -> Callable[..., None]:
        def receive(*_: object) -> None:
            received.append(index)
            for endpoint in endpoints:
                endpoint.close()

        return receive

    for index, sock in enumerate(sockets):
        endpoints.append(UdpEndpoint(sock, receiver(index), reading))
        for _ in range(2):
            sock.sendto(b"x", sock.getsockname())
    reading.sweep(2)
    await read(reading)

    assert len(received) == 1


@on_linux
async def test_a_sweep_knows_when_each_datagram_came_however_late_it_is_read(
    sweep: Reading, sockets: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = sockets
    received: list[Datagram] = []
    endpoint = UdpEndpoint(ours, lambda *datagram: received.append(datagram), sweep)
    sent = []
    for _ in range(3):
        before = time.monotonic()
        theirs.sendto(b"x", ours.getsockname())
        sent.append((before, time.monotonic()))
        time.sleep(0.01)  # noqa: ASYNC251  a stall of ours

    sweep.sweep(2)
    endpoint.close()

    slack = 0.001  # between the two clocks
    for (before, after), (_, _, arrived_at) in zip(sent, received, strict=True):
        assert before - slack <= arrived_at <= after + slack


@on_linux
async def test_no_datagram_came_before_the_last_sweep_whatever_the_time_of_day_is_set_to(
    sweep: Reading,
    sockets: tuple[socket.socket, socket.socket],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """NTP may step the clock between the arrival and the read."""
    ours, theirs = sockets
    received: list[Datagram] = []
    endpoint = UdpEndpoint(ours, lambda *datagram: received.append(datagram), sweep)
    wall_clock = time.time
    for step in (3600.0, -3600.0):
        before = time.monotonic()
        sweep.sweep(1)
        theirs.sendto(b"x", ours.getsockname())
        monkeypatch.setattr(time, "time", lambda step=step: wall_clock() + step)
        sweep.sweep(1)
        assert before <= received[-1][2] <= time.monotonic()
        monkeypatch.undo()
    endpoint.close()

    assert len(received) == 2


@on_linux
async def test_a_flooded_socket_is_read_up_to_a_limit_and_the_others_in_between(
    sweep: Reading, sockets: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = sockets
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    flood: list[int] = []
    quiet: list[int] = []
    endpoints = [
        UdpEndpoint(ours, lambda *_: flood.append(len(quiet)), sweep),
        UdpEndpoint(theirs, lambda *_: quiet.append(len(flood)), sweep),
    ]
    limit = READS_AT_ONCE + 2 * READS_PER_SOCKET
    for _ in range(limit + 50):
        theirs.sendto(b"x", ours.getsockname())
    ours.sendto(b"y", theirs.getsockname())

    sweep.sweep(1)
    read_at_once = len(flood) + len(quiet)
    sweep.sweep(1)
    for endpoint in endpoints:
        endpoint.close()

    assert limit <= read_at_once <= limit + 1
    assert quiet in ([0], [1])
    assert len(flood) == limit + 50


async def test_a_flood_leaves_the_loop_its_turns(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = sockets
    received: list[Datagram] = []
    for _ in range(20):
        theirs.sendto(b"x", ours.getsockname())
    counts = []
    endpoint = UdpEndpoint(ours, lambda *datagram: received.append(datagram), OnArrival())

    for _ in range(6):
        await asyncio.sleep(0)
        counts.append(len(received))
    endpoint.close()

    steps = [later - earlier for earlier, later in zip([0, *counts], counts, strict=False)]
    assert max(steps) == 1


async def test_sends_from_its_own_port(
    reading: Reading, sockets: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = sockets
    endpoint = UdpEndpoint(ours, lambda *_: None, reading)

    endpoint.send(b"hello", theirs.getsockname())
    endpoint.close()

    assert theirs.recvfrom(100) == (b"hello", ours.getsockname())
    assert endpoint.send_errors == 0


async def test_what_cannot_be_sent_is_counted(
    reading: Reading, sockets: tuple[socket.socket, socket.socket]
) -> None:
    endpoint = UdpEndpoint(sockets[0], lambda *_: None, reading)

    endpoint.send(bytes(70_000), sockets[1].getsockname())
    endpoint.close()

    assert endpoint.send_errors == 1


async def test_a_port_that_there_is_not_is_counted_as_what_cannot_be_sent(
    reading: Reading, sockets: tuple[socket.socket, socket.socket]
) -> None:
    """A peer whose RTP comes from port 65535 lost its call: reports go to the port above."""
    endpoint = UdpEndpoint(sockets[0], lambda *_: None, reading)

    endpoint.send(b"report", ("127.0.0.1", 65536))
    endpoint.close()

    assert endpoint.send_errors == 1


async def test_says_of_each_datagram_who_sent_it_when_senders_take_turns(
    reading: Reading, sockets: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = sockets
    received: list[Datagram] = []
    endpoint = UdpEndpoint(ours, lambda *datagram: received.append(datagram), reading)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.2" if sys.platform == "linux" else "127.0.0.1", 0))
        senders = [theirs, theirs, stranger, theirs, stranger, stranger]
        for sender in senders:
            sender.sendto(b"x", ours.getsockname())
        addresses = [sender.getsockname() for sender in senders]

        reading.sweep(2)
        endpoint.close()

    assert [address for _, address, _ in received] == addresses


async def test_hands_on_ipv6_with_the_numeric_host_and_the_port(reading: Reading) -> None:
    received: list[Datagram] = []
    with (
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as ours,
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as theirs,
    ):
        for each in (ours, theirs):
            try:
                each.bind(("::1", 0))
            except OSError:
                pytest.skip("this machine has no IPv6")
            each.settimeout(0)
        endpoint = UdpEndpoint(ours, lambda *datagram: received.append(datagram), reading)

        for sender in (theirs, ours):
            sender.sendto(b"six", ours.getsockname())
        reading.sweep(2)
        endpoint.close()

        addresses = [("::1", sender.getsockname()[1]) for sender in (theirs, ours)]
        assert [datagram[:2] for datagram in received] == [(b"six", each) for each in addresses]


async def test_cuts_what_no_frame_could_hold_and_hands_on_what_is_empty(
    reading: Reading, sockets: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = sockets
    received: list[Datagram] = []
    endpoint = UdpEndpoint(ours, lambda *datagram: received.append(datagram), reading)
    long = bytes(number % 251 for number in range(DATAGRAM_BYTES + 1))

    for datagram in (long, b"", long[:-1], b"after"):
        theirs.sendto(datagram, ours.getsockname())
    reading.sweep(2)
    endpoint.close()

    assert [data for data, _, _ in received] == [long[:-1], b"", long[:-1], b"after"]


async def test_an_error_that_comes_back_keeps_no_datagram_from_being_read(
    reading: Reading, sockets: tuple[socket.socket, socket.socket]
) -> None:
    """Only a connected socket is told of ICMP errors; its next read has one in place of data."""
    ours, theirs = sockets
    received: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as refused:
        refused.settimeout(0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
            nobody.bind(("127.0.0.1", 0))
            refused.connect(nobody.getsockname())
        endpoints = [
            UdpEndpoint(sock, lambda data, *_: received.append(data), reading)
            for sock in (refused, ours)
        ]
        refused.send(b"to nobody")
        theirs.sendto(b"to us", ours.getsockname())

        await read(reading)
        theirs.sendto(b"again", ours.getsockname())
        await read(reading)
        for endpoint in endpoints:
            endpoint.close()

    assert received == [b"to us", b"again"]


@on_linux
async def test_a_datagram_without_a_time_came_when_it_was_read_and_the_next_has_its_own(
    sweep: Reading, sockets: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = sockets
    received: list[Datagram] = []
    endpoint = UdpEndpoint(ours, lambda *datagram: received.append(datagram), sweep)
    times = []
    for stamps in (0, 1):
        ours.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, stamps)
        theirs.sendto(b"x", ours.getsockname())
        time.sleep(0.005)  # noqa: ASYNC251  a stall of ours
        times.append(time.monotonic())
        sweep.sweep(1)
    endpoint.close()

    unstamped, stamped = (arrived_at for _, _, arrived_at in received)
    assert unstamped >= times[0]
    assert stamped < times[1]


@on_linux
async def test_a_sweep_refuses_a_socket_of_another_address_family(
    sweep: Reading, sockets: tuple[socket.socket, socket.socket]
) -> None:
    received: list[Datagram] = []
    endpoint = UdpEndpoint(sockets[0], lambda *datagram: received.append(datagram), sweep)
    with (
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as other,
        pytest.raises(ValueError, match="address family"),
    ):
        sweep.add(other, lambda *_: None)

    sockets[1].sendto(b"x", sockets[0].getsockname())
    sweep.sweep(1)
    endpoint.close()

    assert len(received) == 1
