"""A caller waits, and another is called for it, against a simulated Asterisk on loopback."""

import asyncio
from collections.abc import Awaitable, Callable

from asterisk.ari.consultation import Unanswered
from asterisk.consultation import Consultation
from asterisk.leg import Leg
from asterisk.simulated_call import SimulatedCall
from asterisk.simulated_target import SimulatedTarget
from asterisk.simulator import AsteriskSimulator
from tests.support.gateways import NUMBER, ServeCalls
from tests.support.waiting import until

Consult = Callable[[Consultation], Awaitable[None]]


class Reception:
    """Consults for each caller, and goes on talking when that came to nothing.

    Attributes:
        outcomes: What came of dialling.
    """

    def __init__(self, then: Consult) -> None:
        self.outcomes: asyncio.Queue[Unanswered | None] = asyncio.Queue()
        self.leg: Leg | None = None
        self._then = then

    async def take(self, leg: Leg) -> None:
        self.leg = leg
        await leg.answer()
        await leg.open_media("127.0.0.1", 14000, "alaw")
        consulting = asyncio.ensure_future(self._consult(leg))
        await leg.ended
        await leg.release()
        consulting.cancel()
        await asyncio.wait({consulting})

    async def _consult(self, leg: Leg) -> None:
        consultation = leg.consult()
        self.outcomes.put_nowait(await consultation.dial("100", 5))
        await self._then(consultation)


async def put_through(consultation: Consultation) -> None:
    await consultation.admit()
    await consultation.connect()


async def called(simulator: AsteriskSimulator) -> tuple[SimulatedCall, SimulatedTarget]:
    """A caller, and who is called for it."""
    call = simulator.new_call(NUMBER, "491701234")
    async with asyncio.timeout(5):
        return call, await simulator.targets.next()


def talking(simulator: AsteriskSimulator, call: SimulatedCall) -> bool:
    """Whether caller and assistant hear each other, and there is nobody else."""
    bridges = list(simulator.simulation.bridges.values())
    return len(simulator.simulation.channels) == 2 and call.channel.id in bridges[0]


async def test_the_caller_hears_ringing_and_is_connected_with_the_one_who_answers(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    reception = Reception(put_through)
    async with serving(simulator, reception.take) as gateway:
        call, target = await called(simulator)
        assert call.hears_ringing
        assert call.channel.bridge_id is None
        assert target.endpoint == "Local/100@voiceai-attended/n"

        target.answer()
        await until(lambda: target.connected)
        await until(lambda: not gateway.legs)
        assert await reception.outcomes.get() is None
        assert not call.hears_ringing
        assert list(simulator.simulation.channels.values()) == [target.channel]
        assert simulator.simulation.bridges == {}
        assert reception.leg
        assert reception.leg.ended.result().who == "handover"


async def test_a_busy_target_leaves_caller_and_assistant_as_they_were(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    reception = Reception(lambda consultation: consultation.take_back())
    async with serving(simulator, reception.take):
        call, target = await called(simulator)
        target.hang_up(17)
        assert await reception.outcomes.get() is Unanswered.BUSY
        await until(lambda: talking(simulator, call))
        assert not call.hears_ringing
        call.hang_up()
        await until(lambda: not simulator.simulation.channels)


async def test_a_target_stops_ringing_when_the_caller_leaves(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    reception = Reception(put_through)
    async with serving(simulator, reception.take):
        call, target = await called(simulator)
        call.hang_up()
        await asyncio.wait_for(target.ended, 5)
        await until(lambda: not simulator.simulation.channels and not simulator.simulation.bridges)


async def test_a_target_who_leaves_before_the_caller_came_is_no_one(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    connected: list[bool] = []

    async def too_late(consultation: Consultation) -> None:
        await consultation.admit()
        assert await consultation.failed is Unanswered.HUNG_UP
        connected.append(await consultation.connect())
        await consultation.take_back()

    reception = Reception(too_late)
    async with serving(simulator, reception.take):
        call, target = await called(simulator)
        target.answer()
        await until(lambda: target.channel.bridge_id)
        target.hang_up()
        await until(lambda: talking(simulator, call))
        assert connected == [False]
        assert not call.ended.done()


async def test_a_target_whom_asterisk_cannot_call_is_unreachable(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    simulator.targets.refuses = True
    reception = Reception(lambda consultation: consultation.take_back())
    async with serving(simulator, reception.take):
        call = simulator.new_call(NUMBER)
        assert await asyncio.wait_for(reception.outcomes.get(), 5) is Unanswered.UNREACHABLE
        await until(lambda: talking(simulator, call))


async def test_a_killed_process_leaves_a_connected_pair_and_no_one_who_rings(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    """What the next process finds: one pair that talks, one target that rings for nobody."""
    naming = "voiceai-voice-ai-1-{}-target"
    query = {"endpoint": "Local/100@voiceai-attended/n", "app": "voice-ai", "timeout": "60"}
    for call_id in ("a" * 32, "b" * 32):
        simulator.targets.originate(naming.format(call_id), query, {})
    pair, ringing = simulator.targets.called
    pair.answer()
    simulator.simulation.leave(pair.channel)

    async with serving(simulator, Reception(put_through).take):
        await asyncio.wait_for(ringing.ended, 5)
        assert not pair.ended.done()
