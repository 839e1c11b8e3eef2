"""One call begins: its number, its answer, its media, and what fails on the way."""

import asyncio
from collections.abc import Sequence

import pytest

from asterisk.ari.call import State
from asterisk.ari.events import Channel, ChannelStateChange, StasisEnd
from asterisk.errors import AriDisconnected, AriProtocolError, AriRefused, CallEnded
from tests.support.scripted_asterisk import (
    BROKEN,
    CALLER,
    EXTERNAL_MEDIA,
    GONE,
    VARIABLES,
    Asterisk,
    new_leg,
    talking,
)


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
