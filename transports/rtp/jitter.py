"""Playout buffer: network order and timing in, an unbroken line of samples out.

Driven by timestamps, cut by sequence numbers: packets may hold any number of samples, and a hole
is as long as the timestamps say, whether or not numbers are missing (Asterisk renumbers when it
transcodes).
"""

import enum
import math
from dataclasses import dataclass
from typing import NamedTuple

from transports.rtp.events import FRAME_BYTES, FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE, new
from transports.rtp.spread import EARLIEST, ArrivalSpread, PlayoutRange
from transports.rtp.ticks import TickClock

__all__ = ["Audio", "Empty", "Held", "Lost", "Piece", "PlayoutBuffer", "Put"]

CAPACITY_SAMPLES = 4000
"""Half a second: what piles up while we or the network stall and is worth playing."""

STARVATION_SAMPLES = 480
"""After 60 ms without a packet playout stops, and the next packet waits the delay again."""

SLIP = 8
"""Samples, 1 ms: so far timestamps of two packets in sequence may be from fitting on, and nothing
is missing. A far side whose clocks disagree is off in each packet: that would be a hole in each."""

LARGEST_HIDDEN_LOSS = 960
"""A timestamp gap without missing numbers is loss up to 120 ms, and beyond it a jump."""

LARGEST_LOSS = 4000
"""So is one with missing numbers up to half a second: who comes earlier before its turn than that
does not keep time with us."""

SHORT_BY = 0.002
"""Seconds of delay below what is needed that are left alone."""

RESERVE = 0.004
"""Seconds above it that a correction leaves, so that the next one is not the opposite."""

SOONER = 0.0001
"""Seconds by which a tick may be too early to start at: that much is rounding."""

OTHER_TIMELINE = 0.5
"""Seconds; a larger error is not one of the delay."""

RESTART_TOLERANCE = 0.02
"""Seconds beyond the target that the first packet after a pause may take, before what is known
of the path is taken to be out of date."""

OWN_STALL = 0.04
"""Seconds since the last tick after which the arrival time is not the network's doing."""

LATE_SAMPLES = SAMPLE_RATE
"""A timestamp up to a second behind playout is late; further back it has been reset."""


class Put(enum.Enum):
    """What became of a packet handed to :meth:`PlayoutBuffer.put`."""

    QUEUED = enum.auto()
    EVICTED = enum.auto()
    """Queued, and the oldest packets made room for it."""
    LATE = enum.auto()
    DUPLICATE = enum.auto()


QUEUED = Put.QUEUED
"""Looked up once: in Python 3.11 that costs as much as a call, and each packet asks."""


class Audio(NamedTuple):
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


class Held(NamedTuple):
    """What is left to play of one packet: its timestamp, its samples, and when it arrived."""

    timestamp: int
    pcm: bytes
    arrived_at: float


