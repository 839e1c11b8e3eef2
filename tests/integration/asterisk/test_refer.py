"""The caller's phone hands the call over, against a simulated Asterisk on loopback."""

import asyncio
import json

import pytest

from asterisk.ari.consultation import Unanswered
from asterisk.leg import Leg
from asterisk.params import TRANSFER_HANDLING
from asterisk.refer import Refer
from asterisk.simulated_call import SimulatedCall
from asterisk.simulated_channel import SimulatedChannel
from asterisk.simulated_target import SimulatedTarget
from asterisk.simulator import AsteriskSimulator
from tests.support.gateways import NUMBER, ServeCalls, nothing_left
from tests.support.waiting import until

CONTEXT = "voiceai-attended"


class Desk:
    """Lets each caller hand over, and tells what came of it.

    Attributes:
        outcomes: Of each REFER.
        legs: The calls.
    """

    def __init__(self) -> None:
        self.outcomes: asyncio.Queue[Unanswered | None] = asyncio.Queue()
        self.legs: list[Leg] = []

    async def take(self, leg: Leg) -> None:
        self.legs.append(leg)
        async with asyncio.TaskGroup() as group:

            async def accept(refer: Refer) -> None:
                self.outcomes.put_nowait(await refer.accept(5))

            def handed_over(refer: Refer) -> None:
                group.create_task(accept(refer))

            leg.transfers.on_refer = handed_over
            await leg.answer()
            await leg.open_media("127.0.0.1", 14000, "alaw")
            await leg.ended
            await leg.release()


async def phone_that_talks(simulator: AsteriskSimulator, context: str = CONTEXT) -> SimulatedCall:
    """A caller's phone, with the assistant at the other end."""
    call = simulator.new_call(NUMBER, "491701234", transfer_context=context)
    await call.joined
    if context:
        await until(lambda: call.channel.variables.get(TRANSFER_HANDLING) == "ari-only")
    return call


async def referred(simulator: AsteriskSimulator) -> tuple[SimulatedCall, SimulatedTarget]:
    """A phone that handed over, and who is called."""
    call = await phone_that_talks(simulator)
    call.refer("100")
    await until(lambda: simulator.targets.called)
    return call, simulator.targets.called[0]


def in_bridge(simulator: AsteriskSimulator) -> set[str]:
    """Who hears the assistant, besides the assistant's own channel."""
    simulation = simulator.simulation
    return {name for bridge in simulation.bridges.values() for name in bridge} - set(
        simulation.media
    )


