"""The gateway compares its calls with the channels that a simulated Asterisk has."""

import asyncio
import json

from asterisk.ari import requests
from asterisk.ari.client import AriClient
from asterisk.ari.naming import Naming
from asterisk.leg import Leg
from asterisk.simulator import AsteriskSimulator
from tests.support.gateways import NUMBER, ServeCalls, nothing_left, talk
from tests.support.waiting import until


class Pause:
    """Holds one kind of request back until it is let go."""

    def __init__(self, simulator: AsteriskSimulator, name: str) -> None:
        self.reached = asyncio.Event()
        self.released = asyncio.Event()
        self._name = name
        simulator.before_request = self

    async def __call__(self, name: str) -> None:
        if name == self._name and not self.released.is_set():
            self.reached.set()
            await self.released.wait()


async def test_an_external_channel_that_comes_up_after_its_call_is_deleted_at_once(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    naming = Naming(simulator.app, "1")
    late = requests.external_media(
        naming.external("e" * 32),
        app=simulator.app,
        host="127.0.0.1",
        port=14000,
        codec="alaw",
        limit_seconds=60,
    )

    async with serving(simulator, talk), AriClient(simulator.params()) as client:
        await client.send(late)
        await until(lambda: nothing_left(simulator))


async def test_a_call_that_ends_while_channels_are_compared_does_not_begin_anew(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    legs: list[Leg] = []
    finish = asyncio.Event()

    async def on_call(leg: Leg) -> None:
        legs.append(leg)
        await finish.wait()

    async with serving(simulator, on_call, reconcile_interval=0.02) as gateway:
        pause = Pause(simulator, "GET /channels")
        await pause.reached.wait()
        simulator.new_call(NUMBER)
        await until(lambda: legs)
        pause.released.set()
        pause = Pause(simulator, "GET /bridges")
        await pause.reached.wait()
        finish.set()
        await until(lambda: not gateway.legs)
        compared = len(simulator.requests)
        pause.released.set()
        await until(lambda: "GET /asterisk/info" in list(simulator.requests)[compared:])
        await until(lambda: "GET /channels" in list(simulator.requests)[compared:])

    assert len(legs) == 1


async def test_a_call_that_begins_while_channels_are_compared_keeps_its_media(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    async with serving(simulator, talk, reconcile_interval=0.02):
        pause = Pause(simulator, "GET /channels")
        await pause.reached.wait()
        call = simulator.new_call(NUMBER)
        media = await call.joined
        compared = len(simulator.requests)
        pause.released.set()
        await until(lambda: list(simulator.requests)[compared:].count("GET /channels") > 1)

        assert media.channel.id in simulator.simulation.media
        assert not call.ended.done()


async def test_callers_of_another_client_are_not_taken_after_a_replacement(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    legs: list[Leg] = []

    async def on_call(leg: Leg) -> None:
        legs.append(leg)
        await leg.ended

    async with (
        serving(simulator, on_call, reconcile_interval=0.02) as gateway,
        AriClient(simulator.params()) as other,
    ):
        async with other.listen():
            await until(lambda: gateway.status.state == "replaced")
            call = simulator.new_call(NUMBER)
            await until(lambda: gateway.status.state == "connected")
            compared = len(simulator.requests)
            await until(lambda: list(simulator.requests)[compared:].count("GET /bridges") > 2)
        call.hang_up()

    assert legs == []


async def test_a_caller_who_comes_back_from_the_dialplan_is_a_new_call(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    legs: list[Leg] = []
    linger = asyncio.Event()

    async def on_call(leg: Leg) -> None:
        legs.append(leg)
        if len(legs) == 1:
            await leg.continue_in_dialplan()
            await linger.wait()

    async with serving(simulator, on_call):
        call = simulator.new_call(NUMBER)
        shape = call.channel.json()
        await call.ended
        simulator.send_raw(
            json.dumps(
                {
                    "type": "StasisStart",
                    "application": simulator.app,
                    "args": ["inbound", NUMBER],
                    "channel": shape,
                }
            )
        )
        await until(lambda: len(legs) == 2)
        linger.set()

    assert [leg.channel_id for leg in legs] == [call.channel.id] * 2


async def test_a_caller_on_whom_asterisk_would_not_hang_up_is_hung_up_on_later(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    """He stayed in the application, in silence: every comparison took him for departed."""
    legs: list[Leg] = []

    async def on_call(leg: Leg) -> None:
        legs.append(leg)
        await leg.answer()
        simulator.read_only = True
        await leg.hangup()

    async with serving(simulator, on_call, reconcile_interval=0.02) as gateway:
        call = simulator.new_call(NUMBER)
        await until(lambda: legs and not gateway.legs)
        compared = len(simulator.requests)
        await until(lambda: list(simulator.requests)[compared:].count("GET /bridges") > 2)
        assert not call.ended.done()

        simulator.read_only = False
        await asyncio.wait_for(call.ended, 5)

    assert len(legs) == 1


async def test_a_caller_of_an_asterisk_that_was_out_of_reach_becomes_a_new_call(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    legs: list[Leg] = []

    async def on_call(leg: Leg) -> None:
        legs.append(leg)
        await leg.answer()
        if len(legs) == 1:
            simulator.read_only = True
            leg.asterisk_lost("out of reach")
        else:
            await leg.ended

    async with serving(simulator, on_call, reconcile_interval=0.02) as gateway:
        call = simulator.new_call(NUMBER)
        await until(lambda: legs and not gateway.legs)
        simulator.read_only = False
        await until(lambda: len(legs) == 2)

        assert not call.ended.done()
        assert legs[1].adopted
