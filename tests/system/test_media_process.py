"""The process that sends audio is killed under calls, and one can do without it."""

import asyncio
import signal
from collections.abc import Callable

import psutil

from tests.support.brief import NUMBER, newest_record
from tests.support.pbx import Pbx
from tests.support.processes import is_gone
from tests.support.provider import Provider
from tests.support.serving import Serving
from tests.support.waiting import until
from voiceai.bench.sip_caller import SipCaller


def media_processes(serving: Serving) -> list[psutil.Process]:
    """The media processes below a `serve`."""
    return [
        process
        for process in serving.process.children(recursive=True)
        if "transports.process" in process.cmdline()
    ]


async def heard_greeting(provider: Provider, caller: SipCaller, serving: Serving) -> None:
    """Call, hear the greeting within a second and out, hang up; and so says the record."""
    call = await caller.dial(NUMBER, via=provider.address, within=15)
    assert call.answered_at is not None
    greeted_at = await call.wait_for_speech(5, after=call.answered_at)
    await call.wait_for_silence(0.7, 10)
    await call.hang_up()
    record = await newest_record(serving)

    assert greeted_at - call.answered_at < 1
    assert record["end_reason"] == "caller_hung_up"
    assert [turn["role"] for turn in record["turns"]] == ["assistant"]


async def test_a_killed_media_process_ends_its_calls_the_next_is_answered_and_none_outlives_serve(
    provider: Provider, pbx: Pbx, serve_briefly: Callable[..., Serving], caller: SipCaller
) -> None:
    async with serve_briefly(pbx.params.ari) as serving:
        call = await caller.dial(NUMBER, via=provider.address, within=15)
        await call.wait_for_speech(10)
        [media] = media_processes(serving)

        media.send_signal(signal.SIGKILL)
        async with asyncio.timeout(5):
            end = await call.ended
        await serving.wait_ready(5)
        record = await newest_record(serving)
        await heard_greeting(provider, caller, serving)
        [successor] = media_processes(serving)

        assert end.by == "callee"
        assert record["end_reason"] == "media_failed"
        assert successor.pid != media.pid

        await serving.kill()
        await until(lambda: is_gone(successor), within=3)


async def test_a_call_sounds_the_same_where_its_audio_is_sent_by_serve_itself(
    provider: Provider, pbx: Pbx, serve_briefly: Callable[..., Serving], caller: SipCaller
) -> None:
    async with serve_briefly(pbx.params.ari, VOICEAI_MEDIA="inline") as serving:
        assert media_processes(serving) == []
        await heard_greeting(provider, caller, serving)