async def test_the_successor_takes_the_callers_place_and_the_phone_is_sent_away(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    desk = Desk()
    async with serving(simulator, desk.take) as gateway:
        call, successor = await referred(simulator)
        assert successor.endpoint == f"Local/100@{CONTEXT}/n"
        assert in_bridge(simulator) == {call.channel.id}

        successor.answer()
        assert await asyncio.wait_for(call.refer_progress.get(), 5) == "channel_answered"
        assert await desk.outcomes.get() is None
        assert in_bridge(simulator) == {successor.channel.id}
        call.hang_up()
        await until(lambda: call.channel.id not in simulator.simulation.channels)
        assert len(gateway.legs) == 1
        assert not desk.legs[0].ended.done()

        successor.hang_up()
        await until(lambda: not gateway.legs)
        assert desk.legs[0].ended.result().who == "caller"
        await until(lambda: nothing_left(simulator))
    assert len(desk.legs) == 1


async def test_a_phone_that_stays_on_the_line_is_hung_up_on(
    simulator: AsteriskSimulator,
    serving: ServeCalls,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("asterisk.refer.FAREWELL_SECONDS", 0.05)
    desk = Desk()
    async with serving(simulator, desk.take):
        call, successor = await referred(simulator)
        successor.answer()
        assert (await asyncio.wait_for(call.ended, 5)).who == "application"
        assert not desk.legs[0].ended.done()


@pytest.mark.parametrize(("cause", "why"), [(17, Unanswered.BUSY), (19, Unanswered.NO_ANSWER)])
async def test_a_successor_who_is_not_there_leaves_the_call_as_it_was(
    simulator: AsteriskSimulator,
    serving: ServeCalls,
    cause: int,
    why: Unanswered,
) -> None:
    desk = Desk()
    async with serving(simulator, desk.take):
        call, successor = await referred(simulator)
        successor.hang_up(cause)
        assert await asyncio.wait_for(call.refer_progress.get(), 5) == "channel_unavailable"
        assert await desk.outcomes.get() is why
        assert in_bridge(simulator) == {call.channel.id}

        call.refer("101")
        await until(lambda: len(simulator.targets.called) == 2)
        assert not call.ended.done()


@pytest.mark.parametrize("destination", ["1@elsewhere", ""])
async def test_what_is_no_number_is_declined(
    simulator: AsteriskSimulator, serving: ServeCalls, destination: str
) -> None:
    desk = Desk()
    async with serving(simulator, desk.take):
        call = await phone_that_talks(simulator)
        call.refer(destination)
        assert await asyncio.wait_for(call.refer_progress.get(), 5) == "channel_declined"
        assert await desk.outcomes.get() is Unanswered.REFUSED
        assert simulator.targets.called == []
        assert in_bridge(simulator) == {call.channel.id}


async def test_a_stranger_may_not_hand_a_call_over(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    desk = Desk()
    async with serving(simulator, desk.take):
        call = await phone_that_talks(simulator, context="")
        call.refer("100")
        assert await asyncio.wait_for(call.refer_progress.get(), 5) == "channel_declined"
        assert simulator.targets.called == []


async def test_a_second_wish_is_declined_while_the_first_is_open(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    desk = Desk()
    async with serving(simulator, desk.take):
        call, successor = await referred(simulator)
        call.refer("101")
        assert await asyncio.wait_for(call.refer_progress.get(), 5) == "channel_declined"
        successor.answer()
        assert await asyncio.wait_for(call.refer_progress.get(), 5) == "channel_answered"


async def test_a_phone_that_does_not_wait_leaves_the_call_to_the_successor(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    desk = Desk()
    async with serving(simulator, desk.take) as gateway:
        call, successor = await referred(simulator)
        call.hang_up()
        await until(lambda: call.channel.id not in simulator.simulation.channels)
        successor.answer()
        assert await asyncio.wait_for(desk.outcomes.get(), 5) is None
        await until(lambda: in_bridge(simulator) == {successor.channel.id})
        assert len(gateway.legs) == 1


async def test_a_call_that_nobody_takes_after_its_phone_left_is_over(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    desk = Desk()
    async with serving(simulator, desk.take):
        call, successor = await referred(simulator)
        call.hang_up()
        await until(lambda: call.channel.id not in simulator.simulation.channels)
        successor.hang_up(19)
        await until(lambda: nothing_left(simulator))
        assert desk.legs[0].ended.result().who == "caller"


async def test_the_end_of_the_call_lets_the_successor_go(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    desk = Desk()
    async with serving(simulator, desk.take):
        _, successor = await referred(simulator)
        await desk.legs[0].hangup()
        await asyncio.wait_for(successor.ended, 5)
        await until(lambda: nothing_left(simulator))


async def test_of_an_attended_transfer_the_other_end_of_the_second_call_is_fetched(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    desk = Desk()
    other = SimulatedChannel("d", "PJSIP/trunk-0000000d", "Up", caller="4930")
    async with serving(simulator, desk.take):
        call = await phone_that_talks(simulator)
        call.refer("100", other=other)
        await until(lambda: simulator.targets.called)
        successor = simulator.targets.called[0]
        assert successor.endpoint == "Local/s@voiceai-connect/n"
        assert successor.channel.variables["VOICEAI_TARGET"] == other.name
        successor.answer()
        assert await asyncio.wait_for(call.refer_progress.get(), 5) == "channel_answered"


async def test_a_caller_who_is_handed_to_the_dialplan_takes_the_decision_along(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    async def hand_over(leg: Leg) -> None:
        await leg.answer()
        await leg.open_media("127.0.0.1", 14000, "alaw")
        await until(lambda: call.channel.variables.get(TRANSFER_HANDLING))
        await leg.continue_in_dialplan("reception", "s", 1)

    async with serving(simulator, hand_over):
        call = simulator.new_call(NUMBER, transfer_context=CONTEXT)
        await call.ended
        assert call.channel.variables[TRANSFER_HANDLING] == "core"


async def test_a_successor_whom_a_killed_process_left_becomes_a_caller_of_the_next(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    """What the next process finds: one who waits where a caller did, and one who rings."""
    query = {"endpoint": "Local/100@x/n", "app": "voice-ai", "appArgs": f"inbound,{NUMBER}"}
    simulator.simulation.applications.add("voice-ai")
    for call_id in ("a" * 32, "b" * 32):
        simulator.targets.originate(f"voiceai-voice-ai-1-{call_id}-successor", query, {})
    waiting, ringing = simulator.targets.called
    waiting.answer()

    desk = Desk()
    async with serving(simulator, desk.take):
        await asyncio.wait_for(ringing.ended, 5)
        await until(lambda: desk.legs)
        assert (desk.legs[0].adopted, desk.legs[0].number) == (True, NUMBER)
        assert not waiting.ended.done()


def enter(simulator: AsteriskSimulator, channel: SimulatedChannel, **further: object) -> None:
    """Let a channel come into the application from the dialplan."""
    simulator.simulation.channels[channel.id] = channel
    start = {"type": "StasisStart", "application": simulator.app, "args": ["inbound", NUMBER]}
    simulator.send_raw(json.dumps({**start, "channel": channel.json(), **further}))


@pytest.mark.parametrize("first", ["1", "2"])
async def test_a_call_that_asterisk_connects_with_our_own_number_is_over(
    simulator: AsteriskSimulator, serving: ServeCalls, first: str
) -> None:
    """Where the number's half came first two assistants talked until a limit ended it."""
    halves = {
        half: SimulatedChannel(half, f"Local/9@x-1;{half}", "Up", application=simulator.app)
        for half in "12"
    }
    desk = Desk()
    async with serving(simulator, desk.take):
        call = await phone_that_talks(simulator, context="")
        replaces = {"replace_channel": {"id": call.channel.id}}
        for half in sorted(halves, reverse=first == "2"):
            enter(simulator, halves[half], **(replaces if half == "1" else {}))
        await until(lambda: "2" not in simulator.simulation.channels)
        simulator.simulation.hang_up("1", 16)
        await until(lambda: nothing_left(simulator))

    assert desk.legs[0].ended.result().who == "caller"
    assert {leg.channel_id for leg in desk.legs} <= {"1", "2"}
