"""Whole calls through the gateway, against a simulated Asterisk on loopback."""

import asyncio
from typing import Any

import pytest

from asterisk.ari.call import LegEnd, State
from asterisk.ari.requests import HangupCause
from asterisk.errors import AriRefused, CallEnded
from asterisk.leg import Leg
from asterisk.simulator import AsteriskSimulator
from tests.support.gateways import NUMBER, ServeCalls, nothing_left, talk
from tests.support.waiting import until


async def test_a_call_is_answered_bridged_and_given_back(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    legs: list[Leg] = []

    async def on_call(leg: Leg) -> None:
        legs.append(leg)
        await talk(leg)

    async with serving(simulator, on_call):
        call = simulator.new_call(NUMBER, "491701234", "Caller X")
        media = await call.joined
        assert (media.host, media.port, media.codec) == ("127.0.0.1", 14000, "alaw")
        await until(lambda: legs[0].state is State.TALKING)
        call.hang_up()
        await until(lambda: nothing_left(simulator))

    leg = legs[0]
    assert (leg.number, leg.caller, leg.caller_name) == (NUMBER, "491701234", "Caller X")
    assert leg.ended.result().who == "caller"
    assert leg.state is State.ENDED


async def test_the_audio_address_is_the_one_that_asterisk_names(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    addresses: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
    simulator.simulation.channels.clear()

    async def on_call(leg: Leg) -> None:
        await leg.answer()
        addresses.put_nowait(await leg.open_media("127.0.0.1", 14000, "ulaw"))

    async with serving(simulator, on_call):
        simulator.new_call(NUMBER)
        assert await addresses.get() == ("127.0.0.1", 9)


async def test_a_number_that_nobody_serves_is_refused_before_the_answer(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    async def on_call(leg: Leg) -> None:
        await leg.hangup(HangupCause.NOT_FOUND)

    async with serving(simulator, on_call):
        call = simulator.new_call("999")
        end = await call.ended

    assert (end.who, end.sip_status) == ("application", 404)
    assert not call.answered.done()


@pytest.mark.parametrize(
    ("cause", "status"),
    [
        (HangupCause.NORMAL, 603),
        (HangupCause.BUSY, 486),
        (HangupCause.OVERLOADED, 503),
        (HangupCause.FORBIDDEN, 403),
    ],
)
async def test_a_refusal_becomes_a_sip_status(
    simulator: AsteriskSimulator, serving: ServeCalls, cause: HangupCause, status: int
) -> None:
    async with serving(simulator, lambda leg: leg.hangup(cause)):
        assert (await simulator.new_call(NUMBER).ended).sip_status == status


async def test_the_end_of_the_task_ends_the_call(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    async def on_call(leg: Leg) -> None:
        await leg.answer()
        await leg.open_media("127.0.0.1", 14000, "alaw")

    async with serving(simulator, on_call):
        call = simulator.new_call(NUMBER)
        assert (await call.ended).who == "application"
        await until(lambda: nothing_left(simulator))


async def test_an_exception_ends_its_own_call_and_no_other(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    async def on_call(leg: Leg) -> None:
        if leg.number == "13":
            raise ZeroDivisionError
        await talk(leg)

    async with serving(simulator, on_call):
        good = simulator.new_call(NUMBER)
        await good.joined
        bad = simulator.new_call("13")
        assert (await bad.ended).sip_status == 500
        assert not good.ended.done()
        good.hang_up()
        await until(lambda: nothing_left(simulator))


async def test_keys_of_the_caller_arrive(simulator: AsteriskSimulator, serving: ServeCalls) -> None:
    digits: asyncio.Queue[tuple[str, int]] = asyncio.Queue()

    async def on_call(leg: Leg) -> None:
        leg.on_dtmf = lambda digit, duration_ms: digits.put_nowait((digit, duration_ms))
        await talk(leg)

    async with serving(simulator, on_call):
        call = simulator.new_call(NUMBER)
        await call.joined
        call.press("5", 160)
        assert await digits.get() == ("5", 160)


async def test_a_key_handler_that_raises_does_not_stop_the_events(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    async def on_call(leg: Leg) -> None:
        leg.on_dtmf = fail
        await talk(leg)

    async with serving(simulator, on_call):
        call = simulator.new_call(NUMBER)
        await call.joined
        call.press("5")
        call.hang_up()
        await until(lambda: nothing_left(simulator))


async def test_a_caller_hears_ringing_before_the_answer_only(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    async def on_call(leg: Leg) -> None:
        if leg.number == NUMBER:
            await leg.ring()
        await leg.answer()
        await leg.ring()
        await leg.hangup()

    async with serving(simulator, on_call):
        ringing, answered = simulator.new_call(NUMBER), simulator.new_call("1" + NUMBER)
        await asyncio.gather(ringing.ended, answered.ended)

    assert (ringing.heard_ringing, answered.heard_ringing) == (True, False)


async def test_digits_are_played_to_the_caller(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    async def on_call(leg: Leg) -> None:
        await leg.answer()
        await leg.send_dtmf("12#")

    async with serving(simulator, on_call):
        call = simulator.new_call(NUMBER)
        await call.ended

    assert call.digits_heard == "12#"


async def test_statistics_of_the_callers_audio_are_read(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    found: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def on_call(leg: Leg) -> None:
        await leg.answer()
        found.put_nowait(await leg.rtp_statistics())

    async with serving(simulator, on_call):
        simulator.new_call(NUMBER)
        assert (await found.get())["rxploss"] == 0


async def test_a_caller_who_leaves_while_ringing_ends_the_answer(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    errors: asyncio.Queue[LegEnd] = asyncio.Queue()
    left = asyncio.Event()

    async def on_call(leg: Leg) -> None:
        await left.wait()
        try:
            await leg.answer()
        except CallEnded as error:
            errors.put_nowait(error.end)

    async with serving(simulator, on_call):
        call = simulator.new_call(NUMBER)
        call.hang_up()
        left.set()
        assert (await errors.get()).who == "caller"


async def test_a_caller_who_leaves_while_the_media_opens_leaves_nothing_behind(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    async def on_call(leg: Leg) -> None:
        await leg.answer()
        call.hang_up()
        await leg.open_media("127.0.0.1", 14000, "alaw")

    async with serving(simulator, on_call) as gateway:
        call = simulator.new_call(NUMBER)
        await call.ended
        await until(lambda: not gateway.legs)
        await until(lambda: nothing_left(simulator))


async def test_the_death_of_the_external_channel_ends_the_call(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    ends: asyncio.Queue[LegEnd] = asyncio.Queue()

    async def on_call(leg: Leg) -> None:
        await asyncio.gather(leg.answer(), leg.prepare_media("127.0.0.1", 14000, "alaw"))
        await leg.join()
        ends.put_nowait(await leg.ended)

    async with serving(simulator, on_call):
        call = simulator.new_call(NUMBER)
        media = await call.joined
        simulator.simulation.end_media(media.channel.id)
        assert (await ends.get()).who == "media"
        assert (await call.ended).who == "application"
        await until(lambda: nothing_left(simulator))


async def test_the_limit_of_a_call_is_kept_by_asterisk_and_told_as_such(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    ends: asyncio.Queue[LegEnd] = asyncio.Queue()

    async def on_call(leg: Leg) -> None:
        await asyncio.gather(leg.answer(), leg.prepare_media("127.0.0.1", 14000, "alaw"))
        await leg.join()
        ends.put_nowait(await leg.ended)

    async with serving(simulator, on_call, max_call_seconds=1):
        simulator.new_call(NUMBER)
        assert (await ends.get()).who == "timeout"


async def test_a_caller_can_be_given_back_to_the_dialplan(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    legs: list[Leg] = []

    async def on_call(leg: Leg) -> None:
        legs.append(leg)
        await leg.answer()
        await leg.open_media("127.0.0.1", 14000, "alaw")
        await leg.continue_in_dialplan()

    async with serving(simulator, on_call) as gateway:
        call = simulator.new_call(NUMBER)
        assert (await call.ended).who == "fallback"
        await until(lambda: not gateway.legs)

    assert call.handed_over
    assert legs[0].ended.result() == LegEnd("handover")
    assert f"DELETE /channels/{legs[0].channel_id}" not in simulator.requests
    assert nothing_left(simulator)


async def test_an_address_that_asterisk_refuses_is_an_error_and_leaves_nothing(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    errors: asyncio.Queue[AriRefused] = asyncio.Queue()

    async def on_call(leg: Leg) -> None:
        await leg.answer()
        try:
            await leg.open_media("localhost", 14000, "alaw")
        except AriRefused as error:
            errors.put_nowait(error)
            raise

    async with serving(simulator, on_call) as gateway:
        call = simulator.new_call(NUMBER)
        assert (await errors.get()).status == 500
        await call.ended
        await until(lambda: not gateway.legs and nothing_left(simulator))
