"""Two processes want one application, on a simulated Asterisk."""

import asyncio
import os
from collections.abc import AsyncIterator

from asterisk.ari.client import AriClient
from asterisk.ari.events import AriEvent, UserEvent
from asterisk.gateway import Gateway
from asterisk.ownership import PATIENCE, Owner, Ownership
from asterisk.params import AriParams
from asterisk.simulated_channel import SimulatedChannel
from asterisk.simulator import AsteriskSimulator
from tests.support.gateways import NUMBER, ServeCalls, talk
from tests.support.waiting import until


def quick(simulator: AsteriskSimulator) -> AriParams:
    return simulator.params(owner_answer=2.0, backoff_first=0.01, backoff_limit=0.05)


async def test_the_second_process_leaves_application_and_calls_to_the_first_while_it_lives(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    second = Gateway(quick(simulator), on_call=talk)
    async with serving(simulator, talk, instance="1") as first:
        call = simulator.new_call(NUMBER)
        await call.joined
        before = set(simulator.simulation.channels)
        running = asyncio.create_task(second.run())
        await until(lambda: second.status.state == "occupied")
        assert f"process {os.getpid()} on " in second.status.reason
        assert "ARI_APP" in second.status.reason
        simulator.requests.clear()
        await until(lambda: simulator.requests.count("GET /applications/voice-ai") > 2)
        assert first.status.state == "connected"
        assert set(simulator.simulation.channels) == before
        assert not second.legs

    await until(lambda: second.status.state == "connected")
    later = simulator.new_call(NUMBER)
    await later.joined
    assert len(second.legs) == 1
    await second.close()
    await running


async def test_one_who_took_the_application_for_a_dead_ones_is_not_fought(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    """A process that hung comes back: another has its application by then."""
    late = {"backoff_first": 0.3, "backoff_limit": 0.3, "owner_answer": 2.0}
    async with serving(simulator, talk, **late) as hung:
        await simulator.drop_websockets()
        async with serving(simulator, talk) as taker:
            await until(lambda: hung.status.state == "occupied")
            assert taker.status.state == "connected"


async def test_an_application_that_nobody_registered_is_free(simulator: AsteriskSimulator) -> None:
    assert await Ownership(quick(simulator)).other() is None


async def test_one_who_listens_and_does_not_know_the_question_has_no_claim(
    simulator: AsteriskSimulator,
) -> None:
    async with AriClient(simulator.params()) as stranger, stranger.listen():
        assert await Ownership(simulator.params(owner_answer=0.05)).other() is None


async def test_one_who_answered_keeps_the_application_through_a_short_silence(
    simulator: AsteriskSimulator,
) -> None:
    asking = Ownership(simulator.params(owner_answer=0.3))
    answering = Ownership(simulator.params())
    async with AriClient(simulator.params()) as client, client.listen() as events:

        async def answer_until_heard() -> None:
            async for event in events:
                if isinstance(event, UserEvent):
                    await answering.answer(client, event)

        answered = asyncio.create_task(answer_until_heard())
        while (first := await asking.other()) is None:
            pass
        answered.cancel()
        found = [await asking.other() for _ in range(PATIENCE)]

    assert isinstance(first, Owner)
    assert found == [*[first] * (PATIENCE - 1), None]


async def test_one_who_was_replaced_by_one_of_ours_clears_away_when_that_one_is_gone(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    """Once replaced it took itself for one of two for ever, and adopted nobody."""
    late = {"backoff_first": 0.05, "backoff_limit": 0.05, "owner_answer": 0.15}
    async with serving(simulator, talk, replaced_retry=0.05, **late) as first:
        waiting = SimulatedChannel("w", "PJSIP/trunk-0000000w", "Up", caller="4930")
        async with AriClient(simulator.params()) as client, client.listen() as events:
            await until(lambda: first.status.state == "replaced")
            answering = asyncio.create_task(answer_all(client, events))
            await until(lambda: first.status.state == "occupied")
            answering.cancel()
        waiting.application, waiting.arguments = "voice-ai", ("inbound", NUMBER)
        simulator.simulation.channels["w"] = waiting
        await until(lambda: first.status.state == "connected")
        await until(lambda: [leg.adopted for leg in first.legs] == [True])


async def answer_all(client: AriClient, events: AsyncIterator[AriEvent]) -> None:
    """Answer as a process of ours does."""
    ownership = Ownership(AriParams())
    async for event in events:
        if isinstance(event, UserEvent):
            await ownership.answer(client, event)
