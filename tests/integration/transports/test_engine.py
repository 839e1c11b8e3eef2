"""The engine on loopback: two of its streams, or a stream and a plain socket, talk."""

import asyncio
import errno
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from transports import (
    AddressUnavailable,
    Codec,
    MediaEngine,
    MediaStream,
    PlayedFrame,
    PortsExhausted,
    RtpParams,
    StreamOptions,
    make_engine,
)
from transports.audio.level import level_dbfs
from transports.errors import MediaUnavailable
from transports.rtp.events import ArrivedAudio
from transports.rtp.packet import RtpPacket
from transports.rtp.reports import Reports

PARAMS = RtpParams(port_min=19800, port_max=19841)
PLACEMENTS = ("inline", "process") if sys.platform == "linux" else ("inline",)
FRAME = 160
QUIET = -55.0


def loud(samples: int) -> bytes:
    return Codec.ALAW.decode(bytes(step % 16 | 0xA0 for step in range(samples)))


class Phone:
    """A plain socket that plays the part of Asterisk."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0)
        self.number = 0

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.socket.getsockname()
        return host, port

    def received(self) -> list[RtpPacket]:
        """Take the packets that have come since."""
        packets = []
        while True:
            try:
                packets.append(RtpPacket.parse(self.socket.recv(2048)))
            except BlockingIOError:
                return packets

    def send(self, stream: MediaStream, pcm: bytes) -> None:
        packet = RtpPacket(8, self.number, self.number * FRAME, 5, Codec.ALAW.encode(pcm))
        self.number += 1
        self.socket.sendto(packet.serialize(), (stream.host, stream.port))


@pytest.fixture(params=PLACEMENTS)
def params(request: pytest.FixtureRequest) -> RtpParams:
    """The same for each placement."""
    return PARAMS.model_copy(update={"placement": request.param})


@pytest.fixture
async def engine(params: RtpParams) -> AsyncIterator[MediaEngine]:
    engine = make_engine(params)
    await engine.start()
    yield engine
    await engine.close()


@pytest.fixture
def phone() -> Iterator[Phone]:
    phone = Phone()
    yield phone
    phone.socket.close()


@pytest.fixture
async def stream(engine: MediaEngine, phone: Phone) -> MediaStream:
    """A stream that is connected to the phone."""
    stream = await engine.open_stream()
    stream.connect(phone.address)
    return stream


async def until(condition: Callable[[], bool]) -> None:
    """Wait, for five seconds at most."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  the engine has no event for it
            await asyncio.sleep(0.005)


async def until_sent(stream: MediaStream, packets: int) -> None:
    """Wait for so many more packets."""
    target = stream.stats.sent + packets
    await until(lambda: stream.stats.sent >= target)


def is_noise(packet: RtpPacket) -> bool:
    return level_dbfs(Codec.ALAW.decode(packet.payload)) < QUIET


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


async def test_what_was_counted_outlives_the_stream(
    engine: MediaEngine, stream: MediaStream, phone: Phone
) -> None:
    phone.send(stream, loud(FRAME))
    await until(lambda: stream.stats.received == 1)
    while_open = engine.totals.counts["received"]

    stream.close()

    assert (while_open, engine.totals.counts["received"]) == (1, 1)


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


async def test_closing_gives_the_ports_back_and_ends_writers(
    engine: MediaEngine, stream: MediaStream
) -> None:
    writing = asyncio.ensure_future(stream.write(loud(50 * FRAME)))
    draining = asyncio.ensure_future(stream.drained())
    await until_sent(stream, 1)

    stream.close()
    stream.close()

    assert await writing is False
    async with asyncio.timeout(1):
        await draining
    assert await stream.write(loud(FRAME)) is False
    assert engine.streams == ()
    assert stream.stats.sent >= 1

    def is_free() -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((stream.host, stream.port))
            except OSError:
                return False
            return True

    await until(is_free)


async def test_the_range_limits_the_streams(engine: MediaEngine) -> None:
    streams = [await engine.open_stream() for _ in range(21)]
    assert len({stream.port for stream in streams}) == 21
    assert all(stream.port % 2 == 0 for stream in streams)

    with pytest.raises(PortsExhausted):
        await engine.open_stream()

    streams[7].close()
    assert (await engine.open_stream()).port == streams[7].port


async def test_more_digits_than_anybody_dials_are_counted_and_dropped(stream: MediaStream) -> None:
    stream.send_digits("1" * 70_000)

    await until(lambda: stream.stats.digits_sent >= 1)
    await until(lambda: stream.stats.digits_dropped >= 70_000 - 130)


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


