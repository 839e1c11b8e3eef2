"""Both directions of a call, side by side."""

import pytest

from transports.audio.codec import Codec
from transports.rtp.tape import RecordedTick, Tape, law_of

TICK = 0.02


def frame(level: int) -> bytes:
    return level.to_bytes(2, "little", signed=True) * 160


def coded(level: int, law: Codec = Codec.ALAW) -> bytes:
    return law.encode(frame(level))


SILENT = coded(0)


class Rig:
    """A tape, and what came from it: number of the tick, and both levels as they are coded."""

    def __init__(self, codec: Codec = Codec.ALAW) -> None:
        self.ticks: list[RecordedTick] = []
        self.tape = Tape(codec, self.ticks.append)

    def heard(self, tick: int, *levels: int) -> None:
        self.tape.heard([frame(level) for level in levels], 5.0 + tick * TICK)

    def sent(self, tick: int, *levels: int) -> None:
        self.tape.sent([frame(level) for level in levels], 5.0 + tick * TICK)

    @property
    def found(self) -> list[tuple[int, bytes, bytes]]:
        return [(round((tick.at - 5.0) / TICK), tick.caller, tick.assistant) for tick in self.ticks]


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_what_was_heard_in_a_tick_stands_beside_what_was_sent_in_it(rig: Rig) -> None:
    rig.heard(0, 1000)
    rig.sent(0, 2000)
    rig.heard(1, 3000)
    rig.sent(1, 4000)

    assert rig.found == [(0, coded(1000), coded(2000)), (1, coded(3000), coded(4000))]


def test_a_packet_that_left_before_the_first_frame_was_heard_is_not_of_the_recording(
    rig: Rig,
) -> None:
    """It began between the two; its first frame would stand beside another tick's packet."""
    rig.sent(0, 2000)
    rig.heard(1, 3000)
    rig.sent(1, 4000)

    assert rig.found == [(1, coded(3000), coded(4000))]


def test_a_stall_after_which_packets_leave_before_frames_are_heard_moves_nothing(rig: Rig) -> None:
    rig.heard(0, 1)
    rig.sent(2, 1000, 2000, 3000)
    rig.heard(2, 4000, 5000)

    assert rig.found == [
        (0, coded(1), coded(1000)),
        (1, coded(4000), coded(2000)),
        (2, coded(5000), coded(3000)),
    ]


def test_a_long_stall_leaves_a_hole_and_what_follows_keeps_its_time(rig: Rig) -> None:
    rig.heard(0, 1000)
    rig.sent(0, 2000)
    rig.heard(500, 3000, 4000)
    rig.sent(500, 5000)

    assert rig.found == [
        (0, coded(1000), coded(2000)),
        (499, coded(3000), SILENT),
        (500, coded(4000), coded(5000)),
    ]


def test_digits_that_we_send_are_silence(rig: Rig) -> None:
    rig.heard(0, 1000)
    rig.tape.sent([b""], 5.0)

    assert rig.found == [(0, coded(1000), SILENT)]


def test_a_stream_that_sends_nothing_yet_is_silence(rig: Rig) -> None:
    rig.heard(0, 1000)
    rig.tape.sent([], 5.0)

    assert rig.found == [(0, coded(1000), SILENT)]


@pytest.mark.parametrize(
    ("codec", "law"),
    [
        (Codec.ALAW, Codec.ALAW),
        (Codec.ULAW, Codec.ULAW),
        (Codec.G722, Codec.ALAW),
        (Codec.SLIN16, Codec.ALAW),
    ],
)
def test_a_stream_is_recorded_in_the_law_of_its_packets(codec: Codec, law: Codec) -> None:
    rig = Rig(codec)
    rig.heard(0, 1000)
    rig.sent(0, 2000)

    assert law_of(codec) is law
    assert rig.found == [(0, coded(1000, law), coded(2000, law))]
