"""Playout buffer: network order and timing in, an unbroken line of samples out.

Driven by timestamps, cut by sequence numbers: packets may hold any number of samples, and a hole
is as long as the timestamps say, whether or not numbers are missing (Asterisk renumbers when it
transcodes).
"""

import enum
from dataclasses import dataclass

from transports.rtp.drift import PlayoutDrift
from transports.rtp.events import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE
from transports.rtp.sequence import timestamp_difference

__all__ = ["Audio", "Empty", "Lost", "Piece", "PlayoutBuffer", "Put"]

CAPACITY_SAMPLES = 4000
"""Half a second: what piles up while we or the network stall and is worth playing."""

STARVATION_SAMPLES = 480
"""After 60 ms without a packet playout stops, and the next packet waits the delay again."""

LARGEST_HIDDEN_LOSS = 960
"""A timestamp gap without missing numbers is loss up to 120 ms, and beyond it a jump."""

LARGEST_LOSS = 4000
"""So is one with missing numbers up to half a second: who comes earlier before its turn than that
does not keep time with us."""

LATE_SAMPLES = SAMPLE_RATE
"""A timestamp up to a second behind playout is late; further back it has been reset."""


class Put(enum.Enum):
    """What became of a packet handed to :meth:`PlayoutBuffer.put`."""

    QUEUED = enum.auto()
    EVICTED = enum.auto()
    """Queued, and the oldest packets made room for it."""
    LATE = enum.auto()
    DUPLICATE = enum.auto()


@dataclass(frozen=True, slots=True)
class Audio:
    """Samples of a packet, 16-bit, and when that packet came."""

    pcm: bytes
    arrived_at: float


@dataclass(frozen=True, slots=True)
class Lost:
    """A hole of that many samples with audio around it."""

    samples: int


@dataclass(frozen=True, slots=True)
class Empty:
    """So many samples of nothing: no packet is due."""

    samples: int


Piece = Audio | Lost | Empty


@dataclass(slots=True)
class _Held:
    """What is left to play of one packet."""

    timestamp: int
    pcm: bytes
    arrived_at: float


