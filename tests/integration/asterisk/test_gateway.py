"""Whole calls through the gateway, against a simulated Asterisk on loopback."""

import asyncio
import json
from typing import Any

import pytest

from asterisk import gateway as gateway_module
from asterisk.ari import requests
from asterisk.ari.call import LegEnd, State
from asterisk.ari.client import AriClient
from asterisk.ari.naming import Naming
from asterisk.ari.requests import HangupCause
from asterisk.errors import AriRefused, CallEnded
from asterisk.leg import Leg
from asterisk.simulated_call import SimulatedCall
from asterisk.simulator import AsteriskSimulator
from tests.support.gateways import Eventually, ServeCalls

NUMBER = "4920189098723"


def nothing_left(simulator: AsteriskSimulator) -> bool:
    return not simulator.simulation.channels and not simulator.simulation.bridges


async def talk(leg: Leg) -> None:
    """Answer, open the media, talk until the call ends."""
    await asyncio.gather(leg.prepare_media("127.0.0.1", 14000, "alaw"), leg.answer())
    await leg.join()
    await leg.ended


async def test_a_call_is_answered_bridged_and_given_back(
    simulator: AsteriskSimulator, serving: ServeCalls, eventually: Eventually
) -> None:
    legs: list[Leg] = []

    async def on_call(leg: Leg) -> None:
        legs.append(leg)
        await talk(leg)

    async with serving(simulator, on_call):
        call = simulator.new_call(NUMBER, "491701234", "Caller X")
        media = await call.joined
        assert (media.host, media.port, media.codec) == ("127.0.0.1", 14000, "alaw")
        await eventually(lambda: legs[0].state is State.TALKING)
        call.hang_up()
        await eventually(lambda: nothing_left(simulator))

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
    simulator: AsteriskSimulator, serving: ServeCalls, eventually: Eventually
) -> None:
    async def on_call(leg: Leg) -> None:
        await leg.answer()
        await leg.open_media("127.0.0.1", 14000, "alaw")

    async with serving(simulator, on_call):
        call = simulator.new_call(NUMBER)
        assert (await call.ended).who == "application"
        await eventually(lambda: nothing_left(simulator))


async def test_an_exception_ends_its_own_call_and_no_other(
    simulator: AsteriskSimulator, serving: ServeCalls, eventually: Eventually
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
        await eventually(lambda: nothing_left(simulator))


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
    simulator: AsteriskSimulator, serving: ServeCalls, eventually: Eventually
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
        await eventually(lambda: nothing_left(simulator))


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
    simulator: AsteriskSimulator, serving: ServeCalls, eventually: Eventually
) -> None:
    async def on_call(leg: Leg) -> None:
        await leg.answer()
        call.hang_up()
        await leg.open_media("127.0.0.1", 14000, "alaw")

    async with serving(simulator, on_call) as gateway:
        call = simulator.new_call(NUMBER)
        await call.ended
        await eventually(lambda: not gateway.legs)
        await eventually(lambda: nothing_left(simulator))


