"""One call ends: who ended it, what is deleted then, and what is asked no more."""

import asyncio

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
    StasisEnd,
)
from asterisk.ari.requests import HangupCause
from asterisk.errors import AriDisconnected, AriProtocolError, CallEnded
from tests.support.scripted_asterisk import BROKEN, CALLER, GONE, Asterisk, talking


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


@pytest.mark.parametrize(("error", "left_behind"), [(AriDisconnected("gone"), True), (GONE, False)])
async def test_a_caller_who_could_not_be_hung_up_is_left_behind(
    asterisk: Asterisk, error: Exception, *, left_behind: bool
) -> None:
    leg = await talking(asterisk.leg)
    asterisk.answers["DELETE /channels/c"] = error

    await leg.release()

    assert leg.left_behind is left_behind


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
