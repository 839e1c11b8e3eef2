"""Strangers send datagrams to the audio port of a call, and the call does not mind.

One `voiceai serve` for all calls.
"""

import asyncio
import contextlib
import re
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from asterisk.ari import requests
from asterisk.ari.client import AriClient
from tests.support import hostile
from tests.support.availability import have_or_skip
from tests.support.brief import (
    ANSWER,
    GREETING,
    NUMBER,
    PROMPT,
    answer_to,
    greeted,
    newest_record,
    said,
    serving_briefly,
)
from tests.support.leftovers import eventually_no_ports, ours_in, udp_ports
from tests.support.pbx import Pbx
from tests.support.provider import Provider
from tests.support.serving import Serving
from tests.support.speech import Prompt, prompt
from tests.support.standstill import Sleepers, longest_wait
from voiceai.bench.sip_call import Call
from voiceai.bench.sip_caller import SipCaller

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENGINE: Final = "127.0.0.1"
STRANGER: Final = "127.0.0.66"

LONGEST_GAP_SECONDS: Final = 0.04
"""Between two packets that the caller hears: 20 ms are due."""

FLOOD_PER_SECOND: Final = 10_000
FLOOD_SECONDS: Final = 3.0


@pytest.fixture(scope="module")
def words() -> Prompt:
    """What the caller says."""
    return have_or_skip(lambda: prompt("en", PROMPT))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def serving(
    pbx: Pbx, brief_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Serving]:
    folder = tmp_path_factory.mktemp("hostile") / "serving"
    async with serving_briefly(pbx.params.ari, folder, brief_data) as serving:
        yield serving


@pytest_asyncio.fixture(loop_scope="module")
async def caller() -> AsyncIterator[SipCaller]:
    async with SipCaller("127.0.0.4") as caller:
        yield caller


async def all_rejected(serving: Serving) -> dict[str, int]:
    """Return how many datagrams were dropped so far, by reason."""
    pattern = r'^voiceai_rtp_rejected_total\{reason="(\w+)"\} (\S+)$'
    found = re.findall(pattern, await serving.get("/metrics"), re.MULTILINE)
    return {reason: int(float(count)) for reason, count in found}


@dataclass(frozen=True)
class Attacked:
    """A call that was greeted.

    Attributes:
        serving: Who serves it.
        port: Its audio port there.
        before: Datagrams that were dropped before it, by reason.
    """

    call: Call
    serving: Serving
    port: int
    before: Mapping[str, int]

    async def rejected(self, reason: str) -> int:
        """Return how many datagrams were dropped for a reason in this call so far."""
        return (await all_rejected(self.serving))[reason] - self.before[reason]

    async def eventually_rejected(
        self, reason: str, enough: Callable[[int], bool], within: float = 5.0
    ) -> None:
        """Return when enough datagrams were dropped for a reason.

        The counters of the media process are published some time after they have counted.

        Raises:
            TimeoutError: They were not; the message has the last count.
        """
        limit = asyncio.get_running_loop().time() + within
        while not enough(count := await self.rejected(reason)):
            if asyncio.get_running_loop().time() > limit:
                raise TimeoutError(f"{count} were dropped for their {reason} after {within} s")
            await asyncio.sleep(0.02)


@asynccontextmanager
async def call_under(
    provider: Provider, caller: SipCaller, serving: Serving
) -> AsyncIterator[Attacked]:
    """Call, and hang up afterwards."""
    before = await all_rejected(serving)
    call = await caller.dial(NUMBER, via=provider.address)
    await greeted(call)
    port, _ = udp_ports(serving.process)
    yield Attacked(call, serving, port, before)
    await call.hang_up()
    record = await newest_record(serving)
    assert (said(record), record["end_reason"]) == ([GREETING, "?", ANSWER], "caller_hung_up")
    await eventually_no_ports(serving.process)


@pytest_asyncio.fixture(loop_scope="module")
async def sleepers() -> AsyncIterator[Sleepers]:
    """They notice when the machine itself stands still."""
    async with Sleepers() as sleepers:
        yield sleepers


async def longest_gap(call: Call, since: float, sleepers: Sleepers) -> float:
    """Return the longest time without a packet, less what we and the machine were late."""
    packets = [packet for packet in call.heard.packets if packet.at >= since]
    return longest_wait(packets, await sleepers.end()) - call.line.late_seconds


