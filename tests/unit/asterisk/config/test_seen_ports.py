"""Asterisk's ports as calls show them, against our range."""

import pytest

from asterisk.config.seen_ports import REMEMBERED, SeenPorts, is_of_this_machine

HERE = "192.0.2.1"
ELSEWHERE = "192.0.2.2"


def seen() -> SeenPorts:
    return SeenPorts(10_000, 20_000, is_here=lambda host: host == HERE)


@pytest.mark.parametrize("port", [10_000, 15_000, 20_000])
def test_the_first_port_of_ours_is_news_and_the_next_is_not(port: int) -> None:
    ports = seen()

    assert [ports.note((HERE, port)), ports.note((HERE, 12_000))] == [True, False]
    assert ports.of_ours == (min(port, 12_000), max(port, 12_000))


@pytest.mark.parametrize("address", [(HERE, 9_999), (HERE, 20_001), (ELSEWHERE, 15_000)])
def test_ports_beside_ours_and_those_of_another_machine_are_no_overlap(
    address: tuple[str, int],
) -> None:
    ports = seen()

    assert not ports.note(address)
    assert ports.of_ours is None


def test_an_overlap_that_was_mended_is_forgotten_after_some_calls() -> None:
    ports = seen()
    ports.note((HERE, 15_000))

    for _ in range(REMEMBERED):
        assert ports.of_ours == (15_000, 15_000)
        ports.note((HERE, 25_000))

    assert ports.of_ours is None
    assert ports.note((HERE, 15_000))


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.9", True), ("::1", True), ("192.0.2.1", False), ("a name", False), ("", False)],
)
def test_an_address_of_this_machine_can_be_bound(host: str, here: bool) -> None:
    assert is_of_this_machine(host) is here
