"""One call against an Asterisk that is scripted request by request."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any

import pytest

from asterisk.ari.call import LegEnd, State
from asterisk.ari.events import (
    AriEvent,
    Bridge,
    BridgeDestroyed,
    Channel,
    ChannelDestroyed,
    ChannelHangupRequest,
    ChannelLeftBridge,
    ChannelStateChange,
    StasisEnd,
    StasisStart,
)
from asterisk.ari.requests import HangupCause, Request
from asterisk.errors import AriDisconnected, AriProtocolError, AriRefused, CallEnded
from asterisk.leg import Leg
from asterisk.params import HANDOVER_VARIABLE, AriParams

GONE = AriRefused(404, "Channel not found")
BROKEN = AriRefused(500, "Internal Server Error")
CALLER = Channel("c", name="PJSIP/trunk-1", state="Ring", extension="s")
VARIABLES = {"UNICASTRTP_LOCAL_ADDRESS": "127.0.0.1", "UNICASTRTP_LOCAL_PORT": "24794"}
EXTERNAL_MEDIA = "POST /channels/externalMedia"


class Asterisk:
    """Answers as told: a value, an error, or what a function returns or awaits.

    Attributes:
        leg: The call whose requests these are.
        requests: What was asked, with ``EXT`` and ``BRIDGE`` for the ids of the call.
        variables: What was set on the caller's channel.
        answers: By request; ``None`` for the rest. External channels enter at once by default.
    """

    leg: Leg

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.variables: dict[str, str] = {}
        self.answers: dict[str, object] = {EXTERNAL_MEDIA: self.open_media}
        self.tasks: list[asyncio.Task[None]] = []

    def open_media(self) -> dict[str, object]:
        self.enter_media()
        return {"id": self.leg.external_id, "channelvars": VARIABLES}

    def open_media_without_address(self) -> dict[str, object]:
        self.enter_media()
        return {"id": "e"}

    def enter_media(self) -> None:
        self.leg.receive(StasisStart("voice-ai", Channel(self.leg.external_id)))

    async def send(self, request: Request) -> object:
        await asyncio.sleep(0)
        name = str(request).replace(self.leg.external_id, "EXT")
        name = name.replace(self.leg.bridge_id, "BRIDGE")
        self.requests.append(name)
        if name == "POST /channels/c/variable":
            query = dict(request.query)
            self.variables[query["variable"]] = query["value"]
        answer = self.answers.get(name)
        if callable(answer):
            answer = answer()
        if asyncio.isfuture(answer):
            answer = await answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self.tasks.append(asyncio.ensure_future(work))
        return self.tasks[-1]


@pytest.fixture
async def asterisk() -> AsyncIterator[Asterisk]:
    scripted = Asterisk()
    scripted.leg = new_leg(scripted)
    yield scripted
    await asyncio.gather(*scripted.tasks, return_exceptions=True)


def new_leg(
    asterisk: Asterisk,
    channel: Channel = CALLER,
    arguments: Sequence[str] = ("inbound", "4920"),
    **changes: Any,
) -> Leg:
    return Leg(
        channel,
        arguments,
        params=AriParams(**{"join_timeout": 0.01} | changes),
        sender=asterisk,
        spawn=asterisk.spawn,
    )


async def talking(leg: Leg) -> Leg:
    await leg.answer()
    await leg.open_media("127.0.0.1", 14_000, "alaw")
    assert leg.state is State.TALKING
    return leg


@pytest.mark.parametrize(
    ("arguments", "extension", "number"),
    [
        (("inbound", "4920"), "s", "4920"),
        (("inbound", ""), "4930", "4930"),
        ((), "+4930", "+4930"),
        ((), "s", ""),
    ],
)
async def test_the_number_is_the_second_argument_else_the_extension(
    arguments: Sequence[str], extension: str, number: str
) -> None:
    leg = new_leg(Asterisk(), Channel("c", extension=extension), arguments)

    assert leg.number == number


async def test_a_caller_who_is_up_already_is_not_answered_again(asterisk: Asterisk) -> None:
    asterisk.leg = new_leg(asterisk, Channel("c", state="Up"))

    await asterisk.leg.answer()

    assert asterisk.leg.state is State.ANSWERED
    assert asterisk.requests == []


async def test_an_answer_that_asterisk_reports_first_counts(asterisk: Asterisk) -> None:
    asterisk.leg.receive(ChannelStateChange(Channel("c", state="Up")))

    assert asterisk.leg.state is State.ANSWERED


async def test_a_missing_caller_ends_the_answer_and_the_call(asterisk: Asterisk) -> None:
    asterisk.answers["POST /channels/c/answer"] = GONE

    with pytest.raises(CallEnded):
        await asterisk.leg.answer()

    assert asterisk.leg.ended.result().who == "caller"


async def test_a_refused_answer_is_told_and_the_call_goes_on(asterisk: Asterisk) -> None:
    asterisk.answers["POST /channels/c/answer"] = BROKEN

    with pytest.raises(AriRefused):
        await asterisk.leg.answer()

    assert asterisk.leg.state is State.RINGING


async def test_the_audio_address_comes_with_the_answer(asterisk: Asterisk) -> None:
    assert await asterisk.leg.prepare_media("127.0.0.1", 1, "alaw") == ("127.0.0.1", 24794)
    assert {"POST /bridges/BRIDGE", EXTERNAL_MEDIA} <= set(asterisk.requests)


async def test_an_audio_address_that_did_not_come_along_is_asked_for(asterisk: Asterisk) -> None:
    values = iter([{"value": "127.0.0.9"}, {"value": "24000"}])
    asterisk.answers[EXTERNAL_MEDIA] = asterisk.open_media_without_address
    asterisk.answers["GET /channels/EXT/variable"] = lambda: next(values)

    assert await asterisk.leg.prepare_media("127.0.0.1", 1, "alaw") == ("127.0.0.9", 24000)


@pytest.mark.parametrize("port", ["x", "", "²", 5])
async def test_an_audio_port_that_is_no_number_is_a_protocol_error(
    asterisk: Asterisk, port: object
) -> None:
    asterisk.answers[EXTERNAL_MEDIA] = asterisk.open_media_without_address
    asterisk.answers["GET /channels/EXT/variable"] = {"value": port}

    with pytest.raises(AriProtocolError):
        await asterisk.leg.prepare_media("127.0.0.1", 1, "alaw")


async def test_a_lost_event_of_the_external_channel_is_made_up_for(asterisk: Asterisk) -> None:
    asterisk.answers[EXTERNAL_MEDIA] = {"id": "e", "channelvars": VARIABLES}
    asterisk.answers["GET /channels/EXT"] = {"id": "e", "dialplan": {"app_name": "Stasis"}}

    await asterisk.leg.prepare_media("127.0.0.1", 1, "alaw")

    assert asterisk.leg.media_is_up


async def test_an_external_channel_that_never_comes_up_is_an_error(asterisk: Asterisk) -> None:
    asterisk.answers[EXTERNAL_MEDIA] = {"id": "e", "channelvars": VARIABLES}
    asterisk.answers["GET /channels/EXT"] = {"id": "e", "dialplan": {"app_name": "AppDial2"}}

    with pytest.raises(AriDisconnected, match="did not enter"):
        await asterisk.leg.prepare_media("127.0.0.1", 1, "alaw")


async def test_a_caller_who_leaves_meanwhile_ends_the_wait_for_the_media(
    asterisk: Asterisk,
) -> None:
    asterisk.leg = new_leg(asterisk, join_timeout=60)

    def leave() -> dict[str, object]:
        asterisk.leg.receive(StasisEnd(CALLER))
        return {"id": "e", "channelvars": VARIABLES}

    asterisk.answers[EXTERNAL_MEDIA] = leave

    async with asyncio.timeout(5):
        with pytest.raises(CallEnded):
            await asterisk.leg.prepare_media("127.0.0.1", 1, "alaw")


async def test_an_error_of_the_bridge_is_told(asterisk: Asterisk) -> None:
    asterisk.answers["POST /bridges/BRIDGE"] = BROKEN

    with pytest.raises(AriRefused):
        await asterisk.leg.prepare_media("127.0.0.1", 1, "alaw")


async def test_a_join_that_failed_because_the_caller_left_ends_the_call(asterisk: Asterisk) -> None:
    def leave_soon() -> AriRefused:
        asyncio.get_running_loop().call_later(0.01, asterisk.leg.receive, StasisEnd(CALLER))
        return AriRefused(400, "Channel not found")

    asterisk.answers["POST /bridges/BRIDGE/addChannel"] = leave_soon

    with pytest.raises(CallEnded):
        await talking(asterisk.leg)


async def test_a_join_that_failed_for_another_reason_is_told(asterisk: Asterisk) -> None:
    asterisk.answers["POST /bridges/BRIDGE/addChannel"] = BROKEN

    with pytest.raises(AriRefused):
        await talking(asterisk.leg)


@pytest.mark.parametrize("kind", ["left_bridge", "stasis_end", "destroyed", "bridge"])
async def test_each_event_of_a_lost_external_channel_ends_the_call(
    asterisk: Asterisk, kind: str
) -> None:
    leg = await talking(asterisk.leg)
    external, bridge = Channel(leg.external_id), Bridge(leg.bridge_id)

    events: dict[str, AriEvent] = {
        "left_bridge": ChannelLeftBridge(bridge, external),
        "stasis_end": StasisEnd(external),
        "destroyed": ChannelDestroyed(external, 16),
        "bridge": BridgeDestroyed(bridge),
    }

    leg.receive(events[kind])

    assert leg.ended.result().who == "media"
    assert leg.state is State.ENDING


@pytest.mark.parametrize(
    ("event", "cause"),
    [(ChannelHangupRequest(CALLER, 127), 127), (StasisEnd(CALLER), None)],
)
async def test_each_event_of_a_lost_caller_ends_the_call(
    asterisk: Asterisk, event: AriEvent, cause: int | None
) -> None:
    leg = await talking(asterisk.leg)

    leg.receive(event)

    assert leg.ended.result() == LegEnd("caller", cause, "hung up")
    assert leg.state is State.CALLER_GONE


@pytest.mark.parametrize("first", ["caller", "external"])
async def test_an_asterisk_that_is_stopped_is_not_a_caller_who_hangs_up(
    asterisk: Asterisk, first: str
) -> None:
    leg = await talking(asterisk.leg)
    channel = CALLER if first == "caller" else Channel(leg.external_id)

    leg.receive(ChannelHangupRequest(channel, None, is_shutdown=True))
    leg.receive(StasisEnd(channel))

    assert leg.ended.result() == LegEnd("asterisk", None, "is being stopped")


async def test_a_caller_out_of_the_bridge_has_not_left(asterisk: Asterisk) -> None:
    leg = await talking(asterisk.leg)

    leg.receive(ChannelLeftBridge(Bridge(leg.bridge_id), CALLER))

    assert not leg.ended.done()


async def test_the_release_of_a_talking_call_deletes_all_three(asterisk: Asterisk) -> None:
    leg = await talking(asterisk.leg)
    asterisk.requests.clear()

    await leg.release()

    assert sorted(asterisk.requests) == [
        "DELETE /bridges/BRIDGE",
        "DELETE /channels/EXT",
        "DELETE /channels/c",
    ]


async def test_the_release_after_a_hang_up_deletes_the_caller_once(asterisk: Asterisk) -> None:
    leg = await talking(asterisk.leg)

    await leg.hangup(HangupCause.BUSY)
    await leg.release()

    assert asterisk.requests.count("DELETE /channels/c") == 1
    assert leg.ended.result() == LegEnd("us", 17, "BUSY")


async def test_a_hang_up_that_did_not_get_through_is_made_up_for_by_the_release(
    asterisk: Asterisk,
) -> None:
    leg = await talking(asterisk.leg)
    outcomes = iter([AriDisconnected("gone"), None])
    asterisk.answers["DELETE /channels/c"] = lambda: next(outcomes)

    await leg.hangup()
    await leg.release()

    assert asterisk.requests.count("DELETE /channels/c") == 2


async def test_a_release_without_media_deletes_no_media(asterisk: Asterisk) -> None:
    await asterisk.leg.release()

    assert asterisk.requests == ["DELETE /channels/c"]


async def test_a_release_goes_on_when_its_waiter_is_cancelled(asterisk: Asterisk) -> None:
    leg = await talking(asterisk.leg)
    held = asyncio.get_running_loop().create_future()
    asterisk.answers["DELETE /channels/EXT"] = lambda: held
    waiter = asyncio.ensure_future(leg.release())
    await asyncio.sleep(0.01)

    waiter.cancel()
    await asyncio.sleep(0.01)
    held.set_result(None)
    await asyncio.gather(*asterisk.tasks)

    assert waiter.cancelled()
    assert "DELETE /bridges/BRIDGE" in asterisk.requests


@pytest.mark.parametrize("error", [AriDisconnected("gone"), BROKEN, GONE])
async def test_a_release_never_raises_because_of_asterisk(
    asterisk: Asterisk, error: Exception
) -> None:
    leg = await talking(asterisk.leg)
    for name in ("DELETE /channels/EXT", "DELETE /channels/c", "DELETE /bridges/BRIDGE"):
        asterisk.answers[name] = error

    await leg.release()

    assert leg.state is State.ENDED


async def test_a_handover_without_a_place_marks_the_channel_for_the_fallback(
    asterisk: Asterisk,
) -> None:
    await asterisk.leg.continue_in_dialplan()

    assert asterisk.requests[-1] == "POST /channels/c/continue"
    assert asterisk.variables == {"TIMEOUT(absolute)": "0", HANDOVER_VARIABLE: "fallback"}


async def test_a_handover_to_a_place_needs_no_mark_but_all_time(asterisk: Asterisk) -> None:
    await asterisk.leg.continue_in_dialplan("reception", "s", 1)

    assert asterisk.requests[-1] == "POST /channels/c/continue"
    assert asterisk.variables == {"TIMEOUT(absolute)": "0"}


async def test_a_handover_goes_on_where_asterisk_knows_no_time_limit(asterisk: Asterisk) -> None:
    asterisk.answers["POST /channels/c/variable"] = BROKEN

    await asterisk.leg.continue_in_dialplan("reception", "s", 1)

    assert asterisk.requests[-1] == "POST /channels/c/continue"


async def test_a_caller_who_was_handed_over_is_not_hung_up(asterisk: Asterisk) -> None:
    await asterisk.leg.continue_in_dialplan()
    await asterisk.leg.release()

    assert "DELETE /channels/c" not in asterisk.requests


@pytest.mark.parametrize("error", [BROKEN, AriDisconnected("gone")])
async def test_a_caller_whose_handover_failed_is_hung_up(
    asterisk: Asterisk, error: Exception
) -> None:
    asterisk.answers["POST /channels/c/continue"] = error

    with pytest.raises(type(error)):
        await asterisk.leg.continue_in_dialplan()
    await asterisk.leg.release()

    assert "DELETE /channels/c" in asterisk.requests


async def test_a_release_waits_for_the_handover_and_hangs_up_when_that_fails(
    asterisk: Asterisk,
) -> None:
    """The release of a call that had just begun to hand over took the caller for gone."""
    answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    asterisk.answers["POST /channels/c/continue"] = answer
    handover = asyncio.ensure_future(asterisk.leg.continue_in_dialplan("reception", "s", 1))
    await asterisk.leg.ended
    release = asyncio.ensure_future(asterisk.leg.release())
    for _ in range(5):
        await asyncio.sleep(0)

    answer.set_exception(BROKEN)
    await asyncio.wait({handover, release})

    assert handover.exception() is BROKEN
    assert asterisk.requests[-2:] == ["POST /channels/c/continue", "DELETE /channels/c"]
    assert not asterisk.leg.left_behind


@pytest.mark.parametrize(("error", "left_behind"), [(AriDisconnected("gone"), True), (GONE, False)])
async def test_a_caller_who_could_not_be_hung_up_is_left_behind(
    asterisk: Asterisk, error: Exception, *, left_behind: bool
) -> None:
    leg = await talking(asterisk.leg)
    asterisk.answers["DELETE /channels/c"] = error

    await leg.release()

    assert leg.left_behind is left_behind


async def test_a_caller_who_is_in_the_dialplan_already_is_not_hung_up(asterisk: Asterisk) -> None:
    asterisk.answers["POST /channels/c/continue"] = AriRefused(409, "not in Stasis")

    with pytest.raises(CallEnded):
        await asterisk.leg.continue_in_dialplan()
    await asterisk.leg.release()

    assert "DELETE /channels/c" not in asterisk.requests


async def test_nothing_is_asked_of_asterisk_after_the_end(asterisk: Asterisk) -> None:
    asterisk.leg.receive(StasisEnd(CALLER))

    for work in (
        asterisk.leg.answer(),
        asterisk.leg.prepare_media("127.0.0.1", 1, "alaw"),
        asterisk.leg.join(),
        asterisk.leg.send_dtmf("1"),
        asterisk.leg.rtp_statistics(),
        asterisk.leg.continue_in_dialplan(),
    ):
        with pytest.raises(CallEnded):
            await work
    await asterisk.leg.hangup()

    assert asterisk.requests == []


async def test_statistics_that_are_no_object_are_a_protocol_error(asterisk: Asterisk) -> None:
    asterisk.answers["GET /channels/c/rtp_statistics"] = []

    with pytest.raises(AriProtocolError):
        await asterisk.leg.rtp_statistics()


async def test_an_asterisk_that_is_gone_ends_the_call(asterisk: Asterisk) -> None:
    leg = await talking(asterisk.leg)

    leg.asterisk_lost("out of reach")

    assert leg.ended.result() == LegEnd("asterisk", text="out of reach")
