"""Beside an Asterisk that takes its audio ports from our range, as the one that is shipped does."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from asterisk.runtime import Installation
from tests.support.brief import NUMBER, greeted, newest_record
from tests.support.leftovers import eventually_no_ports, eventually_nothing_left, udp_ports
from tests.support.pbx import PHONE, Pbx
from tests.support.serving import Serving
from voiceai.bench.sip_call import Call
from voiceai.bench.sip_caller import SipCaller

SHIPPED = (10_000, 20_000)
"""Asterisk's own rtp.conf, and Debian's."""

NARROW = (31_100, 31_159)
"""30 pairs of ports: 20 calls would need 40 of them on the address that both use. Nobody else
uses one of them."""

PHONE_HOST = "127.0.0.4"

pytestmark = pytest.mark.usefixtures("beside_whole_runs")

MakeServing = Callable[..., Serving]


@pytest.fixture
def own_pbx(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pbx]:
    """A PBX without a trunk; not started."""
    pbx = Pbx(installation, tmp_path_factory.mktemp("own-pbx"), trunk=None)
    with pbx.process:
        yield pbx


async def ring(telephone: SipCaller, pbx: Pbx) -> Call:
    call = await telephone.dial(NUMBER, via=pbx.address, from_user=PHONE.username)
    if call.answered_at is not None:
        await greeted(call)
    return call


async def overlaps(serving: Serving) -> dict[str, Any]:
    """Return what the doctor says of the ports, by check."""
    found = await serving.json("doctor")
    return {one["check"]: one["level"] for one in found if "overlap" in one["message"]}


async def test_calls_beside_the_shipped_range_work_and_the_overlap_is_reported(
    own_pbx: Pbx, serve_briefly: MakeServing
) -> None:
    await asyncio.to_thread(own_pbx.start, rtp_ports=SHIPPED)
    async with (
        serve_briefly(own_pbx.params.ari) as serving,
        SipCaller(PHONE_HOST, credentials=PHONE) as telephone,
    ):
        calls = await asyncio.gather(*(ring(telephone, own_pbx) for _ in range(10)))

        assert [call.status for call in calls] == [200] * 10
        assert len(udp_ports(serving.process)) == 20
        assert await overlaps(serving) == {"rtp": "warn", "serve": "warn"}
        await asyncio.gather(*(call.hang_up() for call in calls))
        await eventually_nothing_left(own_pbx.params.ari)
        assert await overlaps(serving) == {"rtp": "warn", "serve": "warn"}
        told = [line for line in serving.log() if "overlap" in line["message"]]
        assert {line["level"] for line in told} == {"WARNING"}
        assert len(told) <= 2  # the first call, and the look around when it started
        assert "rtpstart=20002" in told[0]["message"]


async def test_a_shared_range_that_is_narrow_starves_nobody(
    own_pbx: Pbx, serve_briefly: MakeServing
) -> None:
    """An Asterisk that finds no free port crashes: rather fewer calls."""
    await asyncio.to_thread(own_pbx.start, rtp_ports=NARROW)
    first, last = (str(port) for port in NARROW)
    settings = {"RTP_PORT": first, "RTP_PORT_MAX": last}
    async with (
        serve_briefly(own_pbx.params.ari, **settings) as serving,
        SipCaller(PHONE_HOST, credentials=PHONE) as telephone,
    ):
        earlier = await ring(telephone, own_pbx)

        calls = await asyncio.gather(*(ring(telephone, own_pbx) for _ in range(20)))

        assert Counter(call.status for call in calls) == {200: 8, 503: 12}
        calls.append(earlier)
        await asyncio.gather(*(call.hang_up() for call in calls if call.is_answered))
        await eventually_nothing_left(own_pbx.params.ari)
        await eventually_no_ports(serving.process, ports=NARROW)
        assert own_pbx.process.process_id is not None
        await (await ring(telephone, own_pbx)).hang_up()
        assert (await newest_record(serving))["end_reason"] == "caller_hung_up"
