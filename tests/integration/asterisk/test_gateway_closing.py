"""What calls give back, and what becomes of them when the gateway closes."""

import asyncio

from asterisk.leg import Leg
from asterisk.simulated_call import SimulatedCall
from asterisk.simulator import AsteriskSimulator
from tests.support.gateways import NUMBER, ServeCalls, nothing_left, talk
from tests.support.waiting import until


async def test_calls_are_ended_when_the_gateway_closes(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    async with serving(simulator, talk) as gateway:
        call = simulator.new_call(NUMBER)
        await call.joined
        await gateway.close()

        assert (await call.ended).who == "application"
        assert nothing_left(simulator)
        assert gateway.status.state == "closed"


async def test_a_call_that_will_not_end_is_cancelled_when_the_gateway_closes(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    cancelled = asyncio.Event()

    async def on_call(leg: Leg) -> None:
        await leg.answer()
        await leg.open_media("127.0.0.1", 14000, "alaw")
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with serving(simulator, on_call) as gateway:
        await simulator.new_call(NUMBER).joined
        await gateway.close()

    assert cancelled.is_set()
    assert nothing_left(simulator)


async def test_many_calls_at_once_leave_nothing_behind(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    async with serving(simulator, talk) as gateway:
        calls = [simulator.new_call(NUMBER) for _ in range(50)]
        await asyncio.gather(*(call.joined for call in calls))
        assert len(gateway.legs) == 50
        for call in calls:
            call.hang_up()
        await until(lambda: not gateway.legs)
        assert nothing_left(simulator)


async def test_the_media_may_be_opened_once(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    errors: asyncio.Queue[RuntimeError] = asyncio.Queue()

    async def on_call(leg: Leg) -> None:
        await leg.prepare_media("127.0.0.1", 14000, "alaw")
        try:
            await leg.prepare_media("127.0.0.1", 14000, "alaw")
        except RuntimeError as error:
            errors.put_nowait(error)

    async with serving(simulator, on_call):
        simulator.new_call(NUMBER)
        assert "once" in str(await errors.get())


async def test_joining_a_caller_who_was_not_answered_is_a_bug(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    errors: asyncio.Queue[RuntimeError] = asyncio.Queue()

    async def on_call(leg: Leg) -> None:
        try:
            await leg.open_media("127.0.0.1", 14000, "alaw")
        except RuntimeError as error:
            errors.put_nowait(error)

    async with serving(simulator, on_call):
        simulator.new_call(NUMBER)
        assert "answer" in str(await errors.get())


async def test_releasing_twice_gives_back_once(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    async def on_call(leg: Leg) -> None:
        await leg.answer()
        await leg.open_media("127.0.0.1", 14000, "alaw")
        await asyncio.gather(leg.release(), leg.release())

    async with serving(simulator, on_call) as gateway:
        await simulator.new_call(NUMBER).ended
        await gateway.close()

    deletes = [line for line in simulator.requests if line.startswith("DELETE /channels")]
    assert len(deletes) == 2


async def test_a_cancelled_task_still_gives_everything_back(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    async def on_call(leg: Leg) -> None:
        await leg.answer()
        await leg.open_media("127.0.0.1", 14000, "alaw")
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    async with serving(simulator, on_call):
        await simulator.new_call(NUMBER).ended
        await until(lambda: nothing_left(simulator))


async def test_a_caller_in_the_moment_of_closing_reaches_the_fallback(
    simulator: AsteriskSimulator, serving: ServeCalls
) -> None:
    talking = asyncio.Event()

    async def on_call(leg: Leg) -> None:
        await leg.answer()
        await leg.ended
        talking.set()
        late.append(simulator.new_call(NUMBER))
        await asyncio.sleep(0.1)

    late: list[SimulatedCall] = []
    async with serving(simulator, on_call) as gateway:
        call = simulator.new_call(NUMBER)
        await call.answered
        await gateway.close()

    assert (await late[0].ended).who == "fallback"