class PlayoutBuffer:
    """Fixed-delay buffer for one source. No clock, no I/O: the caller passes ``now``.

    ::

        waiting --get, `delay` after the first packet--> playing
        playing --get, 60 ms after the last sample-----> waiting

    Args:
        delay: Seconds from the arrival of a packet to its turn, on average.
        capacity: Samples held at most, though one packet always is.
    """

    def __init__(self, *, delay: float, capacity: int = CAPACITY_SAMPLES) -> None:
        self._delay = delay
        self._capacity = capacity
        self._held: dict[int, _Held] = {}  # by unwrapped sequence number
        self._samples = 0
        self._next = 0  # the lowest number still playable
        self._position = 0  # timestamp of the next sample to play
        self._playing = False
        self._start_at = 0.0
        self._starved = 0  # samples since the last packet ran out
        self._ticked_at = 0.0
        self._drift = PlayoutDrift(delay)

    @property
    def samples(self) -> int:
        """Samples held."""
        return self._samples

    @property
    def playing(self) -> bool:
        """Whether the line of samples is being played."""
        return self._playing

    @property
    def drift(self) -> float:
        """Seconds by which the delay has grown (positive) or shrunk, beyond what is normal."""
        return self._drift.error if self._playing else 0.0

    def put(self, number: int, timestamp: int, pcm: bytes, now: float) -> Put:
        """Offer a decoded packet (16-bit samples) that arrived at ``now``.

        Args:
            number: Unwrapped sequence number.
            timestamp: As in the packet, 32 bits.
            pcm: Its samples; not empty.
            now: Monotonic seconds.
        """
        late = self._playing and self._comes_late(timestamp, pcm, now)
        if late or number < self._next:
            return Put.LATE
        if number in self._held:
            return Put.DUPLICATE
        if not self._held and not self._playing:
            self._start_at = now + self._delay
        self._held[number] = _Held(timestamp, pcm, now)
        self._samples += len(pcm) // 2
        if self._samples > self._capacity:
            return self._evict()
        return Put.QUEUED

    def get(self, now: float) -> tuple[Piece, ...]:
        """Take the next 20 ms: pieces of 160 samples in all."""
        self._ticked_at = now
        if not self._playing and not self._start(now):
            return (Empty(FRAME_SAMPLES),)
        pieces: list[Piece] = []
        need = FRAME_SAMPLES
        while need > 0:
            piece = self._take(need)
            pieces.append(piece)
            need -= len(piece.pcm) // 2 if isinstance(piece, Audio) else piece.samples
        return tuple(pieces)

    def delay_by_a_frame(self, now: float) -> None:
        """Take nothing for this 20 ms: everything plays a frame later."""
        self._ticked_at = now
        self._drift.corrected(FRAME_SECONDS)

    def hasten_by_a_frame(self, now: float) -> tuple[Piece, ...]:
        """Take a second 20 ms within the same tick: everything plays a frame earlier."""
        self._drift.corrected(-FRAME_SECONDS)
        return self.get(now)

    def has_unbroken(self, samples: int) -> bool:
        """Whether the next ``samples`` samples could be played without a hole."""
        position, number = self._position, self._next
        while samples > 0:
            held = self._held.get(number)
            if held is None or held.timestamp != position:
                return False
            length = len(held.pcm) // 2
            samples -= length
            position = (position + length) & 0xFFFFFFFF
            number += 1
        return True

    def _comes_late(self, timestamp: int, pcm: bytes, now: float) -> bool:
        """Measure the slack; return whether all of the packet lies before the playout position."""
        ahead = timestamp_difference(timestamp, self._position)
        timeline_holds = -CAPACITY_SAMPLES <= ahead <= CAPACITY_SAMPLES
        clock_holds = now - self._ticked_at < 2 * FRAME_SECONDS
        if timeline_holds and clock_holds:
            self._drift.observe(self._ticked_at + FRAME_SECONDS + ahead / SAMPLE_RATE - now)
        return -LATE_SAMPLES < ahead <= -(len(pcm) // 2)

    def _start(self, now: float) -> bool:
        """Begin a run at the lowest number held, at the tick nearest to its time."""
        if not self._held or now + FRAME_SECONDS / 2 < self._start_at:
            return False
        self._next = min(self._held)
        self._position = self._held[self._next].timestamp
        self._playing = True
        self._starved = 0
        self._drift.restart()
        return True

    def _take(self, need: int) -> Piece:
        """Take up to ``need`` samples from the playout position on."""
        if not self._playing:
            return Empty(need)
        self._trim()
        if not self._held:
            return self._starve(need)
        number = min(self._held)
        head = self._held[number]
        gap = timestamp_difference(head.timestamp, self._position)
        if gap == 0:
            return self._play(number, head, need)
        missing = (number - self._next) * (len(head.pcm) // 2)
        if 0 < gap <= min(max(LARGEST_HIDDEN_LOSS, missing), LARGEST_LOSS):
            gap = min(gap, need)
            self._position = (self._position + gap) & 0xFFFFFFFF
            return Lost(gap)
        if self._starved:  # a jump after a pause: wait for the delay again
            self._playing = False
            self._start_at = head.arrived_at + self._delay
            return Empty(need)
        self._position = head.timestamp
        return self._play(number, head, need)

    def _play(self, number: int, head: _Held, need: int) -> Audio:
        """Take from the packet at the playout position."""
        pcm, head.pcm = head.pcm[: 2 * need], head.pcm[2 * need :]
        taken = len(pcm) // 2
        self._samples -= taken
        self._starved = 0
        self._next = number
        self._position = head.timestamp = (head.timestamp + taken) & 0xFFFFFFFF
        if not head.pcm:
            del self._held[number]
            self._next = number + 1
        return Audio(pcm, head.arrived_at)

    def _trim(self) -> None:
        """Drop the samples at the head whose time has been filled already."""
        while self._held:
            number = min(self._held)
            head = self._held[number]
            overlap = timestamp_difference(self._position, head.timestamp)
            if not 0 < overlap < LATE_SAMPLES:
                return
            overlap = min(overlap, len(head.pcm) // 2)
            head.pcm = head.pcm[2 * overlap :]
            head.timestamp = (head.timestamp + overlap) & 0xFFFFFFFF
            self._samples -= overlap
            if head.pcm:
                return
            del self._held[number]
            self._next = number + 1

    def _starve(self, need: int) -> Piece:
        """Bridge an empty buffer for a while; where the delay is short, without moving on."""
        if self._starved >= STARVATION_SAMPLES:
            self._playing = False
            return Empty(need)
        self._starved += need
        if self._drift.error < 0:
            self._drift.corrected(need / SAMPLE_RATE)
        else:
            self._position = (self._position + need) & 0xFFFFFFFF
        return Lost(need)

    def _evict(self) -> Put:
        """Drop the oldest packets down to the capacity; the newest always stays."""
        if len(self._held) == 1:
            return Put.QUEUED
        while self._samples > self._capacity and len(self._held) > 1:
            number = min(self._held)
            self._samples -= len(self._held.pop(number).pcm) // 2
            self._next = number + 1
        self._position = self._held[min(self._held)].timestamp
        self._drift.restart()
        return Put.EVICTED
