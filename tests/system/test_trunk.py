"""A registrar trunk end to end: registration, the dialled number, and what happens without us."""

import asyncio
from collections.abc import Iterator

import pytest

from asterisk.params import HANDOVER_VARIABLE
from asterisk.runtime import Installation
from tests.support.leftovers import eventually_nothing_left
from tests.support.pbx import Pbx
from tests.support.provider import ACCOUNT, HOST, NUMBERS, PASSWORD, Provider
from tests.support.stasis import StasisReader
from voiceai.bench.sip_caller import SipCaller
from voiceai.bench.sip_message import address_of

BOOT_SECONDS = 3.0

SHORT_SIP_TIMERS = """
[system]
type = system
timer_t1 = 100
timer_b = 6400
"""
"""Asterisk's shortest: a request without an answer fails after 6.4 s and not after 32."""


@pytest.fixture
def own_provider(
    installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Provider]:
    """A provider that a test may mistreat; not started."""
    provider = Provider(installation, tmp_path_factory.mktemp("own-provider"))
    with provider.process:
        yield provider


@pytest.fixture
def own_pbx(
    installation: Installation, own_provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pbx]:
    """Its PBX; not started."""
    trunk = own_provider.trunk()
    pbx = Pbx(installation, tmp_path_factory.mktemp("own-pbx"), trunk=trunk)
    with pbx.process:
        yield pbx


def test_both_boot_in_three_seconds_and_the_pbx_registers(provider: Provider, pbx: Pbx) -> None:
    assert pbx.registration() == "Registered"
    assert address_of(provider.contact()) == pbx.address
    assert provider.process.boot_seconds + pbx.process.boot_seconds < BOOT_SECONDS


@pytest.mark.parametrize("style", ["number", "account"])
@pytest.mark.parametrize("number", [NUMBERS[0], NUMBERS[3]])
async def test_a_call_through_the_provider_enters_stasis_with_the_dialled_number(
    provider: Provider, pbx: Pbx, caller: SipCaller, style: str, number: str
) -> None:
    async with StasisReader(pbx.params.ari) as reader:
        call = await caller.invite(
            number, via=provider.address, from_user="4930123456", headers={"X-Style": style}
        )

        start = await reader.next_event("StasisStart")

        assert start["args"] == ["inbound", number]
        assert start["channel"]["caller"]["number"] == "4930123456"
        await reader.request("POST", f"channels/{start['channel']['id']}/answer")
        assert await call.final() == 200
        await reader.request("DELETE", f"channels/{start['channel']['id']}")
        assert (await asyncio.wait_for(call.ended, 5)).by == "callee"


async def test_a_call_to_the_account_with_the_number_in_to_enters_stasis_with_that_number(
    provider: Provider, pbx: Pbx
) -> None:
    async with SipCaller(HOST) as line_of_provider, StasisReader(pbx.params.ari) as reader:
        call = await line_of_provider.invite(
            provider.contact(),
            via=pbx.address,
            from_user="4930123456",
            to_uri=f"sip:+{NUMBERS[1]}@{HOST}",
        )

        start = await reader.next_event("StasisStart")

        assert start["args"] == ["inbound", f"+{NUMBERS[1]}"]
        await call.hang_up()
        await reader.next_event("StasisEnd")


async def test_a_call_to_the_account_alone_enters_stasis_with_the_account(
    provider: Provider, pbx: Pbx
) -> None:
    async with SipCaller(HOST) as line_of_provider, StasisReader(pbx.params.ari) as reader:
        await line_of_provider.invite(provider.contact(), via=pbx.address)

        start = await reader.next_event("StasisStart")

        assert start["args"] == ["inbound", ACCOUNT]


async def test_without_an_application_the_caller_is_told_unavailable_and_pays_nothing(
    provider: Provider, pbx: Pbx, caller: SipCaller
) -> None:
    call = await caller.dial(NUMBERS[0], via=provider.address)

    assert (call.status, call.answered_at) == (503, None)
    await eventually_nothing_left(pbx.params.ari)
    assert pbx.channels() == []


@pytest.mark.parametrize(("handover", "status"), [("yes", 503), ("", 403)])
async def test_a_caller_given_back_goes_to_the_fallback_only_when_handed_over(
    provider: Provider, pbx: Pbx, caller: SipCaller, handover: str, status: int
) -> None:
    """The PBX hangs up with 603, of which the provider makes 403."""
    async with StasisReader(pbx.params.ari) as reader:
        call = await caller.invite(NUMBERS[0], via=provider.address)
        start = await reader.next_event("StasisStart")
        channel = f"channels/{start['channel']['id']}"

        await reader.request(
            "POST", f"{channel}/variable", variable=HANDOVER_VARIABLE, value=handover
        )
        await reader.request("POST", f"{channel}/continue")

        assert await call.final() == status


async def test_digits_and_audio_pass_both_asterisks(
    provider: Provider, pbx: Pbx, caller: SipCaller
) -> None:
    async with StasisReader(pbx.params.ari) as reader:
        call = await caller.invite(NUMBERS[0], via=provider.address)
        start = await reader.next_event("StasisStart")
        channel = f"channels/{start['channel']['id']}"
        await reader.request("POST", f"{channel}/answer")
        await call.final()

        await call.press("4#")

        pressed = [await reader.next_event("ChannelDtmfReceived") for _ in "4#"]
        assert [event["digit"] for event in pressed] == ["4", "#"]
        await reader.request("POST", f"{channel}/dtmf", dtmf="96")
        await reader.request("POST", f"{channel}/play", media="tone:busy")
        await call.wait_for_speech(5)
        assert call.heard_digits == "96"
        assert call.heard.gaps().lost == 0


async def test_a_provider_that_was_away_is_registered_with_again(
    own_provider: Provider, own_pbx: Pbx
) -> None:
    """Asterisk's own default gives up after ten attempts; SIP's timers are shortened here."""
    await asyncio.to_thread(own_provider.start)
    await asyncio.to_thread(own_pbx.start, further_pjsip=SHORT_SIP_TIMERS)
    await asyncio.to_thread(own_pbx.wait_registered)
    await asyncio.to_thread(own_provider.process.kill)
    own_pbx.process.rx("pjsip send register trunk")
    await asyncio.to_thread(own_pbx.wait_logged, "No response received")
    assert own_pbx.registration() != "Registered"

    await asyncio.to_thread(own_provider.start)

    await asyncio.to_thread(own_pbx.wait_registered)


async def test_a_provider_that_refused_the_account_is_registered_with_again(
    own_provider: Provider, own_pbx: Pbx
) -> None:
    """Asterisk's own default stops for good at the first 401."""
    await asyncio.to_thread(own_provider.start, password="another")  # noqa: S106
    await asyncio.to_thread(own_pbx.start)
    await asyncio.to_thread(own_pbx.wait_logged, "response '401'")
    assert own_pbx.registration() != "Registered"

    await asyncio.to_thread(own_provider.change_password, PASSWORD)

    await asyncio.to_thread(own_pbx.wait_registered)
