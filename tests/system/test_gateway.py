"""The gateway against a real Asterisk: what it takes, refuses, clears away and outlives."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import pytest

from asterisk.ari import requests
from asterisk.ari.call import State
from asterisk.ari.client import AriClient
from asterisk.ari.naming import Naming
from asterisk.ari.requests import HangupCause
from asterisk.config.check import startup_checks
from asterisk.gateway import Gateway
from asterisk.leg import Leg
from asterisk.params import (
    INBOUND_CONTEXT,
    TRANSFER_CONTEXT,
    TRANSFER_CONTEXT_VARIABLE,
    AriParams,
)
from tests.support.leftovers import all_in, eventually_nothing_left
from tests.support.pbx import PHONE, Pbx
from tests.support.provider import ECHO, NUMBERS, Provider
from tests.support.stasis import StasisReader
from tests.support.waiting import until
from voiceai.bench.sip_caller import SipCaller
from voiceai.bench.sip_refer import refer


@asynccontextmanager
async def taking_calls(
    params: AriParams, on_call: Callable[[Leg], Awaitable[None]]
) -> AsyncIterator[Gateway]:
    """A gateway that is ready for calls, closed afterwards."""
    gateway = Gateway(params, on_call=on_call)
    running = asyncio.create_task(gateway.run())
    try:
        async with asyncio.timeout(10):
            await gateway.wait_ready()
        yield gateway
    finally:
        await gateway.close()
        await running


@pytest.fixture
async def phone() -> AsyncIterator[SipCaller]:
    """A telephone of the PBX itself: no provider between that changes a status."""
    async with SipCaller("127.0.0.4", credentials=PHONE) as phone:
        yield phone


async def eventually_without(params: AriParams, part: str) -> None:
    """Return when Asterisk has no channel and no bridge with this in its name."""
    async with asyncio.timeout(5):
        while any(part in name for name in await all_in(params)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def talk(leg: Leg) -> None:
    """Answer and join with audio that nobody listens to: these tests are about control."""
    await asyncio.gather(leg.prepare_media("127.0.0.1", 14_000, "alaw"), leg.answer())
    await leg.join()
    await leg.ended


async def test_a_call_leaves_nothing_behind(
    pbx: Pbx, provider: Provider, caller: SipCaller
) -> None:
    digits: asyncio.Queue[str] = asyncio.Queue()
    legs: list[Leg] = []

    async def on_call(leg: Leg) -> None:
        legs.append(leg)
        leg.on_dtmf = lambda digit, _: digits.put_nowait(digit)
        await talk(leg)

    async with taking_calls(pbx.params.ari, on_call):
        call = await caller.dial(NUMBERS[0], via=provider.address, from_user="4930123456")
        await call.press("5")
        assert await digits.get() == "5"
        await call.hang_up()
        await eventually_nothing_left(pbx.params.ari)

    assert (legs[0].number, legs[0].caller) == (NUMBERS[0], "4930123456")
    assert legs[0].ended.result().who == "caller"


@pytest.mark.parametrize(
    ("cause", "status"),
    [
        (HangupCause.NOT_FOUND, 404),
        (HangupCause.NORMAL, 603),
        (HangupCause.BUSY, 486),
        (HangupCause.TIMEOUT, 408),
        (HangupCause.UNAVAILABLE, 480),
        (HangupCause.FORBIDDEN, 403),
        (HangupCause.GONE, 410),
        (HangupCause.OVERLOADED, 503),
        (HangupCause.FAILURE, 500),
        (HangupCause.NOT_ACCEPTABLE, 488),
    ],
)
async def test_a_refusal_becomes_a_sip_status(
    pbx: Pbx, phone: SipCaller, cause: HangupCause, status: int
) -> None:
    async with taking_calls(pbx.params.ari, lambda leg: leg.hangup(cause)):
        call = await phone.dial(NUMBERS[0], via=pbx.address, from_user=PHONE.username)

    assert call.status == status


async def test_the_limit_of_a_call_is_kept_by_asterisk(pbx: Pbx, phone: SipCaller) -> None:
    ends: asyncio.Queue[str] = asyncio.Queue()

    async def on_call(leg: Leg) -> None:
        await talk(leg)
        ends.put_nowait(leg.ended.result().who)

    params = pbx.params.ari.model_copy(update={"max_call_seconds": 1})
    async with taking_calls(params, on_call):
        call = await phone.dial(NUMBERS[0], via=pbx.address, from_user=PHONE.username)
        assert await ends.get() == "timeout"
        await call.ended


async def test_what_a_dead_process_left_is_cleared_and_its_caller_is_served(
    pbx: Pbx, phone: SipCaller
) -> None:
    params = pbx.params.ari
    naming, dead = Naming(params.app, params.instance), "d" * 32
    adopted: asyncio.Queue[Leg] = asyncio.Queue()

    async def on_call(leg: Leg) -> None:
        adopted.put_nowait(leg)
        await talk(leg)

    async with AriClient(params) as client:
        async with StasisReader(params) as reader:
            call = await phone.invite(NUMBERS[0], via=pbx.address, from_user=PHONE.username)
            channel_id = (await reader.next_event("StasisStart"))["channel"]["id"]
            await client.send(requests.answer(channel_id))
            await client.send(requests.create_bridge(naming.bridge(dead)))
            external = requests.external_media(
                naming.external(dead),
                app=params.app,
                host="127.0.0.1",
                port=14_000,
                codec="alaw",
                limit_seconds=60,
            )
            await client.send(external)
            await reader.next_event("StasisStart")
            both = (channel_id, naming.external(dead))
            await client.send(requests.add_channels(naming.bridge(dead), both))

        async with taking_calls(params, on_call):
            leg = await adopted.get()
            assert (leg.adopted, leg.number, leg.channel_id) == (True, NUMBERS[0], channel_id)
            await eventually_without(params, dead)
            assert not call.ended.done()
            await call.hang_up()
            await eventually_nothing_left(params)


@pytest.mark.parametrize("attended", [False, True])
async def test_a_call_goes_on_with_whom_asterisk_itself_puts_into_the_callers_place(
    pbx: Pbx, phone: SipCaller, attended: bool
) -> None:
    """A REFER of a phone whose endpoint leaves it to Asterisk, as those of other people do."""
    replaced: asyncio.Queue[str] = asyncio.Queue()

    async def on_call(leg: Leg) -> None:
        if leg.number == NUMBERS[1]:
            await leg.answer()
            await leg.continue_in_dialplan(TRANSFER_CONTEXT, ECHO, 1)
            return
        leg.transfers.on_replaced = replaced.put_nowait
        await leg.answer()
        await leg.open_media("127.0.0.1", 14_000, "alaw")
        await leg.ended

    async with taking_calls(pbx.params.ari, on_call) as gateway:
        call = await phone.dial(NUMBERS[0], via=pbx.address, from_user=PHONE.username)
        [leg] = gateway.legs
        await until(lambda: leg.transfers.context and leg.state is State.TALKING)
        await leg.transfers.disallow()
        other = None
        if attended:
            other = await phone.dial(NUMBERS[1], via=pbx.address, from_user=PHONE.username)
            await until(lambda: " basic " in pbx.process.rx("bridge show all"))
        host, port = pbx.address
        assert await refer(call, f"sip:{ECHO}@{host}:{port}", replaces=other) == 202

        await asyncio.wait_for(replaced.get(), 5)
        await call.hang_up()
        await until(lambda: not [name for name in pbx.channels() if name.startswith("PJSIP/phone")])
        assert list(gateway.legs) == [leg]
        assert not leg.ended.done()
        assert len([name for name in pbx.channels() if name.startswith("UnicastRTP/")]) == 1

        [echo] = [name for name in pbx.channels() if name.startswith("PJSIP/trunk")]
        pbx.process.rx(f"channel request hangup {echo}")
        assert (await asyncio.wait_for(leg.ended, 5)).who == "caller"
        await eventually_nothing_left(pbx.params.ari)


async def test_a_call_that_is_handed_over_to_an_assistant_is_over(
    pbx: Pbx, phone: SipCaller
) -> None:
    """Two assistants would talk with each other until a limit ends it."""
    legs: asyncio.Queue[Leg] = asyncio.Queue()

    async def on_call(leg: Leg) -> None:
        legs.put_nowait(leg)
        await leg.answer()
        await leg.open_media("127.0.0.1", 14_000, "alaw")
        await leg.ended

    async with taking_calls(pbx.params.ari, on_call), AriClient(pbx.params.ari) as ari:
        call = await phone.dial(NUMBERS[0], via=pbx.address, from_user=PHONE.username)
        leg = legs.get_nowait()
        await until(lambda: leg.transfers.context and leg.state is State.TALKING)
        await leg.transfers.disallow()
        context = requests.set_variable(leg.channel_id, TRANSFER_CONTEXT_VARIABLE, INBOUND_CONTEXT)
        await ari.send(context)
        host, port = pbx.address
        assert await refer(call, f"sip:{NUMBERS[0]}@{host}:{port}") == 202

        assert (await asyncio.wait_for(leg.ended, 5)).who == "caller"
        await call.hang_up()
        await eventually_nothing_left(pbx.params.ari)
    while not legs.empty():  # the number's half may enter the application first
        assert legs.get_nowait().ended.done()


async def test_a_second_process_leaves_the_calls_of_the_first_alone_and_takes_over_after_it(
    pbx: Pbx, phone: SipCaller
) -> None:
    params = pbx.params.ari.model_copy(update={"backoff_limit": 0.1})
    second = Gateway(params, on_call=talk)
    async with taking_calls(params, talk) as first:
        call = await phone.dial(NUMBERS[0], via=pbx.address, from_user=PHONE.username)
        await until(lambda: [leg.state for leg in first.legs] == [State.TALKING])
        before = await all_in(params)
        running = asyncio.create_task(second.run())
        await until(lambda: second.status.state == "occupied")
        assert "ARI_APP" in second.status.reason
        assert (first.status.state, await all_in(params)) == ("connected", before)
        assert not call.ended.done()
    async with asyncio.timeout(5):
        await second.wait_ready()
    call = await phone.dial(NUMBERS[0], via=pbx.address, from_user=PHONE.username)
    assert len(second.legs) == 1
    await second.close()
    await running


async def test_a_caller_given_back_reaches_the_fallback(pbx: Pbx, phone: SipCaller) -> None:
    async def on_call(leg: Leg) -> None:
        await leg.continue_in_dialplan()

    async with taking_calls(pbx.params.ari, on_call):
        call = await phone.dial(NUMBERS[0], via=pbx.address, from_user=PHONE.username)

    assert call.status == 503


async def test_the_rendered_configuration_passes_the_check_up(pbx: Pbx) -> None:
    async with (
        taking_calls(pbx.params.ari, talk),
        AriClient(pbx.params.ari) as client,
    ):
        found = await startup_checks(client, pbx.params.ari, rtp_ports=(10_000, 20_000))
        probes = [name for name in pbx.channels() if name.startswith("Local/")]

    assert {finding.level for finding in found} == {"ok"}
    assert "room for" in found[-1].message
    assert probes == []


async def test_what_an_older_configuration_lacks_is_told_with_its_fix(pbx: Pbx) -> None:
    """Probation, the context of attended transfers, and that the trunk may not transfer calls."""
    rendered = {
        name: (pbx.process.configuration / name).read_text()
        for name in ("rtp.conf", "extensions.conf", "pjsip.conf")
    }
    older = {
        "rtp.conf": rendered["rtp.conf"].replace("probation = 2", ""),
        "extensions.conf": rendered["extensions.conf"].replace("[voiceai-connect]", "[other]"),
        "pjsip.conf": rendered["pjsip.conf"].replace("allow_transfer = no", ""),
    }
    try:
        configure(pbx, older)
        async with AriClient(pbx.params.ari) as client:
            found = await startup_checks(client, pbx.params.ari)
    finally:
        configure(pbx, rendered)

    told = {finding.check: finding for finding in found if finding.level == "warn"}
    assert set(told) == {"application", "dialplan", "probation", "trunks"}
    assert told["dialplan"].message == "not in the dialplan: voiceai-connect (attended transfers)"
    assert "probation=2" in told["probation"].fix
    assert "(REFER): trunk. " in told["trunks"].message


def configure(pbx: Pbx, files: Mapping[str, str]) -> None:
    """Have the PBX read these files instead of its own."""
    for name, text in files.items():
        (pbx.process.configuration / name).write_text(text)
    pbx.process.rx("dialplan reload")
    pbx.process.rx("module reload res_pjsip.so")
