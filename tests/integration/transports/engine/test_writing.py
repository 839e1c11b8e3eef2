"""What is written to a stream of the engine, flushed and held, and what of it goes out."""

import asyncio

import pytest

from tests.support.streams import FRAME, QUIET, Phone, is_noise, loud, until_sent
from tests.support.waiting import until
from transports import Codec, MediaStream
from transports.audio.level import level_dbfs


async def test_a_write_returns_when_less_than_three_packets_wait(stream: MediaStream) -> None:
    assert await stream.write(loud(2 * FRAME))
    assert stream.queued_samples == 2 * FRAME, "a short write waits for nothing"

    assert await stream.write(loud(8 * FRAME))
    assert stream.queued_samples == 2 * FRAME

    await stream.drained()
    assert (stream.queued_samples, stream.played_samples) == (0, 10 * FRAME)


async def test_drained_sends_the_last_part_of_a_packet(stream: MediaStream, phone: Phone) -> None:
    await stream.write(loud(FRAME + 50))
    async with asyncio.timeout(1):
        await stream.drained()

    assert stream.played_samples == FRAME + 50
    speech = [packet for packet in phone.received() if not is_noise(packet)]
    assert len(speech) == 2
    assert speech[1].sequence_number == (speech[0].sequence_number + 1) & 0xFFFF
    assert Codec.ALAW.decode(speech[1].payload)[:100] == loud(FRAME + 50)[-100:]


async def test_a_flush_ends_the_write_that_waits_and_its_audio(
    stream: MediaStream, phone: Phone
) -> None:
    writing = asyncio.ensure_future(stream.write(loud(50 * FRAME)))
    await until_sent(stream, 5)
    phone.received()

    dropped = stream.flush()
    sent_by_then = stream.played_samples

    await asyncio.sleep(0)
    assert writing.done(), "a flush ends a write at once, not with the next packet"
    assert await writing is False
    assert dropped >= 40 * FRAME
    await until_sent(stream, 5)
    packets = phone.received()
    assert sum(not is_noise(packet) for packet in packets) <= 1
    assert stream.played_samples <= sent_by_then + 40
    assert dropped + stream.played_samples == 50 * FRAME


async def test_audio_after_a_flush_is_sent_whole(stream: MediaStream, phone: Phone) -> None:
    writing = asyncio.ensure_future(stream.write(loud(50 * FRAME)))
    await until_sent(stream, 3)
    stream.flush()
    phone.received()

    assert await stream.write(loud(2 * FRAME))
    await stream.drained()

    assert await writing is False
    packets = phone.received()
    assert [packet.payload for packet in packets if packet.marker] == [
        Codec.ALAW.encode(loud(FRAME))
    ]
    endings = [Codec.ALAW.decode(packet.payload)[160:] for packet in packets]
    assert sum(level_dbfs(ending) > QUIET for ending in endings) == 2


async def test_a_writer_that_never_waits_is_refused_after_a_minute(stream: MediaStream) -> None:
    stream.hold()
    for _ in range(7):
        writing = asyncio.ensure_future(stream.write(loud(500 * FRAME)))
        await asyncio.sleep(0)
        writing.cancel()

    assert await stream.write(loud(FRAME)) is False
    assert stream.queued_samples == 6 * 500 * FRAME
    stream.flush()
    assert await stream.write(loud(FRAME))


async def test_a_cancelled_write_keeps_its_audio_until_it_is_flushed(stream: MediaStream) -> None:
    writing = asyncio.ensure_future(stream.write(loud(20 * FRAME)))
    await until_sent(stream, 1)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing

    await until_sent(stream, 1)

    assert stream.queued_samples > 10 * FRAME
    assert stream.flush() > 10 * FRAME


async def test_says_when_speech_was_first_sent(stream: MediaStream) -> None:
    sent: list[float] = []
    stream.on_speech_sent = sent.append
    before = asyncio.get_running_loop().time()
    await stream.write(loud(3 * FRAME))
    await stream.drained()
    await until_sent(stream, 2)

    await stream.write(loud(FRAME))
    await stream.drained()
    await until(lambda: len(sent) == 2)

    assert before < sent[0] < before + 0.1
    assert sent[1] - sent[0] >= 0.08


async def test_held_audio_is_sent_after_the_release(stream: MediaStream, phone: Phone) -> None:
    stream.hold()
    await stream.write(loud(2 * FRAME))
    await until_sent(stream, 5)
    assert all(is_noise(packet) for packet in phone.received())
    assert stream.played_samples == 0

    stream.release()
    await stream.drained()

    assert [packet.payload for packet in phone.received() if not is_noise(packet)] == [
        Codec.ALAW.encode(loud(FRAME))
    ] * 2


async def test_more_digits_than_anybody_dials_are_counted_and_dropped(stream: MediaStream) -> None:
    stream.send_digits("1" * 70_000)

    await until(lambda: stream.stats.digits_sent >= 1)
    await until(lambda: stream.stats.digits_dropped >= 70_000 - 130)
