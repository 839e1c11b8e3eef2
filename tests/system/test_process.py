"""A private Asterisk: boots, dies, comes again, and says why when it does not."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from asterisk.process import AsteriskProcess
from asterisk.runtime import AsteriskUnavailable, Installation
from tests.support.pbx import Pbx


@pytest.fixture
def alone(installation: Installation, tmp_path: Path) -> Iterator[Pbx]:
    """A PBX without a trunk; not started."""
    pbx = Pbx(installation, tmp_path / "pbx", trunk=None)
    with pbx.process:
        yield pbx


def test_a_killed_asterisk_is_gone_at_once_and_boots_again(alone: Pbx) -> None:
    alone.start()
    first = alone.process.process_id

    alone.process.kill()

    assert alone.process.process_id is None
    with pytest.raises(AsteriskUnavailable, match="pbx does not answer"):
        alone.process.rx("core show version")
    alone.process.restart()
    assert alone.process.process_id not in (None, first)
    assert "Asterisk 22" in alone.process.rx("core show version")


def test_stopping_twice_and_stopping_what_never_ran_is_fine(
    installation: Installation, alone: Pbx
) -> None:
    never = AsteriskProcess(installation, "never")
    never.stop()
    with pytest.raises(AsteriskUnavailable, match="never was never started"):
        never.restart()
    alone.start()
    alone.process.stop()
    alone.process.stop()

    assert alone.process.process_id is None


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_port_that_is_taken_is_named_instead_of_booting_deaf(
    alone: Pbx, kind: socket.SocketKind
) -> None:
    taken = (
        alone.address
        if kind is socket.SOCK_DGRAM
        else (alone.params.http_bind, alone.params.http_port)
    )
    with socket.socket(socket.AF_INET, kind) as squatter:
        squatter.bind(taken)
        if kind is socket.SOCK_STREAM:
            squatter.listen()

        with pytest.raises(AsteriskUnavailable, match=r"pbx lacks a port: .*in use"):
            alone.start()

    assert alone.process.process_id is None
    alone.process.restart()


def test_a_configuration_that_asterisk_refuses_is_answered_with_its_last_words(
    installation: Installation, tmp_path: Path
) -> None:
    refused = AsteriskProcess(installation, "refused")

    with pytest.raises(AsteriskUnavailable, match=r"refused ended with status [^:]+: \S"):
        refused.start({"modules.conf": "[modules]\nautoload=no\nrequire=absent.so\n"}, tmp_path)

    assert refused.process_id is None


def test_a_path_too_long_for_a_socket_does_not_matter(
    installation: Installation, tmp_path: Path
) -> None:
    with AsteriskProcess(installation, "deep") as deep:
        deep.start({"modules.conf": "[modules]\nautoload=no\n"}, tmp_path / ("d" * 120))

        assert "Asterisk 22" in deep.rx("core show version")
        assert deep.log_path.exists()


def test_every_module_that_we_render_loads(alone: Pbx) -> None:
    alone.start()

    asked = [
        line.split("=")[1].strip()
        for line in (alone.process.configuration / "modules.conf").read_text().splitlines()
        if line.startswith(("load", "preload"))
    ]
    running = [
        line.split()[0]
        for line in alone.process.rx("module show").splitlines()
        if ".so" in line and "Running" in line and "Not Running" not in line
    ]
    assert len(asked) > 50
    assert sorted(set(asked) - set(running)) == []
