"""A call is recorded as it was heard and sent, both sides in time, in either placement."""

import asyncio
import random
import socket
import sys
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.waiting import until
from transports import MediaEngine, MediaStream, RtpParams, StreamOptions, make_engine
from transports.audio.codec import Codec
from transports.audio.level import level_dbfs
from transports.rtp.packet import RtpPacket
from transports.rtp.tape import SILENCE, RecordedTick

PARAMS = RtpParams(port_min=19700, port_max=19719)
PLACEMENTS = ("inline", "process") if sys.platform == "linux" else ("inline",)
FRAME = 160
TICK = 0.02
QUIET = -55.0
LOUD = (8000).to_bytes(2, "little") * FRAME


@pytest.fixture(params=PLACEMENTS)
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[MediaEngine]:
    engine = make_engine(PARAMS.model_copy(update={"placement": request.param}))
    await engine.start()
    yield engine
    await engine.close()


@pytest.fixture
def phone() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        phone.setblocking(False)  # noqa: FBT003
        yield phone


def packet(number: int, pcm: bytes) -> bytes:
    return RtpPacket(8, number, number * FRAME, 5, Codec.ALAW.encode(pcm)).serialize()


def received(phone: socket.socket) -> list[RtpPacket]:
    packets = []
    while True:
        try:
            packets.append(RtpPacket.parse(phone.recv(2048)))
        except BlockingIOError:
            return packets


def numbers(ticks: list[RecordedTick]) -> list[int]:
    """Ticks since the first."""
    return [round((tick.at - ticks[0].at) / TICK) for tick in ticks]


def is_loud(coded: bytes) -> bool:
    return level_dbfs(Codec.ALAW.decode(coded)) > QUIET


def is_silent(tick: RecordedTick) -> bool:
    """Nothing was recorded of what was sent, not even comfort noise."""
    return tick.assistant == SILENCE[Codec.ALAW]


def place(part: list[bytes], whole: list[bytes]) -> int:
    """Return where a part begins in the whole, which it is of."""
    for start in range(len(whole) - len(part) + 1):
        if whole[start : start + len(part)] == part:
            return start
    raise AssertionError("it is not a part of it")


async def test_over_a_bad_network_both_sides_are_as_they_were_played_and_as_they_left(
    engine: MediaEngine, phone: socket.socket
) -> None:
    """A tenth of the caller's packets is lost, and the others come by leaps."""
    stream = await engine.open_stream()
    stream.connect(phone.getsockname())
    played: list[bytes] = []
    stream.subscribe(lambda frame: played.append(Codec.ALAW.encode(frame.pcm)))
    ticks: list[RecordedTick] = []
    await until(lambda: len(played) >= 5)
    stream.record(ticks.append)
    chance = random.Random(1)
    for number in range(50):
        level = 500 + 200 * number
        if chance.random() > 0.1:
            pcm = level.to_bytes(2, "little") * FRAME
            phone.sendto(packet(number, pcm), (stream.host, stream.port))
        await stream.write((9000 - level // 2).to_bytes(2, "little") * FRAME)
        await asyncio.sleep(chance.uniform(0, 0.03))
    await until(lambda: len(ticks) >= 50)
    stream.close()

    assert numbers(ticks) == list(range(len(ticks))), "no tick is missing, or comes twice"
    place([tick.caller for tick in ticks], played)
    place([tick.assistant for tick in ticks], [each.payload for each in received(phone)])
    assert len({tick.caller for tick in ticks if is_loud(tick.caller)}) > 20


async def test_what_is_heard_stands_beside_the_packet_that_leaves_next(
    engine: MediaEngine, phone: socket.socket
) -> None:
    """What is written the moment that the caller is heard is at most a tick behind that."""
    stream = await engine.open_stream()
    stream.connect(phone.getsockname())
    writing: list[asyncio.Future[bool]] = []
    was_loud = False

    def reply(pcm: bytes) -> None:
        nonlocal was_loud
        loud = level_dbfs(pcm) > QUIET
        if loud and not was_loud:
            writing.append(asyncio.ensure_future(stream.write(LOUD)))
        was_loud = loud

    stream.subscribe(lambda frame: reply(frame.pcm))
    ticks: list[RecordedTick] = []
    stream.record(ticks.append)
    for number in range(60):
        pcm = LOUD if number % 10 == 5 else bytes(2 * FRAME)
        phone.sendto(packet(number, pcm), (stream.host, stream.port))
        sent = stream.stats.sent
        await until(lambda sent=sent: stream.stats.sent > sent)  # type: ignore[misc]
    await until(lambda: len(ticks) >= 60)
    await asyncio.gather(*writing)
    stream.close()

    callers = _onsets([tick.caller for tick in ticks])
    replies = _onsets([tick.assistant for tick in ticks])
    assert len(writing) >= 5
    waits = [min(after - onset for after in replies if after >= onset) for onset in callers[:-1]]
    assert min(waits) in {0, 1}, waits


def _onsets(line: list[bytes]) -> list[int]:
    loud = [is_loud(coded) for coded in line]
    return [at for at in range(1, len(loud)) if loud[at] and not loud[at - 1]]


@pytest.mark.parametrize("telephone_event", [None, 101])
async def test_digits_that_we_send_are_silent_in_the_recording(
    engine: MediaEngine, phone: socket.socket, telephone_event: int | None
) -> None:
    stream = await engine.open_stream(StreamOptions(telephone_event=telephone_event))
    stream.connect(phone.getsockname())
    ticks: list[RecordedTick] = []
    stream.record(ticks.append)
    await until(lambda: len(ticks) >= 3)
    stream.send_digits("12")
    await until(lambda: sum(map(is_silent, ticks)) >= 15 and not is_silent(ticks[-1]))
    stream.close()

    assert not any(is_loud(tick.assistant) for tick in ticks)


@pytest.mark.parametrize("engine", ["inline"], indirect=True)
@pytest.mark.parametrize("codec", [Codec.ULAW, Codec.G722])
async def test_other_codecs_are_recorded_too(
    engine: MediaEngine, phone: socket.socket, codec: Codec
) -> None:
    stream = await engine.open_stream(StreamOptions(codec=codec))
    stream.connect(phone.getsockname())
    ticks: list[RecordedTick] = []
    stream.record(ticks.append)
    await stream.write(LOUD * 5)
    await until(lambda: len(ticks) >= 10)
    stream.close()

    law = Codec.ULAW if codec is Codec.ULAW else Codec.ALAW
    assert law.encode(LOUD) in [tick.assistant for tick in ticks]
    if codec is Codec.ULAW:
        place([tick.assistant for tick in ticks], [each.payload for each in received(phone)])


async def test_who_records_and_fails_breaks_that_call_alone(engine: MediaEngine) -> None:
    stream, other = await engine.open_stream(), await engine.open_stream()

    def broken(_tick: RecordedTick) -> None:
        raise RuntimeError("broken recording")

    stream.record(broken)
    await until(lambda: stream.failed is not None)

    assert other.failed is None


async def test_a_stream_can_be_closed_by_its_recording(
    engine: MediaEngine, phone: socket.socket
) -> None:
    stream: MediaStream = await engine.open_stream()
    stream.connect(phone.getsockname())
    ticks: list[RecordedTick] = []

    def last(tick: RecordedTick) -> None:
        ticks.append(tick)
        stream.close()

    stream.record(last)
    await until(lambda: bool(ticks))

    assert stream.failed is None
    assert len(ticks) == 1