class Strangers:
    """Sockets that send nonsense and tempting RTP to a pair of ports.

    Attributes:
        sent: Datagrams to the audio port so far.
    """

    def __init__(self, port: int) -> None:
        self.sent = 0
        self._ports = (port, port + 1)

    async def send_for_ever(self, source: str) -> None:
        """Send 500 datagrams a second from one address, every other one valid RTP."""
        nonsense = hostile.malformed(seed=1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((source, 0))
            for number in range(1 << 30):
                for datagram in (hostile.rtp(number, 7, b"\x80\x00" * 80), next(nonsense)):
                    for port in self._ports:
                        sock.sendto(datagram, (ENGINE, port))
                    self.sent += 1
                await asyncio.sleep(0.004)


async def test_strangers_change_nothing_for_a_call(
    *,
    sleepers: Sleepers,
    pbx: Pbx,
    provider: Provider,
    caller: SipCaller,
    words: Prompt,
    serving: Serving,
) -> None:
    async with call_under(provider, caller, serving) as attacked:
        call, port = attacked.call, attacked.port
        began = asyncio.get_running_loop().time()
        strangers = Strangers(port)
        sending = [
            asyncio.ensure_future(strangers.send_for_ever(source)) for source in (STRANGER, ENGINE)
        ]

        await answer_to(call, words)

        for task in sending:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        assert strangers.sent > 500
        await attacked.eventually_rejected("address", lambda count: count >= strangers.sent)
        assert await attacked.rejected("address") == strangers.sent
        assert call.heard.gaps(since=began).lost == 0
        assert await longest_gap(call, began, sleepers) <= LONGEST_GAP_SECONDS


async def test_a_forger_of_asterisks_address_changes_nothing_for_a_call(
    *,
    sleepers: Sleepers,
    pbx: Pbx,
    provider: Provider,
    caller: SipCaller,
    words: Prompt,
    serving: Serving,
) -> None:
    """He knows both ports, not the SSRC: 1000 loud packets a second, in sequence."""
    try:
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    except PermissionError:
        pytest.skip("forging an address needs the capability CAP_NET_RAW")
    with raw:
        async with call_under(provider, caller, serving) as attacked:
            call, port = attacked.call, attacked.port
            far_end = await asterisk_end(pbx)

            async def forge_for_ever() -> None:
                for number in range(1 << 30):
                    datagram = hostile.rtp(number, 7, b"\x80\x00" * 80)
                    raw.sendto(hostile.forged(far_end, (ENGINE, port), datagram), (ENGINE, 0))
                    if number % 5 == 0:
                        await asyncio.sleep(0.005)

            forging = asyncio.ensure_future(forge_for_ever())
            began = asyncio.get_running_loop().time()
            await answer_to(call, words)
            forging.cancel()
            await attacked.eventually_rejected("probation", lambda count: count > 250)
            await attacked.eventually_rejected("rate", lambda count: count > 500)
            assert await attacked.rejected("address") == 0
            assert call.heard.gaps(since=began).lost == 0
            assert await longest_gap(call, began, sleepers) <= LONGEST_GAP_SECONDS


async def asterisk_end(pbx: Pbx) -> tuple[str, int]:
    """Return the address of the external channel that is up, in Asterisk."""
    [channel] = [name for name in await ours_in(pbx.params.ari) if name.endswith("-ext")]
    async with AriClient(pbx.params.ari) as client:
        found = []
        for name in ("UNICASTRTP_LOCAL_ADDRESS", "UNICASTRTP_LOCAL_PORT"):
            answer = await client.send(requests.get_variable(channel, name))
            assert isinstance(answer, dict)
            found.append(answer["value"])
    return found[0], int(found[1])


async def test_a_flood_changes_nothing_for_a_call(
    *,
    sleepers: Sleepers,
    pbx: Pbx,
    provider: Provider,
    caller: SipCaller,
    words: Prompt,
    serving: Serving,
) -> None:
    async with call_under(provider, caller, serving) as attacked:
        call, port = attacked.call, attacked.port
        began = asyncio.get_running_loop().time()
        flood = await asyncio.create_subprocess_exec(
            *(sys.executable, hostile.__file__, STRANGER, ENGINE, str(port)),
            *(str(FLOOD_PER_SECOND), str(FLOOD_SECONDS)),
            stdout=asyncio.subprocess.PIPE,
        )
        await asyncio.sleep(0.2)

        await answer_to(call, words)

        output, _ = await flood.communicate()
        assert int(output) > 0.9 * FLOOD_PER_SECOND * FLOOD_SECONDS
        await attacked.eventually_rejected("address", lambda count: count > 0.9 * int(output))
        assert call.heard.gaps(since=began).lost == 0
        assert await longest_gap(call, began, sleepers) <= 2 * LONGEST_GAP_SECONDS
