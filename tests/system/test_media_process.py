"""The process that sends audio is killed under calls, and one can do without it."""

import asyncio
import signal
from collections.abc import Callable

import psutil
import pytest

from tests.support.brief import NUMBER, newest_record
from tests.support.pbx import Pbx
from tests.support.processes import is_gone
from tests.support.provider import Provider
from tests.support.serving import Serving
from voiceai.bench.sip_caller import SipCaller


def media_processes(serving: Serving) -> list[psutil.Process]:
    """The media processes below a `serve`."""
    return [
        process
        for process in serving.process.children(recursive=True)
        if "transports.process" in process.cmdline()
    ]


async def test_a_killed_media_process_ends_its_calls_and_the_next_is_answered(
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
        again = await caller.dial(NUMBER, via=provider.address, within=15)
        await again.wait_for_speech(10)
        await again.hang_up()
        [successor] = media_processes(serving)

    assert end.by == "callee"
    assert record["end_reason"] == "media_failed"
    assert successor.pid != media.pid


async def test_no_media_process_outlives_a_killed_serve(
    provider: Provider, pbx: Pbx, serve_briefly: Callable[..., Serving], caller: SipCaller
) -> None:
    async with serve_briefly(pbx.params.ari) as serving:
        [media] = media_processes(serving)
        await serving.kill()
        async with asyncio.timeout(3):
            while not is_gone(media):  # noqa: ASYNC110 - it is not our child
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("media", ["inline", "process"])
async def test_a_call_sounds_the_same_wherever_its_audio_is_sent_from(
    provider: Provider,
    pbx: Pbx,
    serve_briefly: Callable[..., Serving],
    caller: SipCaller,
    media: str,
) -> None:
    async with serve_briefly(pbx.params.ari, VOICEAI_MEDIA=media) as serving:
        assert len(media_processes(serving)) == (media == "process")
        call = await caller.dial(NUMBER, via=provider.address, within=15)
        assert call.answered_at is not None
        greeted_at = await call.wait_for_speech(5, after=call.answered_at)
        await call.wait_for_silence(0.7, 10)
        await call.hang_up()
        record = await newest_record(serving)

    assert greeted_at - call.answered_at < 1
    assert record["end_reason"] == "caller_hung_up"
    assert [turn["role"] for turn in record["turns"]] == ["assistant"]
