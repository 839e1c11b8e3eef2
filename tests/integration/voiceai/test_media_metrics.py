"""What is scraped of the media, while packets come with known faults."""

import contextlib
import socket
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
from prometheus_client import CollectorRegistry

from tests.support.waiting import until
from transports import Codec, MediaEngine, MediaStream, RtpParams, make_engine
from transports.audio.barge_in import BargeInTally
from transports.rtp.packet import RtpPacket
from voiceai.telemetry.media_metrics import MediaMetrics

PLACEMENTS = ("inline", "process") if sys.platform == "linux" else ("inline",)
FRAME = 160
VOICE = Codec.ALAW.encode(Codec.ALAW.decode(bytes(0xA0 | step % 16 for step in range(FRAME))))


@pytest.fixture(params=PLACEMENTS)
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[MediaEngine]:
    engine = make_engine(RtpParams(port_min=21100, port_max=21119, placement=request.param))
    await engine.start()
    yield engine
    await engine.close()


@pytest.fixture
def registry(engine: MediaEngine) -> CollectorRegistry:
    registry = CollectorRegistry()
    MediaMetrics(registry, engine, BargeInTally())
    return registry


@pytest.fixture
def phone() -> Iterator[socket.socket]:
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as phone:
        phone.bind(("127.0.0.1", 0))
        yield phone


def packet(number: int, payload_type: int = 8) -> bytes:
    return RtpPacket(payload_type, number, number * FRAME, 7, VOICE).serialize()


def read(registry: CollectorRegistry, *names: str) -> list[float | None]:
    return [registry.get_sample_value(f"voiceai_{name}") for name in names]


def refused(registry: CollectorRegistry, reason: str) -> float | None:
    return registry.get_sample_value("voiceai_rtp_rejected_total", {"reason": reason})


async def send(phone: socket.socket, stream: MediaStream) -> None:
    """Send ten packets in their time: two are lost, two swapped, one comes twice, three are bad."""
    address = (stream.host, stream.port)
    for number in (0, 1, 2, 3, 6, 5, 8, 8, 9):
        phone.sendto(packet(number), address)
        played = stream.stats.played
        await until(lambda played=played: stream.stats.played > played)  # type: ignore[misc]
    phone.sendto(packet(10, payload_type=96), address)
    phone.sendto(b"no RTP", address)
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as stranger:
        stranger.sendto(packet(11), address)


async def test_packets_with_known_faults_are_what_is_scraped(
    engine: MediaEngine, registry: CollectorRegistry, phone: socket.socket
) -> None:
    stream = await engine.open_stream()
    stream.subscribe(lambda _: None)
    stream.connect(phone.getsockname())

    await send(phone, stream)
    await until(lambda: refused(registry, "address") == 1)
    await until(lambda: bool(read(registry, "playout_frames_comfort_noise_total")[0]))

    names = ("received", "lost", "duplicate", "reordered")
    packets = [f"rtp_packets_{name}_total" for name in names]
    faults = [9, 2, 1, 1]  # the one of another payload type has come, too
    assert read(registry, *packets) == faults
    assert [refused(registry, reason) for reason in ("payload_type", "malformed")] == [1, 1]
    concealed, sent, ticks = read(
        registry,
        "playout_frames_concealed_total",
        "rtp_packets_sent_total",
        "media_tick_lateness_seconds_count",
    )
    assert (concealed or 0) > 0
    assert (sent or 0) >= 9
    assert (ticks or 0) >= 9
    assert registry.get_sample_value("voiceai_playout_target_seconds", {"over": "max"}) == (
        stream.stats.playout_target_s
    )

    stream.close()
    await until(lambda: read(registry, "rtp_streams") == [0])
    assert read(registry, *packets) == faults
