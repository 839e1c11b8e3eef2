"""The engine on loopback: two of its streams, or a stream and a plain socket, talk."""

import asyncio
import time

import pytest

from tests.support.streams import FRAME, QUIET, Phone, is_noise, loud, until_sent
from tests.support.waiting import until
from transports import Codec, MediaEngine, MediaStream, PlayedFrame, StreamOptions
from transports.audio.level import level_dbfs


async def test_two_streams_talk_to_one_another(engine: MediaEngine) -> None:
    ours = await engine.open_stream()
    theirs = await engine.open_stream(StreamOptions(codec=Codec.ULAW))
    ours.connect((theirs.host, theirs.port))
    theirs.connect((ours.host, ours.port))
    frames: list[PlayedFrame] = []
    theirs.subscribe(frames.append)
    await until(lambda: any(frame.kind == "audio" for frame in frames))

    assert await ours.write(loud(10 * FRAME))
    await ours.drained()
    await until(lambda: sum(level_dbfs(frame.pcm) > QUIET for frame in frames) >= 10)

    assert loud(10 * FRAME) in b"".join(frame.pcm for frame in frames)
    assert ours.played_samples == 10 * FRAME
    assert (ours.codec, theirs.codec) == (Codec.ALAW, Codec.ULAW)
    assert theirs.stats.lost == ours.stats.lost == 0


async def test_sends_nothing_before_it_is_connected_and_a_packet_per_tick_after(
    engine: MediaEngine, phone: Phone
) -> None:
    stream = await engine.open_stream()
    await asyncio.sleep(0.1)
    assert stream.stats.sent == 0

    stream.connect(phone.address)
    await until_sent(stream, 10)

    packets = phone.received()
    assert len(packets) >= 10
    assert all(is_noise(packet) for packet in packets)
    assert {packet.payload_type for packet in packets} == {8}


async def test_subscribers_get_a_frame_per_tick_and_when_it_arrived(
    stream: MediaStream, phone: Phone
) -> None:
    frames: list[PlayedFrame] = []
    stream.subscribe(frames.append)
    before = time.monotonic()

    for _ in range(3):
        phone.send(stream, loud(FRAME))
    await until_sent(stream, 10)
    await until(lambda: len(frames) >= 9)

    assert len(frames) <= 12 + stream.stats.skipped
    heard = [frame for frame in frames if frame.kind == "audio"]
    assert len(heard) == 3
    assert all(frame.arrived_at and before < frame.arrived_at for frame in heard)
    assert [frame.pcm for frame in heard][1:] == [loud(FRAME)] * 2


async def test_strangers_are_counted_and_not_heard(stream: MediaStream, phone: Phone) -> None:
    stranger = Phone()
    for _ in range(10):
        stranger.send(stream, loud(FRAME))
    await until_sent(stream, 3)
    stranger.socket.close()

    await until(lambda: stream.stats.rejected == {"address": 10})
    assert stream.stats.received == 0


async def test_a_peer_whose_port_changes_is_heard_and_hears_us_there(
    stream: MediaStream, phone: Phone
) -> None:
    phone.send(stream, loud(FRAME))
    await until(lambda: stream.stats.received == 1)
    moved = Phone()
    moved.number = phone.number

    async with asyncio.timeout(5):
        while not moved.received():
            moved.send(stream, loud(FRAME))
            await asyncio.sleep(0.02)

    phone.received()
    await until_sent(stream, 3)
    assert (phone.received(), stream.stats.sources) == ([], 1)
    assert stream.stats.rejected.keys() <= {"address", "probation"}
    moved.socket.close()


async def test_the_audio_of_a_long_packet_arrives_whole_and_in_order(
    stream: MediaStream, phone: Phone
) -> None:
    frames: list[PlayedFrame] = []
    arrived: list[bytes] = []
    stream.listen(lambda audio: arrived.append(audio.pcm))
    stream.subscribe(frames.append)
    await until(lambda: bool(frames))
    said = Codec.ALAW.decode(bytes(step * step // 7 % 256 for step in range(1000)))

    phone.send(stream, said)

    await until(lambda: said in b"".join(arrived))


@pytest.mark.parametrize(
    "address",
    [
        ("localhost", 20002),
        ("::1", 20002),
        ("", 20002),
        ("192.0.2.256", 20002),
        ("127.0.0.1", 0),
        ("127.0.0.1", 65536),
    ],
)
async def test_a_peer_that_cannot_be_sent_to_is_refused(
    engine: MediaEngine, address: tuple[str, int]
) -> None:
    stream = await engine.open_stream()

    with pytest.raises(ValueError, match=r"appear to be an IPv4|same IP version|have the port"):
        stream.connect(address)
