"""An RTP peer that others wrote, the package ``aiortp``: reports and digits both ways."""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.waiting import until
from transports import MediaEngine, MediaStream, RtpParams, StreamOptions, make_engine
from transports.udp.ports import PortPairs

aiortp = pytest.importorskip("aiortp")

PARAMS = RtpParams(port_min=19640, port_max=19661)
PLACEMENTS = ("inline", "process") if sys.platform == "linux" else ("inline",)
EVENT = 101
SILENCE = b"\xd5" * 160


class Peer:
    """Somebody who talks all the time, and reports twice a second."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.timestamp = 0

    async def talk(self) -> None:
        while True:
            self.session.send_audio(SILENCE, self.timestamp)
            self.timestamp += 160
            await asyncio.sleep(0.02)

    def press(self, digit: str, duration_ms: int) -> None:
        self.session.send_dtmf(digit, duration_ms, self.timestamp)
        self.timestamp += duration_ms * 8


@pytest.fixture(params=PLACEMENTS)
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[MediaEngine]:
    engine = make_engine(PARAMS.model_copy(update={"placement": request.param}))
    await engine.start()
    yield engine
    await engine.close()


@pytest.fixture
async def stream(engine: MediaEngine) -> MediaStream:
    return await engine.open_stream(StreamOptions(telephone_event=EVENT))


@pytest.fixture
async def peer(stream: MediaStream) -> AsyncIterator[Peer]:
    """The other end of ``stream``."""
    pairs = PortPairs("127.0.0.1", 19662, 19699)
    pair = pairs.open()
    pairs.close(pair)
    session = await aiortp.RTPSession.create(
        local_addr=("127.0.0.1", pair.port),
        remote_addr=(stream.host, stream.port),
        payload_type=8,
        dtmf_payload_type=EVENT,
        rtcp_interval=0.5,
    )
    stream.connect(("127.0.0.1", pair.port))
    peer = Peer(session)
    async with asyncio.TaskGroup() as group:
        talking = group.create_task(peer.talk())
        yield peer
        talking.cancel()
    await session.close()


async def test_each_learns_what_the_other_hears(stream: MediaStream, peer: Peer) -> None:
    blocks: list[Any] = []
    peer.session.on_receiver_report = blocks.append

    await until(lambda: stream.stats.round_trip_s is not None and bool(blocks), within=15)

    stats = stream.stats
    assert stats.round_trip_s is not None
    assert stats.round_trip_s < 0.1
    assert stats.remote_lost == 0
    assert stats.remote_jitter_s is not None
    assert stats.remote_jitter_s < 0.1
    assert stats.rtcp_rejected == 0
    assert (blocks[-1].packets_lost, blocks[-1].fraction_lost) == (0, 0)
    assert blocks[-1].lsr != 0


async def test_digits_go_both_ways(stream: MediaStream, peer: Peer) -> None:
    by_peer: list[tuple[str, int]] = []
    by_us: list[tuple[str, int]] = []
    peer.session.on_dtmf = lambda digit, samples: by_peer.append((digit, samples))
    stream.on_digit = lambda digit, duration_ms: by_us.append((digit, duration_ms))
    await until(lambda: stream.stats.received > 10)

    stream.send_digits("5#")
    peer.press("9", duration_ms=160)
    await until(lambda: len(by_peer) == 2 and len(by_us) == 1, within=15)

    assert by_peer == [("5", 800), ("#", 800)]
    assert by_us == [("9", 160)]
