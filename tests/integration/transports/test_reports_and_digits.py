"""RTCP and digits on loopback, in each placement: two streams, or a stream and plain sockets."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.waiting import until
from transports import Codec, MediaEngine, MediaStream, RtpParams, StreamOptions, make_engine
from transports.audio.dtmf import dual_tone
from transports.rtp.packet import RtpPacket
from transports.rtp.rtcp import (
    Goodbye,
    ReceiverReport,
    RtcpPacket,
    SenderReport,
    SourceDescription,
    parse_compound,
    serialize_compound,
)
from transports.rtp.telephone_event import KEYS, TelephoneEvent

PARAMS = RtpParams(port_min=19700, port_max=19741)
FRAME = 160
EVENT = 101
THEIRS = 5


class Phone:
    """Two plain sockets, for RTP and the port above it."""

    def __init__(self) -> None:
        self.rtp, self.rtcp = _pair()
        self.number = 0
        self.timestamp = 0

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.rtp.getsockname()
        return host, port

    def say(self, stream: MediaStream, pcm: bytes) -> None:
        self._send(stream, 8, self.timestamp, Codec.ALAW.encode(pcm))
        self.timestamp += FRAME

    def press(self, stream: MediaStream, key: str, frames: int) -> None:
        """Press a key; one packet is lost, and two of its three ends."""
        began = self.timestamp
        for frame in range(1, frames + 1):
            event = TelephoneEvent(KEYS.index(key), frame * FRAME, frame == frames)
            if frame != 2:
                self._send(stream, EVENT, began, event.serialize())
        self.timestamp += frames * FRAME

    def report(self, stream: MediaStream, *packets: RtcpPacket) -> None:
        datagram = serialize_compound([ReceiverReport(THEIRS), *packets])
        self.rtcp.sendto(datagram, (stream.host, stream.port + 1))

    def reported(self) -> list[RtcpPacket]:
        """Take the reports that have come since."""
        packets: list[RtcpPacket] = []
        with contextlib.suppress(BlockingIOError):
            while True:
                packets += parse_compound(self.rtcp.recv(2048))
        return packets

    def _send(self, stream: MediaStream, payload_type: int, timestamp: int, data: bytes) -> None:
        packet = RtpPacket(payload_type, self.number, timestamp, THEIRS, data)
        self.number += 1
        self.rtp.sendto(packet.serialize(), (stream.host, stream.port))


def _pair() -> tuple[socket.socket, socket.socket]:
    while True:
        rtp, rtcp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        rtp.bind(("127.0.0.1", 0))
        try:
            rtcp.bind(("127.0.0.1", rtp.getsockname()[1] + 1))
        except OSError:
            rtp.close()
            rtcp.close()
            continue
        rtp.settimeout(0)
        rtcp.settimeout(0)
        return rtp, rtcp


@pytest.fixture(params=["inline", "process"])
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[MediaEngine]:
    engine = make_engine(PARAMS.model_copy(update={"placement": request.param}))
    await engine.start()
    yield engine
    await engine.close()


@pytest.fixture
async def engines() -> AsyncIterator[list[MediaEngine]]:
    """One in each placement, for what takes its time."""
    engines = [
        make_engine(PARAMS.model_copy(update={"placement": placement}))
        for placement in ("inline", "process")
    ]
    for engine in engines:
        await engine.start()
    yield engines
    for engine in engines:
        await engine.close()


@pytest.fixture
def phone() -> Iterator[Phone]:
    phone = Phone()
    yield phone
    phone.rtp.close()
    phone.rtcp.close()


async def joined(
    engine: MediaEngine, ours: StreamOptions, theirs: StreamOptions
) -> tuple[MediaStream, MediaStream]:
    """Return two streams that talk to one another."""
    alice, bob = await engine.open_stream(ours), await engine.open_stream(theirs)
    alice.connect((bob.host, bob.port))
    bob.connect((alice.host, alice.port))
    return alice, bob


async def test_two_streams_report_to_one_another(engines: list[MediaEngine]) -> None:
    async with asyncio.TaskGroup() as group:
        for engine in engines:
            group.create_task(report_to_one_another(engine))


async def report_to_one_another(engine: MediaEngine) -> None:
    """Have two streams report, and one of them leave."""
    alice, bob = await joined(engine, StreamOptions(rtcp=True), StreamOptions())
    left: list[str] = []
    bob.on_peer_left = lambda: left.append("alice")

    await until(lambda: None not in (alice.stats.round_trip_s, bob.stats.round_trip_s), within=16)

    for stats in (alice.stats, bob.stats):
        assert stats.round_trip_s is not None
        assert stats.round_trip_s < 0.1
        assert stats.remote_jitter_s is not None
        assert stats.remote_jitter_s < 0.05
        assert stats.remote_lost == 0
        assert stats.rtcp_sent >= 1
        assert stats.rtcp_received >= 1
        assert stats.rtcp_rejected == 0

    alice.close()
    await until(lambda: left == ["alice"])


async def test_reports_to_a_peer_that_reports(engine: MediaEngine, phone: Phone) -> None:
    stream = await engine.open_stream()
    stream.connect(phone.address)
    await until(lambda: stream.stats.sent > 0)  # it is connected: the first packet is believed
    for _ in range(5):
        phone.say(stream, bytes(2 * FRAME))
    phone.report(stream)
    await until(lambda: stream.stats.rtcp_sent == 1)

    report, description = phone.reported()

    assert isinstance(report, SenderReport)
    assert isinstance(description, SourceDescription)
    assert report.ssrc == description.ssrc
    assert (report.blocks[0].ssrc, report.blocks[0].lost) == (THEIRS, 0)
    assert report.octets == report.packets * FRAME
    sent = RtpPacket.parse(phone.rtp.recv(2048))
    behind = (report.timestamp - sent.timestamp) % (1 << 32)
    assert behind == pytest.approx(report.packets * FRAME, abs=2 * FRAME)


async def test_says_nothing_to_a_peer_that_does_not_report(
    engines: list[MediaEngine], phone: Phone
) -> None:
    streams = [await engine.open_stream() for engine in engines]
    for stream in streams:
        stream.connect(phone.address)
    await until(lambda: all(stream.stats.sent >= 150 for stream in streams))
    for stream in streams:
        stream.close()

    assert phone.reported() == []


async def test_says_goodbye_when_it_closes(engine: MediaEngine, phone: Phone) -> None:
    stream = await engine.open_stream(StreamOptions(rtcp=True))
    stream.connect(phone.address)
    await until(lambda: stream.stats.rtcp_sent == 1)
    stream.close()
    packets: list[RtcpPacket] = []

    def has_left() -> bool:
        packets.extend(phone.reported())
        return isinstance(packets[-1], Goodbye)

    await until(has_left)


async def test_tells_that_the_peer_leaves(engine: MediaEngine, phone: Phone) -> None:
    stream = await engine.open_stream()
    stream.connect(phone.address)
    await until(lambda: stream.stats.sent > 0)  # it is connected: the first packet is believed
    left: list[bool] = []
    stream.on_peer_left = lambda: left.append(True)

    phone.report(stream, Goodbye((THEIRS + 1,)))
    phone.report(stream, Goodbye((THEIRS,)))
    await until(lambda: stream.stats.rtcp_received == 2 and bool(left))

    assert left == [True]


async def test_digits_arrive_as_events_in_both_directions(engine: MediaEngine) -> None:
    options = StreamOptions(telephone_event=EVENT)
    alice, bob = await joined(engine, options, options)
    by_alice: list[tuple[str, int]] = []
    by_bob: list[tuple[str, int]] = []
    alice.on_digit = lambda digit, duration: by_alice.append((digit, duration))
    bob.on_digit = lambda digit, duration: by_bob.append((digit, duration))

    alice.send_digits("12#")
    bob.send_digits("d", duration_ms=240)
    await until(lambda: len(by_bob) == 3 and len(by_alice) == 1)

    assert by_bob == [("1", 100), ("2", 100), ("#", 100)]
    assert by_alice == [("D", 240)]
    await until(lambda: bob.stats.digits_received == 3 and alice.stats.digits_sent == 3)


async def test_digits_arrive_as_tones_where_events_are_not_agreed_on(engine: MediaEngine) -> None:
    alice, bob = await joined(engine, StreamOptions(), StreamOptions(inband_dtmf=True))
    heard: list[str] = []
    bob.on_digit = lambda digit, _: heard.append(digit)
    bob.subscribe(lambda _: None)
    await until(lambda: bob.stats.received > 10)

    alice.send_digits("470*")
    await until(lambda: len(heard) == 4)

    assert heard == list("470*")


async def test_a_pressed_key_is_told_once(engine: MediaEngine, phone: Phone) -> None:
    stream = await engine.open_stream(StreamOptions(telephone_event=EVENT))
    stream.connect(phone.address)
    heard: list[tuple[str, int]] = []
    stream.on_digit = lambda digit, duration: heard.append((digit, duration))
    await until(lambda: stream.stats.sent > 0)  # it is connected: the first packet is believed
    for _ in range(5):
        phone.say(stream, bytes(2 * FRAME))
    phone.press(stream, "8", frames=6)
    for _ in range(5):
        phone.say(stream, bytes(2 * FRAME))
    await until(lambda: stream.stats.received == 15 and bool(heard))

    assert heard == [("8", 120)]
    assert (stream.stats.lost, stream.stats.rejected) == (0, {})


async def test_refuses_digits_that_are_none(engine: MediaEngine) -> None:
    stream = await engine.open_stream()

    with pytest.raises(ValueError, match="none of the keys"):
        stream.send_digits("1x")


async def test_a_tone_is_heard_only_when_asked_for(engine: MediaEngine, phone: Phone) -> None:
    stream = await engine.open_stream()
    stream.connect(phone.address)
    heard: list[str] = []
    stream.on_digit = lambda digit, _: heard.append(digit)
    tone = dual_tone("5", 10 * FRAME)
    for start in range(0, len(tone), 2 * FRAME):
        phone.say(stream, tone[start : start + 2 * FRAME])
    await until(lambda: stream.stats.sent >= 30)

    assert heard == []
