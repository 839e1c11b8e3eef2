"""A stream of the media process, with a slot that the test writes as that process would."""

import asyncio
from typing import Any

from transports.audio.codec import Codec
from transports.process.layout import (
    BEHIND_ARRIVED,
    HEARD,
    PROGRESS,
    SLOT_BYTES,
    WRITTEN,
    HeardKind,
    Progress,
    Slot,
)
from transports.process.stream import ProcessStream
from transports.rtp.events import ArrivedAudio, PlayedFrame

KEY = 11
NEVER = float("nan")
ARRIVED, PLAYED = bytes([1, 0]) * 160, bytes([2, 0]) * 160


class Rig:
    """A stream, and what it says to the media process."""

    def __init__(self) -> None:
        memory = memoryview(bytearray(SLOT_BYTES))
        self.slot = Slot(memory, KEY)
        self.heard = self.slot.heard_writer()
        self.written = self.slot.written_reader()
        self.said: list[str] = []
        opened = {"host": "127.0.0.1", "port": 4000, "codec": Codec.ALAW.value}
        self.stream = ProcessStream(
            Slot(memory, KEY), {**opened, "receive_codec": "alaw"}, self._say, lambda _: None
        )

    def progress(self, **fields: Any) -> None:
        """Say what became of the audio."""
        self.slot.progress.set(PROGRESS.pack(*Progress(**fields)))

    def hear_a_tick(self, arrived_at: float, played_at: float) -> None:
        """Say what came and what is played."""
        kind = HeardKind.AUDIO + HeardKind.BEHIND_ARRIVED
        self.heard.put(BEHIND_ARRIVED.pack(kind, played_at, arrived_at) + ARRIVED + PLAYED)
        self.stream.hear()

    def _say(self, action: str, **_: object) -> None:
        self.said.append(action)


def test_a_tick_tells_what_arrived_before_what_is_played() -> None:
    rig = Rig()
    told: list[ArrivedAudio | PlayedFrame] = []
    rig.stream.subscribe(told.append)
    rig.stream.listen(told.append)

    rig.hear_a_tick(5.0, 4.9)
    rig.hear_a_tick(NEVER, NEVER)

    assert told == [
        ArrivedAudio(ARRIVED, 5.0),
        PlayedFrame(PLAYED, 4.9, "audio"),
        ArrivedAudio(ARRIVED, None),
        PlayedFrame(PLAYED, None, "audio"),
    ]
    assert [type(each) for each in told] == [ArrivedAudio, PlayedFrame] * 2


def test_what_comes_without_a_frame_is_told_alone() -> None:
    rig = Rig()
    told: list[ArrivedAudio] = []
    rig.stream.listen(told.append)

    rig.heard.put(HEARD.pack(HeardKind.ARRIVED, 5.0) + ARRIVED)
    rig.stream.hear()

    assert told == [ArrivedAudio(ARRIVED, 5.0)]


def test_a_listener_that_raises_breaks_the_stream_before_anybody_else_is_told() -> None:
    rig = Rig()
    told: list[object] = []
    failed: list[object] = []

    def broken(_: ArrivedAudio) -> None:
        raise ValueError("broken")

    rig.stream.listen(broken)
    rig.stream.listen(told.append)
    rig.stream.subscribe(told.append)
    rig.stream.on_failed = failed.append

    rig.hear_a_tick(5.0, 4.9)
    rig.hear_a_tick(5.02, 4.92)

    assert told == []
    assert failed == [rig.stream]
    assert isinstance(rig.stream.failed, ValueError)
    assert rig.said == ["listen", "subscribe", "fail"]


def test_a_listener_that_closes_the_stream_is_told_nothing_more() -> None:
    rig = Rig()
    told: list[ArrivedAudio] = []
    frames: list[PlayedFrame] = []

    def leave(audio: ArrivedAudio) -> None:
        told.append(audio)
        rig.stream.close()

    rig.stream.listen(leave)
    rig.stream.subscribe(frames.append)
    rig.hear_a_tick(5.0, 4.9)
    rig.hear_a_tick(5.02, 4.92)

    assert told == [ArrivedAudio(ARRIVED, 5.0)]
    assert frames == []


async def test_a_writer_goes_on_when_what_it_waits_for_was_seen_by_somebody_else() -> None:
    rig = Rig()
    writing = asyncio.ensure_future(rig.stream.write(bytes(8000)))
    await asyncio.sleep(0)
    rig.stream.progressed()
    assert not writing.done()

    rig.progress(done=3900, played=3900, taken=13)
    assert rig.stream.queued_samples == 100
    rig.stream.progressed()

    assert await writing


async def test_what_waits_for_room_follows_when_somebody_else_saw_that_there_is_some() -> None:
    rig = Rig()
    writing = asyncio.ensure_future(rig.stream.write(bytes(range(256)) * 640))
    await asyncio.sleep(0)
    for _ in range(64):
        rig.written.take()
    assert rig.written.take() is None

    rig.progress(taken=64)
    assert rig.stream.queued_samples == 81920
    rig.stream.progressed()

    following = rig.written.take()
    assert following is not None
    assert following[WRITTEN.size :] == (bytes(range(256)) * 640)[64 * 640 : 65 * 640]
    rig.stream.close()
    assert not await writing


def test_that_speech_began_is_told_once_and_with_its_time() -> None:
    rig = Rig()
    begun: list[float] = []
    rig.stream.on_speech_sent = begun.append

    rig.progress(speeches=1, speech_at=7.5, speaking=True)
    rig.stream.progressed()
    rig.stream.progressed()
    rig.progress(speeches=1, speech_at=7.5, played=160)
    rig.stream.progressed()
    rig.progress(speeches=2, speech_at=9.5, speaking=True)
    rig.stream.progressed()

    assert begun == [7.5, 9.5]
