"""One call's filters: both lines of what is heard, each beside what was sent."""

from dataclasses import dataclass, field
from typing import cast

import numpy as np
import pytest

from transports.audio.audio_filter import BLOCK_BYTES
from transports.caller_filters import CallerFilters
from transports.media import MediaStream
from transports.rtp.events import ArrivedAudio, PlayedFrame

TICK = 160


@dataclass
class Line:
    """A stream: how much of what was written has left."""

    played_samples: int = 0


@dataclass
class Marking:
    """Adds to what is heard what was sent beside it."""

    closed: int = 0
    sent: list[bytes] = field(default_factory=list)

    def process(self, heard: bytes, sent: bytes) -> bytes:
        assert len(heard) == len(sent) == BLOCK_BYTES
        self.sent.append(sent)
        return bytes(np.frombuffer(heard, "<i2") + np.frombuffer(sent, "<i2"))

    def close(self) -> None:
        self.closed += 1


@dataclass
class Call:
    line: Line = field(default_factory=Line)
    made: list[Marking] = field(default_factory=list)

    def filters(self, count: int = 1) -> CallerFilters:
        return CallerFilters(cast("MediaStream", self.line), [self._make] * count)

    def _make(self) -> Marking:
        self.made.append(Marking())
        return self.made[-1]


def constant(value: int, samples: int) -> bytes:
    return np.full(samples, value, "<i2").tobytes()


def test_each_line_hears_what_was_sent_beside_it() -> None:
    call = Call()
    filters = call.filters()
    filters.write(constant(7, TICK))
    arrived, played = [], []
    for tick in range(3):
        call.line.played_samples = TICK if tick >= 1 else 0
        arrived.append(filters.arrived(ArrivedAudio(constant(1, TICK), 5.0 + tick)))
        played.append(filters.played(PlayedFrame(constant(2, TICK), 5.0 + tick, "audio")))

    assert [set(np.frombuffer(each.pcm, "<i2").tolist()) for each in arrived] == [{1}, {8}, {1}]
    assert [each.arrived_at for each in arrived] == [5, 6, 7]
    assert [set(np.frombuffer(each, "<i2").tolist()) for each in played] == [{2}, {9}, {2}]


def test_what_was_flushed_is_not_sent() -> None:
    call = Call()
    filters = call.filters()
    filters.write(constant(7, TICK))
    filters.drop(TICK)
    filters.write(constant(9, TICK))
    call.line.played_samples = TICK

    heard = filters.played(PlayedFrame(bytes(2 * TICK), None, "noise"))

    assert set(np.frombuffer(heard, "<i2").tolist()) == {9}


def test_what_is_ducked_is_sent_lower() -> None:
    call = Call()
    filters = call.filters()
    filters.write(constant(800, TICK))
    filters.duck(ducked=True)
    call.line.played_samples = TICK

    heard = filters.played(PlayedFrame(bytes(2 * TICK), None, "noise"))

    assert set(np.frombuffer(heard, "<i2").tolist()) == {200}


@pytest.mark.parametrize("size", [40, 80, 120, 240, 480, 7])
def test_pieces_of_any_length_lose_no_sample(size: int) -> None:
    call = Call()
    filters = call.filters(2)
    samples = np.arange(size * 50, dtype="<i2")
    out = b"".join(
        filters.arrived(ArrivedAudio(samples[at : at + size].tobytes(), 1.0)).pcm
        for at in range(0, len(samples), size)
    )

    assert out == samples.tobytes()[: len(out)]
    assert len(samples) - len(out) // 2 < BLOCK_BYTES // 2


def test_each_line_has_filters_of_its_own_and_frees_them() -> None:
    call = Call()
    filters = call.filters(2)

    filters.close()

    assert [each.closed for each in call.made] == [1, 1, 1, 1]
    assert filters.played(PlayedFrame(constant(3, TICK), None, "noise")) == constant(3, TICK)
