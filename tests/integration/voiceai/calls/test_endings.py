"""How calls end, and what their records say of it."""

import asyncio
from pathlib import Path

from asterisk.simulator import AsteriskSimulator
from tests.support.calls import NUMBER, Records, Serve, impatient, loud_seconds, reason
from tests.support.recordings import read_recording
from voiceai.store.repository import Assistant


async def test_an_assistant_that_hangs_up_is_recorded_as_such_however_slowly_asterisk_answers(
    asterisk: AsteriskSimulator, serve: Serve, records: Records, tmp_path: Path
) -> None:
    """Channel and bridge were given back first, and the call was taken for ended by shutdown.

    What it said is in the recording, from where the transcript has it.
    """
    async with serve() as gateway:
        call = asterisk.new_call(NUMBER)
        caller = f"DELETE /channels/{call.channel.id}"
        given_back = asyncio.Event()
        hang_ups: list[str] = []

        async def before_request(request: str) -> None:
            hang_ups.extend([request] * (request == caller))
            if hang_ups == [caller] and request == caller:
                await given_back.wait()
            elif request.startswith("DELETE /bridges"):
                asyncio.get_running_loop().call_later(0.2, given_back.set)

        asterisk.before_request = before_request

        assert await reason(gateway, records, call) == "caller_silent"

    [greeting] = records.turns
    [recording] = records.recordings.values()
    assert greeting.text.endswith("This call is recorded. Hello.")
    assert (recording["complete"], recording["missing_seconds"]) == (True, 0)
    assert recording["path"].endswith("_7d.wav")
    theirs, ours = read_recording(tmp_path / recording["path"]).channels
    spoken = [1000 * at for at in loud_seconds(ours)]
    assert greeting.started_ms is not None
    assert greeting.ended_ms is not None
    assert greeting.started_ms - 20 <= spoken[0] <= greeting.started_ms + 400
    assert spoken[0] + 1000 < spoken[-1] <= greeting.ended_ms + 20
    assert loud_seconds(theirs) == []


async def test_a_call_that_is_cut_short_at_the_end_of_the_process_has_its_record(
    asterisk: AsteriskSimulator, serve: Serve, records: Records
) -> None:
    asked = asyncio.Event()

    async def never(_number: str, _call_id: str) -> Assistant | None:
        asked.set()
        await asyncio.get_running_loop().create_future()
        return None

    async with serve(never, close_timeout=0.05):
        asterisk.new_call(NUMBER)
        await asked.wait()

    assert list(records.ended.values()) == ["shutdown"]


async def test_a_call_that_is_up_is_hung_up_at_the_end_of_the_process(
    asterisk: AsteriskSimulator, serve: Serve, records: Records
) -> None:
    async with serve():
        call = asterisk.new_call(NUMBER)
        await asyncio.wait_for(call.joined, 5)

    assert call.ended.result().who == "application"
    assert list(records.ended.values()) == ["shutdown"]
    assert [each["complete"] for each in records.recordings.values()] == [True]


async def test_a_caller_who_leaves_before_it_rings_has_hung_up(
    asterisk: AsteriskSimulator, serve: Serve, records: Records
) -> None:
    async def sought(number: str, call_id: str) -> Assistant | None:
        call.hang_up()
        return await impatient(number, call_id)

    async with serve(sought) as gateway:
        call = asterisk.new_call(NUMBER)

        assert await reason(gateway, records, call) == "caller_hung_up"
