"""Callers who are put through, or are not."""

import asyncio

from asterisk.simulator import AsteriskSimulator
from tests.support.calls import (
    NUMBER,
    Records,
    Serve,
    dialled,
    reason,
    reception,
    refuse,
    switchboard,
)
from tests.support.waiting import until


async def test_a_caller_whose_transfer_asterisk_refuses_is_not_left_in_silence(
    asterisk: AsteriskSimulator, serve: Serve, records: Records
) -> None:
    async with serve(switchboard) as gateway:
        call = asterisk.new_call(NUMBER)
        await asyncio.wait_for(call.joined, 5)
        asterisk.before_request = refuse("/continue")
        call.press("0")
        call.press("#")

        assert await reason(gateway, records, call) == "error"

    assert not call.handed_over
    assert call.ended.result().who == "application"


async def test_a_caller_hears_of_one_who_hung_up_on_the_announcement_and_the_call_goes_on(
    asterisk: AsteriskSimulator, serve: Serve, records: Records
) -> None:
    async with serve(reception) as gateway:
        call, target = await dialled(asterisk, "1")
        assert call.hears_ringing
        target.answer()
        await until(lambda: target.channel.bridge_id is not None)
        target.hang_up()
        await records.said("Nobody is there.")
        assert call.channel.bridge_id is not None
        call.hang_up()

        assert await reason(gateway, records, call) == "caller_hung_up"
    assert not asterisk.simulation.channels
    assert records.results() == ["hung up before the caller was put through"]


async def test_a_caller_is_connected_when_the_announcement_was_heard(
    asterisk: AsteriskSimulator, serve: Serve, records: Records
) -> None:
    async with serve(reception) as gateway:
        call, target = await dialled(asterisk)
        target.answer()

        assert await reason(gateway, records, call) == "transferred"
        assert list(asterisk.simulation.channels) == [target.channel.id]
    assert target.connected
    assert records.results() == ["answered"]


async def test_a_target_stops_ringing_when_its_caller_leaves(
    asterisk: AsteriskSimulator, serve: Serve, records: Records
) -> None:
    async with serve(reception) as gateway:
        call, target = await dialled(asterisk)
        call.hang_up()
        await asyncio.wait_for(target.ended, 5)

        assert await reason(gateway, records, call) == "caller_hung_up"
    assert not asterisk.simulation.channels


async def test_a_caller_whom_asterisk_will_not_give_back_is_not_left_with_the_ringing(
    asterisk: AsteriskSimulator, serve: Serve, records: Records
) -> None:
    async with serve(reception) as gateway:
        call, target = await dialled(asterisk)
        asterisk.before_request = refuse("/addChannel")
        target.hang_up(17)

        assert await reason(gateway, records, call) == "error"
    assert call.ended.result().who == "application"
