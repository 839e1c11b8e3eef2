"""Calls while the connection to a simulated Asterisk breaks, is taken over, or comes back."""

import asyncio

import pytest

from asterisk import gateway as gateway_module
from asterisk.ari.call import LegEnd, State
from asterisk.ari.client import AriClient
from asterisk.leg import Leg
from asterisk.simulator import AsteriskSimulator
from tests.support.gateways import NUMBER, ServeCalls, nothing_left, talk
from tests.support.waiting import until


async def test_a_call_goes_on_while_the_event_connection_is_cut(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    async with serving(simulator, talk) as gateway:
        call = simulator.new_call(NUMBER)
        await call.joined
        await simulator.drop_websockets()
        await simulator.wait_registered()
        async with asyncio.timeout(5):
            await gateway.wait_ready()
        assert not call.ended.done()
        assert len(gateway.legs) == 1
        call.hang_up()
        await until(lambda: not gateway.legs)
        assert nothing_left(simulator)


async def test_calls_without_audio_are_over_when_asterisk_stays_out_of_reach(
    simulator: AsteriskSimulator, serving: ServeCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_module, "LOST_SECONDS", 0.1)
    monkeypatch.setattr(gateway_module, "OFFLINE_INTERVAL_SECONDS", 0.02)
    asked: asyncio.Queue[None] = asyncio.Queue()
    heard = True

    def hears_caller() -> bool:
        asked.put_nowait(None)
        return heard

    async def on_call(leg: Leg) -> None:
        leg.hears_caller = hears_caller
        await talk(leg)

    async with serving(simulator, on_call) as running:
        await simulator.new_call(NUMBER).joined
        [leg] = running.legs
        await simulator.stop()
        async with asyncio.timeout(5):
            await asked.get()
            await asked.get()
            assert not leg.ended.done()
            heard = False
            assert await leg.ended == LegEnd("asterisk", text="out of reach for 0.1 s")


async def test_a_caller_who_left_while_events_were_lost_is_missed_afterwards(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    ends: asyncio.Queue[LegEnd] = asyncio.Queue()

    async def on_call(leg: Leg) -> None:
        await asyncio.gather(leg.answer(), leg.prepare_media("127.0.0.1", 14000, "alaw"))
        await leg.join()
        ends.put_nowait(await leg.ended)

    async with serving(simulator, on_call):
        call = simulator.new_call(NUMBER)
        await call.joined
        await simulator.drop_websockets()
        call.hang_up()
        assert await ends.get() == LegEnd("caller", text="left while events were lost")
        await until(lambda: nothing_left(simulator))


async def test_a_restart_of_asterisk_ends_all_calls_and_new_ones_arrive(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    ends: asyncio.Queue[LegEnd] = asyncio.Queue()

    async def on_call(leg: Leg) -> None:
        await asyncio.gather(leg.answer(), leg.prepare_media("127.0.0.1", 14000, "alaw"))
        await leg.join()
        ends.put_nowait(await leg.ended)

    async with serving(simulator, on_call):
        for _ in range(2):
            await simulator.new_call(NUMBER).joined
        await simulator.restart()
        async with asyncio.timeout(5):
            assert await ends.get() == LegEnd("asterisk", text="restarted")
            assert await ends.get() == LegEnd("asterisk", text="restarted")
            await simulator.wait_registered()
            again = simulator.new_call(NUMBER)
            await again.joined


async def test_what_a_killed_process_left_is_deleted_and_its_caller_becomes_a_new_call(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    first = asyncio.Event()
    adopted: asyncio.Queue[Leg] = asyncio.Queue()

    async def die(leg: Leg) -> None:
        await asyncio.gather(leg.answer(), leg.prepare_media("127.0.0.1", 14000, "alaw"))
        await leg.join()
        first.set()
        await asyncio.Event().wait()

    async with serving(simulator, die, backoff_first=60.0, backoff_limit=60.0):
        call = simulator.new_call(NUMBER, "491701234")
        await first.wait()
        await simulator.drop_websockets()
        left_behind = set(simulator.simulation.media)

        async def take_over(leg: Leg) -> None:
            adopted.put_nowait(leg)
            await talk(leg)

        async with serving(simulator, take_over):
            leg = await adopted.get()
            await until(lambda: leg.state is State.TALKING)

            assert (leg.adopted, leg.number, leg.caller) == (True, NUMBER, "491701234")
            assert not left_behind & set(simulator.simulation.media)
            assert len(simulator.simulation.bridges) == 1
            assert not call.ended.done()


async def test_another_client_on_the_application_is_reported_and_not_fought_for_ever(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    async with (
        serving(simulator, talk, replaced_retry=30.0) as first,
        AriClient(simulator.params()) as other,
        other.listen(),
    ):
        await until(lambda: first.status.state == "replaced")
        assert "another client took over" in first.status.reason
        assert "ARI_APP" in first.status.reason


async def test_a_call_of_the_client_that_was_replaced_goes_on_and_its_end_is_noticed(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    async with serving(simulator, talk, replaced_retry=30.0) as first:
        call = simulator.new_call(NUMBER)
        await call.joined
        async with AriClient(simulator.params()) as other, other.listen():
            await until(lambda: first.status.state == "replaced")
            assert len(first.legs) == 1
            call.hang_up()
            await until(lambda: not first.legs)
        assert nothing_left(simulator)


async def test_a_message_that_is_no_event_is_counted_and_dropped(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    async with serving(simulator, talk) as gateway:
        simulator.send_raw('{"type": "StasisStart"}')
        await until(lambda: gateway.malformed_events == 1)
        await simulator.new_call(NUMBER).joined
