"""Port pairs on loopback."""

import contextlib
import socket
from collections.abc import Iterator

import pytest

from transports.errors import AddressUnavailable, PortsExhausted
from transports.udp.ports import PortPair, PortPairs

LOW = 19900
HIGH = 19909


@contextlib.contextmanager
def opened(ports: PortPairs, count: int = 1) -> Iterator[list[PortPair]]:
    """Open pairs; close those that are still bound."""
    pairs = [ports.open() for _ in range(count)]
    try:
        yield pairs
    finally:
        for pair in pairs:
            if pair.rtp.fileno() >= 0:
                ports.close(pair)


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def test_binds_an_even_port_for_audio_and_the_odd_one_above() -> None:
    with opened(PortPairs("127.0.0.1", LOW + 1, HIGH)) as [pair]:
        assert pair.port == LOW + 2
        assert pair.rtp.getsockname() == ("127.0.0.1", pair.port)
        assert pair.rtcp.getsockname() == ("127.0.0.1", pair.port + 1)
        assert not pair.rtp.getblocking()


def test_binds_no_port_beyond_the_live_calls() -> None:
    """A range that we starve crashes an Asterisk on the same host."""
    with opened(PortPairs("127.0.0.1", LOW, HIGH), 2) as pairs:
        bound = {port for pair in pairs for port in (pair.port, pair.port + 1)}

        assert [port for port in range(LOW, HIGH + 1) if not is_free(port)] == sorted(bound)


def test_steps_over_pairs_of_which_either_port_is_taken() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as even,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as odd,
    ):
        even.bind(("127.0.0.1", LOW))
        odd.bind(("127.0.0.1", LOW + 3))
        with opened(PortPairs("127.0.0.1", LOW, HIGH)) as [pair]:
            assert pair.port == LOW + 4
        assert is_free(LOW + 2), "an even port stayed bound without its odd one"


def test_says_when_the_range_is_used_up_and_goes_on_when_it_is_not() -> None:
    ports = PortPairs("127.0.0.1", LOW, HIGH)
    with opened(ports, 5) as pairs:
        assert sorted(pair.port for pair in pairs) == list(range(LOW, HIGH, 2))
        with pytest.raises(PortsExhausted, match=f"{LOW}..{HIGH} on 127.0.0.1; widen the range"):
            ports.open()

        ports.close(pairs[3])
        again = ports.open()
        assert again.port == pairs[3].port
        ports.close(again)


def test_a_pair_that_another_program_gave_up_is_used_again() -> None:
    ports = PortPairs("127.0.0.1", LOW, LOW + 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", LOW))
        with pytest.raises(PortsExhausted):
            ports.open()

    with opened(ports) as [pair]:
        assert pair.port == LOW


def test_a_closed_pair_is_the_last_to_be_used_again() -> None:
    ports = PortPairs("127.0.0.1", LOW, HIGH)
    used = []
    for _ in range(6):
        with opened(ports) as [pair]:
            used.append(pair.port)

    assert used == [LOW, LOW + 2, LOW + 4, LOW + 6, LOW + 8, LOW]


def test_begins_where_it_is_told() -> None:
    with opened(PortPairs("127.0.0.1", LOW, HIGH, start=3)) as [pair]:
        assert pair.port == LOW + 6


def test_an_address_of_another_machine_is_named_as_such() -> None:
    with pytest.raises(AddressUnavailable, match=r"cannot bind 192\.0\.2\.1"):
        PortPairs("192.0.2.1", LOW, HIGH).open()


def test_an_odd_port_above_the_range_is_never_used() -> None:
    ports = PortPairs("127.0.0.1", LOW, LOW + 2)
    with opened(ports) as [pair]:
        assert pair.port == LOW
        with pytest.raises(PortsExhausted):
            ports.open()


def test_binds_ipv6() -> None:
    if not socket.has_ipv6 or not _has_ipv6_loopback():
        pytest.skip("this machine has no IPv6 loopback")
    with opened(PortPairs("::1", LOW, HIGH)) as [pair]:
        assert pair.rtp.getsockname()[:2] == ("::1", LOW)


def _has_ipv6_loopback() -> bool:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
        return True