async def test_the_death_of_the_external_channel_ends_the_call(
    simulator: AsteriskSimulator, serving: ServeCalls, eventually: Eventually
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
        await eventually(lambda: nothing_left(simulator))


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
    simulator: AsteriskSimulator, serving: ServeCalls, eventually: Eventually
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
        await eventually(lambda: not gateway.legs)

    assert call.handed_over
    assert legs[0].ended.result() == LegEnd("handover")
    assert f"DELETE /channels/{legs[0].channel_id}" not in simulator.requests
    assert nothing_left(simulator)


async def test_an_address_that_asterisk_refuses_is_an_error_and_leaves_nothing(
    simulator: AsteriskSimulator, serving: ServeCalls, eventually: Eventually
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
        await eventually(lambda: not gateway.legs and nothing_left(simulator))


async def test_a_call_goes_on_while_the_event_connection_is_cut(
    simulator: AsteriskSimulator, serving: ServeCalls, eventually: Eventually
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
        await eventually(lambda: not gateway.legs)
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
    simulator: AsteriskSimulator, serving: ServeCalls, eventually: Eventually
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
        await eventually(lambda: nothing_left(simulator))


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
    simulator: AsteriskSimulator, serving: ServeCalls, eventually: Eventually
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
            await eventually(lambda: leg.state is State.TALKING)

            assert (leg.adopted, leg.number, leg.caller) == (True, NUMBER, "491701234")
            assert not left_behind & set(simulator.simulation.media)
            assert len(simulator.simulation.bridges) == 1
            assert not call.ended.done()


async def test_another_client_on_the_application_is_reported_and_not_fought_for_ever(
    simulator: AsteriskSimulator, serving: ServeCalls, eventually: Eventually
) -> None:
    async with (
        serving(simulator, talk, replaced_retry=30.0) as first,
        AriClient(simulator.params()) as other,
        other.listen(),
    ):
        await eventually(lambda: first.status.state == "replaced")
        assert "another client took over" in first.status.reason
        assert "ARI_APP" in first.status.reason


async def test_a_call_of_the_client_that_was_replaced_goes_on_and_its_end_is_noticed(
    simulator: AsteriskSimulator, serving: ServeCalls, eventually: Eventually
) -> None:
    async with serving(simulator, talk, replaced_retry=30.0) as first:
        call = simulator.new_call(NUMBER)
        await call.joined
        async with AriClient(simulator.params()) as other, other.listen():
            await eventually(lambda: first.status.state == "replaced")
            assert len(first.legs) == 1
            call.hang_up()
            await eventually(lambda: not first.legs)
        assert nothing_left(simulator)


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


async def test_a_message_that_is_no_event_is_counted_and_dropped(
    simulator: AsteriskSimulator, serving: ServeCalls, eventually: Eventually
) -> None:
    async with serving(simulator, talk) as gateway:
        simulator.send_raw('{"type": "StasisStart"}')
        await eventually(lambda: gateway.malformed_events == 1)
        await simulator.new_call(NUMBER).joined


async def test_many_calls_at_once_leave_nothing_behind(
    simulator: AsteriskSimulator, serving: ServeCalls, eventually: Eventually
) -> None:
    async with serving(simulator, talk) as gateway:
        calls = [simulator.new_call(NUMBER) for _ in range(50)]
        await asyncio.gather(*(call.joined for call in calls))
        assert len(gateway.legs) == 50
        for call in calls:
            call.hang_up()
        await eventually(lambda: not gateway.legs)
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
    simulator: AsteriskSimulator, serving: ServeCalls, eventually: Eventually
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
        await eventually(lambda: nothing_left(simulator))


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
    simulator: AsteriskSimulator, serving: ServeCalls, eventually: Eventually
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
        await eventually(lambda: nothing_left(simulator))


async def test_a_call_that_ends_while_channels_are_compared_does_not_begin_anew(
    simulator: AsteriskSimulator, serving: ServeCalls, eventually: Eventually
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
        await eventually(lambda: legs)
        pause.released.set()
        pause = Pause(simulator, "GET /bridges")
        await pause.reached.wait()
        finish.set()
        await eventually(lambda: not gateway.legs)
        compared = len(simulator.requests)
        pause.released.set()
        await eventually(lambda: "GET /asterisk/info" in list(simulator.requests)[compared:])
        await eventually(lambda: "GET /channels" in list(simulator.requests)[compared:])

    assert len(legs) == 1


async def test_a_call_that_begins_while_channels_are_compared_keeps_its_media(
    simulator: AsteriskSimulator, serving: ServeCalls, eventually: Eventually
) -> None:
    async with serving(simulator, talk, reconcile_interval=0.02):
        pause = Pause(simulator, "GET /channels")
        await pause.reached.wait()
        call = simulator.new_call(NUMBER)
        media = await call.joined
        compared = len(simulator.requests)
        pause.released.set()
        await eventually(lambda: list(simulator.requests)[compared:].count("GET /channels") > 1)

        assert media.channel.id in simulator.simulation.media
        assert not call.ended.done()


async def test_callers_of_another_client_are_not_taken_after_a_replacement(
    simulator: AsteriskSimulator, serving: ServeCalls, eventually: Eventually
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
            await eventually(lambda: gateway.status.state == "replaced")
            call = simulator.new_call(NUMBER)
            await eventually(lambda: gateway.status.state == "connected")
            compared = len(simulator.requests)
            await eventually(lambda: list(simulator.requests)[compared:].count("GET /bridges") > 2)
        call.hang_up()

    assert legs == []


async def test_a_caller_who_comes_back_from_the_dialplan_is_a_new_call(
    simulator: AsteriskSimulator, serving: ServeCalls, eventually: Eventually
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
        await eventually(lambda: len(legs) == 2)
        linger.set()

    assert [leg.channel_id for leg in legs] == [call.channel.id] * 2


async def test_a_caller_on_whom_asterisk_would_not_hang_up_is_hung_up_on_later(
    simulator: AsteriskSimulator, serving: ServeCalls, eventually: Eventually
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
        await eventually(lambda: legs and not gateway.legs)
        compared = len(simulator.requests)
        await eventually(lambda: list(simulator.requests)[compared:].count("GET /bridges") > 2)
        assert not call.ended.done()

        simulator.read_only = False
        await asyncio.wait_for(call.ended, 5)

    assert len(legs) == 1


async def test_a_caller_of_an_asterisk_that_was_out_of_reach_becomes_a_new_call(
    simulator: AsteriskSimulator, serving: ServeCalls, eventually: Eventually
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
        await eventually(lambda: legs and not gateway.legs)
        simulator.read_only = False
        await eventually(lambda: len(legs) == 2)

        assert not call.ended.done()
        assert legs[1].adopted
