"""Callbacks of the engine's streams that raise, or close their stream."""

import asyncio
import time

from tests.support.streams import FRAME, Phone, loud, until_sent
from tests.support.waiting import until
from transports import MediaEngine, MediaStream, PlayedFrame
from transports.rtp.events import ArrivedAudio


async def test_a_subscriber_that_raises_breaks_its_own_stream_only(
    engine: MediaEngine, stream: MediaStream
) -> None:
    other = await engine.open_stream()
    other.connect((stream.host, stream.port))
    failed: list[MediaStream] = []
    stream.on_failed = failed.append
    error = ValueError("a bug")

    def broken(_: PlayedFrame) -> None:
        raise error

    stream.subscribe(broken)
    writing = asyncio.ensure_future(stream.write(loud(50 * FRAME)))
    await until_sent(other, 10)
    await until(lambda: bool(failed))

    assert failed == [stream]
    assert stream.failed is error
    assert await writing is False
    assert await stream.write(loud(FRAME)) is False
    async with asyncio.timeout(1):
        await stream.drained()
    assert other.failed is None


async def test_a_failure_handler_that_raises_stops_nothing(
    engine: MediaEngine, stream: MediaStream
) -> None:
    other = await engine.open_stream()
    other.connect((stream.host, stream.port))

    def broken(_: object) -> None:
        raise ValueError

    stream.on_failed = broken
    stream.on_speech_sent = broken
    unhandled: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    await stream.write(loud(FRAME))
    await until(lambda: stream.failed is not None)
    await until_sent(other, 10)

    assert isinstance(stream.failed, ValueError)
    assert unhandled == []


async def test_a_stream_may_be_closed_from_its_own_callback(
    engine: MediaEngine, stream: MediaStream
) -> None:
    frames: list[PlayedFrame] = []

    def close_at_once(frame: PlayedFrame) -> None:
        frames.append(frame)
        stream.close()

    stream.subscribe(close_at_once)
    other = await engine.open_stream()
    other.connect(("127.0.0.1", 9))
    time.sleep(0.07)  # noqa: ASYNC251  several frames are due at once
    await until(lambda: bool(frames))
    await until_sent(other, 5)

    assert len(frames) == 1
    assert stream.failed is None
    assert engine.streams == (other,)


async def test_a_stream_that_a_listener_closes_plays_no_frame_any_more(
    stream: MediaStream, phone: Phone
) -> None:
    came: list[object] = []

    def close_at_once(audio: ArrivedAudio) -> None:
        came.append(audio)
        stream.close()

    stream.listen(close_at_once)
    stream.subscribe(came.append)
    await until(lambda: bool(came))
    phone.send(stream, loud(FRAME))
    await until(lambda: any(isinstance(each, ArrivedAudio) for each in came))

    assert isinstance(came[-1], ArrivedAudio)