class PlayoutBuffer:
    """Adaptive buffer for one source. No clock, no I/O: the caller passes ``now``.

    ::

        waiting --get, when the earliest packet is due--> playing
        playing --get, 60 ms after the last sample------> waiting

    Playout starts with a whole packet at the first tick at which the delay is long enough. Since
    a tick takes all of its 20 ms at once, nothing in between would serve packets of 20 ms better.
    From then on :attr:`surplus` tells how far the delay is off; whoever plays corrects it, by
    taking more or less than 20 ms in a tick.

    Attributes:
        spread: What is known of the arrival times; a successor for the same path may go on with it.
        playing: Whether the line of samples is being played.
        delay: Seconds from the arrival of the fastest packets to their turn, while it is known.
        surplus: Samples by which the delay is too long, or too short if negative: whole frames.
        put_in_samples: Samples by which holes were lengthened because the delay was short.

    Args:
        playout: The range of the delay in seconds: from the arrival of the fastest packets to
            their turn.
        capacity: Samples held at most, though one packet always is.
    """

    __slots__ = (
        "_capacity",
        "_clock",
        "_held",
        "_next",
        "_position",
        "_samples",
        "_starved",
        "delay",
        "playing",
        "put_in_samples",
        "spread",
        "surplus",
    )

    def __init__(self, playout: PlayoutRange, *, capacity: int = CAPACITY_SAMPLES) -> None:
        self.spread = ArrivalSpread(playout)
        self.playing = False
        self.delay: float | None = None
        self.surplus = 0
        self.put_in_samples = 0
        self._capacity = capacity
        self._held: dict[int, Held] = {}  # by unwrapped sequence number
        self._samples = 0
        self._next = 0  # the lowest number still playable
        self._position = 0  # timestamp of the next sample to play
        self._starved = 0  # samples since the last packet ran out
        self._clock = TickClock()

    @property
    def samples(self) -> int:
        """Samples held."""
        return self._samples

    def put(self, number: int, timestamp: int, pcm: bytes, now: float) -> Put:
        """Offer a decoded packet (16-bit samples) that arrived at ``now``.

        Args:
            number: Unwrapped sequence number.
            timestamp: Unwrapped timestamp.
            pcm: Its samples; not empty.
            now: Monotonic seconds.
        """
        behind = timestamp - self._position
        if now - self._clock.ticked_at < OWN_STALL:
            early = behind % FRAME_SAMPLES if self.playing else 0
            if early:
                self.spread.observe(now - timestamp / SAMPLE_RATE, now, early / SAMPLE_RATE)
            else:
                self.spread.observe(now - timestamp / SAMPLE_RATE, now)
        samples = len(pcm) // 2
        if number < self._next or (self.playing and -LATE_SAMPLES < behind <= -samples):
            return Put.LATE
        if number in self._held:
            return Put.DUPLICATE
        self._held[number] = new(Held, (timestamp, pcm, now))
        self._samples += samples
        if self._samples > self._capacity:
            return self._evict()
        return QUEUED

    def restart(self) -> None:
        """Begin a new source, of which nothing is known but that it takes the same path."""
        self._held.clear()
        self._samples = 0
        self._next = 0
        self.playing = False
        self.surplus = 0
        self.spread.restart()

    def tick(self, now: float) -> None:
        """Note that the next 20 ms begin at ``now``. Call before :meth:`get`, once per tick."""
        clock = self._clock
        clock.tick(now)
        self.delay = None
        self.surplus = 0
        fastest = self.spread.fastest
        if self.playing and fastest is not None:
            self.delay = delay = clock.time - self._position / SAMPLE_RATE - fastest
            excess = delay - self.spread.least
            if not -SHORT_BY <= excess < FRAME_SECONDS + RESERVE:
                self.surplus = FRAME_SAMPLES * _frames(excess)

    def take_whole(self) -> Held | None:
        """Take the packet whose turn it is, if it is 20 ms: then :meth:`get` has no more to give.

        Returns:
            The packet; ``None`` changes nothing.
        """
        number = self._next
        head = self._held.get(number)
        if head is None or not self.playing:
            return None
        if head.timestamp != self._position or len(head.pcm) != FRAME_BYTES:
            return None
        del self._held[number]
        self._next = number + 1
        self._position += FRAME_SAMPLES
        self._samples -= FRAME_SAMPLES
        self._starved = 0
        return head

    def get(self, samples: int = FRAME_SAMPLES) -> tuple[Piece, ...]:
        """Take the next samples: pieces of so many in all."""
        if self.playing:
            number = self._next
            head = self._held.get(number)
            if (
                head is not None
                and head.timestamp == self._position
                and len(head.pcm) >= 2 * samples
            ):
                return (self._play(number, head, samples),)
        pieces: list[Piece] = []
        while samples > 0:
            piece = self._take(samples)
            pieces.append(piece)
            samples -= len(piece.pcm) // 2 if isinstance(piece, Audio) else piece.samples
        return tuple(pieces)

    def has_unbroken(self, samples: int) -> bool:
        """Whether the next ``samples`` samples could be played without a hole."""
        position, number = self._position, self._next
        while samples > 0:
            held = self._held.get(number)
            if held is None or abs(held.timestamp - position) > SLIP:
                return False
            length = len(held.pcm) // 2
            samples -= length
            position = held.timestamp + length
            number += 1
        return True

    def ahead(self, samples: int) -> tuple[int, bytes]:
        """Return how far ahead of playout the next audio begins, and up to so much of it.

        Nothing is taken. Without any the audio is empty.
        """
        if not self._held:
            return 0, b""
        number = min(self._held)
        begin, pcm, _ = self._held[number]
        end = begin + len(pcm) // 2
        while len(pcm) < 2 * samples:
            number += 1
            held = self._held.get(number)
            if held is None or held.timestamp != end:
                break
            pcm += held.pcm
            end += len(held.pcm) // 2
        return begin - self._position, pcm[: 2 * samples]

    def _take(self, need: int) -> Piece:
        """Take up to ``need`` samples from the playout position on."""
        if not self.playing and not self._start(need):
            return Empty(need)
        self._slip()
        self._trim()
        if not self._held:
            return self._starve(need)
        number = min(self._held)
        timestamp, pcm, arrived_at = head = self._held[number]
        gap = timestamp - self._position
        if gap == 0:
            return self._play(number, head, need)
        missing = (number - self._next) * (len(pcm) // 2)
        if 0 < gap <= min(max(LARGEST_HIDDEN_LOSS, missing), LARGEST_LOSS):
            return self._bridge(min(gap, need))
        if self._starved:  # a jump after a pause: wait for the delay again
            self.playing = False
            return Empty(need)
        self._position = timestamp
        self.spread.restart()
        self.spread.observe(arrived_at - timestamp / SAMPLE_RATE, arrived_at)
        return self._play(number, head, need)

    def _start(self, need: int) -> bool:
        """Play from the earliest packet on, if it has waited long enough, from a tick on."""
        if not self._held or need < FRAME_SAMPLES:
            return False
        number = min(self._held)
        timestamp, _, arrived_at = self._held[number]
        spread = self.spread
        sent = timestamp / SAMPLE_RATE
        if spread.fastest is not None:
            behind = arrived_at - sent - spread.fastest
            if not EARLIEST <= behind <= spread.target + RESTART_TOLERANCE:
                spread.restart()
        if spread.fastest is None:
            spread.observe(arrived_at - sent, arrived_at)
        fastest = arrived_at - sent if spread.fastest is None else spread.fastest
        if self._clock.time - sent - fastest < spread.least - SOONER:
            return False
        self._next = number
        self._position = timestamp
        self.playing = True
        self._starved = 0
        return True

    def _play(self, number: int, head: Held, need: int) -> Audio:
        """Take from the packet at the playout position."""
        timestamp, held, arrived_at = head
        pcm = held[: 2 * need]
        taken = len(pcm) // 2
        self._samples -= taken
        self._starved = 0
        self._position = timestamp + taken
        if len(pcm) == len(held):
            del self._held[number]
            self._next = number + 1
        else:
            self._held[number] = Held(self._position, held[2 * need :], arrived_at)
            self._next = number
        return new(Audio, (pcm, arrived_at))

    def _slip(self) -> None:
        """Go where the next packet is, if it all but fits on."""
        head = self._held.get(self._next)
        if head is not None and -SLIP <= head.timestamp - self._position <= SLIP:
            self._position = head.timestamp

    def _trim(self) -> None:
        """Drop the samples at the head whose time has been filled already."""
        while self._held:
            number = min(self._held)
            timestamp, pcm, arrived_at = self._held[number]
            overlap = self._position - timestamp
            if not 0 < overlap < LATE_SAMPLES:
                return
            overlap = min(overlap, len(pcm) // 2)
            self._samples -= overlap
            if 2 * overlap < len(pcm):
                self._held[number] = Held(timestamp + overlap, pcm[2 * overlap :], arrived_at)
                return
            del self._held[number]
            self._next = number + 1

    def _starve(self, need: int) -> Piece:
        """Bridge an empty buffer for a while."""
        if self._starved >= STARVATION_SAMPLES:
            self.playing = False
            return Empty(need)
        lost = self._bridge(need)
        self._starved += lost.samples
        return lost

    def _bridge(self, samples: int) -> Lost:
        """Move on over a hole; where the delay is too short, lengthen the hole instead."""
        if self.surplus < 0:
            samples = min(samples, -self.surplus)
            self.put_in_samples += samples
            self.surplus += samples
        else:
            self._position += samples
        return Lost(samples)

    def _evict(self) -> Put:
        """Drop the oldest packets down to the capacity; the newest always stays."""
        if len(self._held) == 1:
            return Put.QUEUED
        while self._samples > self._capacity and len(self._held) > 1:
            number = min(self._held)
            self._samples -= len(self._held.pop(number)[1]) // 2
            self._next = number + 1
        self._position = self._held[min(self._held)][0]
        return Put.EVICTED


def _frames(excess: float) -> int:
    """Return by how many frames a delay is too long that is so much longer than tolerated."""
    if abs(excess) > OTHER_TIMELINE:
        return 0
    if excess < -SHORT_BY:
        return math.floor(excess / FRAME_SECONDS)
    return max(math.floor((excess - RESERVE) / FRAME_SECONDS), 0)
