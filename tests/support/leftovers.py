"""What a call leaves behind, in Asterisk and in the process that served it: nothing, one hopes."""

import asyncio
from typing import Final

import psutil

from asterisk.ari import requests
from asterisk.ari.client import AriClient
from asterisk.ari.naming import PREFIX
from asterisk.params import AriParams

RELEASE_SECONDS: Final = 5.0


async def ours_in(params: AriParams) -> list[str]:
    """Return the ids of all external channels and bridges that voiceai has in an Asterisk."""
    return [name for name in await all_in(params) if name.startswith(PREFIX)]


async def all_in(params: AriParams) -> list[str]:
    """Return the ids of all channels and bridges in an Asterisk."""
    async with AriClient(params) as client:
        names = []
        for request in (requests.list_channels(), requests.list_bridges()):
            listed = await client.send(request)
            assert isinstance(listed, list)
            names += [str(item["id"]) for item in listed]
    return names


async def eventually_nothing_left(params: AriParams, within: float = RELEASE_SECONDS) -> None:
    """Return when an Asterisk has no channel and no bridge.

    Raises:
        TimeoutError: It keeps some; the message names them.
    """
    loop = asyncio.get_running_loop()
    limit = loop.time() + within
    while left := await all_in(params):
        if loop.time() > limit:
            raise TimeoutError(f"left in Asterisk after {within} s: {left}")
        await asyncio.sleep(0.05)


async def eventually_no_ports(
    process: psutil.Process,
    within: float = RELEASE_SECONDS,
    ports: tuple[int, int] = (10_000, 20_000),
) -> None:
    """Return when a process and its children hold no port of the media range.

    Asterisk may forget a call before the process that served it has closed its sockets.

    Raises:
        TimeoutError: It keeps some; the message names them.
    """
    loop = asyncio.get_running_loop()
    limit = loop.time() + within
    while left := udp_ports(process, *ports):
        if loop.time() > limit:
            raise TimeoutError(f"ports still held after {within} s: {left}")
        await asyncio.sleep(0.05)


def udp_ports(process: psutil.Process, first: int = 10_000, last: int = 20_000) -> list[int]:
    """Return the UDP ports of a range that a process and its children hold."""
    sockets = [sock for member in _family(process) for sock in member.net_connections("udp")]
    held = {sock.laddr.port for sock in sockets if sock.laddr}
    return sorted(port for port in held if first <= port <= last)


def memory_bytes(process: psutil.Process) -> int:
    """Return the resident memory of a process and its children."""
    return sum(member.memory_info().rss for member in _family(process))


def _family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]