@pytest.mark.parametrize("params", ["inline"], indirect=True)
async def test_after_a_stall_a_short_burst_goes_out_and_the_timestamps_stay_true(
    stream: MediaStream, phone: Phone
) -> None:
    await stream.write(loud(FRAME))
    await until_sent(stream, 5)
    before = phone.received()[-1]
    frames: list[PlayedFrame] = []
    stream.subscribe(frames.append)

    started = time.monotonic()
    time.sleep(0.2)  # noqa: ASYNC251  the fault under test
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    burst = phone.received()
    await until_sent(stream, 2)
    passed = time.monotonic() - started

    assert len(burst) in (2, 3)
    assert 5 <= stream.stats.skipped <= 9
    elapsed = (burst[-1].timestamp - before.timestamp) & 0xFFFFFFFF
    assert elapsed / 8000 == pytest.approx(0.2, abs=0.041)
    assert [packet.sequence_number for packet in burst] == [
        (before.sequence_number + step) & 0xFFFF for step in range(1, len(burst) + 1)
    ]
    assert len(frames) == pytest.approx(passed / 0.02, abs=2)


@pytest.mark.parametrize("params", ["inline"], indirect=True)
async def test_what_the_caller_says_during_a_stall_of_ours_is_played(
    stream: MediaStream, phone: Phone
) -> None:
    """The clock is ready first here: its tick must fetch the packets before it plays."""
    for _ in range(10):
        phone.send(stream, loud(FRAME))
        await until_sent(stream, 1)

    stalled_at = time.monotonic()
    for packet in range(1, 9):
        due = stalled_at + packet * 0.02
        time.sleep(max(0.0, due - time.monotonic()))  # noqa: ASYNC251  the fault under test
        phone.send(stream, loud(FRAME))
    for _ in range(5):
        await until_sent(stream, 1)
        phone.send(stream, loud(FRAME))

    await until(lambda: stream.stats.received >= 22)
    stats = stream.stats
    assert stats.concealed == stats.late == 0


async def test_all_packets_of_a_tick_leave_before_any_subscriber_is_called(
    engine: MediaEngine, phone: Phone
) -> None:
    played = [0, 0]
    when_sent: list[list[int]] = []

    def count(index: int) -> Callable[[PlayedFrame], None]:
        def on_frame(_: PlayedFrame) -> None:
            played[index] += 1

        return on_frame

    streams = [await engine.open_stream(), await engine.open_stream()]
    for index, stream in enumerate(streams):
        stream.subscribe(count(index))
        stream.on_speech_sent = lambda _: when_sent.append(list(played))
        stream.connect(phone.address)
        await stream.write(loud(FRAME))
    await until_sent(streams[1], 2)
    await until(lambda: len(when_sent) == 2)

    assert all(first == second for first, second in when_sent)


async def test_closing_the_engine_closes_its_streams(params: RtpParams, phone: Phone) -> None:
    engine = make_engine(params)
    await engine.start()
    stream = await engine.open_stream()
    stream.connect(phone.address)

    await engine.close()
    await engine.close()

    assert engine.streams == ()
    phone.received()
    await asyncio.sleep(0.06)
    assert phone.received() == []


@pytest.mark.parametrize("params", ["inline"], indirect=True)
async def test_a_stream_that_the_system_refuses_gives_its_ports_back(
    engine: MediaEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("transports.inline.engine.InlineStream", refused)
        for _ in range(21):
            with pytest.raises(MediaUnavailable, match="No space left on device"):
                await engine.open_stream()

    assert (await engine.open_stream()).port
    assert len(engine.streams) == 1


async def test_opens_no_stream_after_it_was_closed(params: RtpParams) -> None:
    engine = make_engine(params)
    await engine.start()
    await engine.close()

    with pytest.raises(MediaUnavailable, match="the media engine does not run"):
        await engine.open_stream()


@pytest.mark.parametrize("params", ["inline"], indirect=True)
async def test_a_stream_that_fails_to_say_goodbye_gives_its_ports_back(
    engine: MediaEngine, stream: MediaStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr(Reports, "goodbye", broken)

    stream.close()

    assert engine.streams == ()
    for port in (stream.port, stream.port + 1):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((stream.host, port))


async def test_does_not_start_at_an_address_of_another_machine(params: RtpParams) -> None:
    engine = make_engine(params.model_copy(update={"host": "192.0.2.7"}))

    with pytest.raises(AddressUnavailable, match=r"192\.0\.2\.7"):
        await engine.start()


async def test_holds_no_port_before_a_stream_is_opened(params: RtpParams) -> None:
    engine = make_engine(params.model_copy(update={"port_max": 19801}))
    await engine.start()

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 19800))
    await engine.close()
