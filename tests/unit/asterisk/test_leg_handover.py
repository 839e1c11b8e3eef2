"""One call goes on in the dialplan, or is hung up where that failed."""

import asyncio

import pytest

from asterisk.errors import AriDisconnected, AriRefused, CallEnded
from asterisk.params import HANDOVER_VARIABLE
from tests.support.scripted_asterisk import BROKEN, Asterisk


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


async def test_a_caller_who_is_in_the_dialplan_already_is_not_hung_up(asterisk: Asterisk) -> None:
    asterisk.answers["POST /channels/c/continue"] = AriRefused(409, "not in Stasis")

    with pytest.raises(CallEnded):
        await asterisk.leg.continue_in_dialplan()
    await asterisk.leg.release()

    assert "DELETE /channels/c" not in asterisk.requests
