"""Ticks of the engine: what leaves before what, and what is made up for after a stall."""

import asyncio
import time
from collections.abc import Callable

import pytest

from tests.support.streams import FRAME, Phone, loud, until_sent
from tests.support.waiting import until
from transports import MediaEngine, MediaStream, PlayedFrame, RtpParams
from transports.inline import engine as inline_engine

MAKING_SECONDS = 0.0012
"""What the packets of a hundred calls take."""


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


@pytest.mark.parametrize(("ranked", "in_time"), [("SCHED_FIFO 20", True), ("nice -10", False)])
async def test_packets_are_made_ahead_where_nothing_ordinary_runs_instead(
    ranked: str, *, in_time: bool, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lead grows within a second: by the middle of the packets it has."""
    monkeypatch.setattr(inline_engine, "scheduling_class", lambda: ranked)
    engine = inline_engine.InlineEngine(RtpParams(port_min=19800, port_max=19841))
    engine.around_sending(lambda: time.sleep(MAKING_SECONDS), lambda: None)
    await engine.start()
    try:
        stream = await engine.open_stream()
        stream.connect(phone.address)
        await until_sent(stream, 150)

        assert (stream.stats.send_deviation_p50_s < MAKING_SECONDS) is in_time
    finally:
        await engine.close()


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
