"""Keys of a telephone as RTP events (RFC 4733 section 2): the payload, and hearing it.

::

    |     event     |E|R|  volume   |          duration             |

All packets of an event carry the timestamp of its beginning and how long it has lasted by then;
the last is sent three times.
"""

import struct
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from transports.errors import PacketError
from transports.rtp.events import SAMPLE_RATE
from transports.rtp.sequence import timestamp_difference

__all__ = ["KEYS", "LONGEST_SEGMENT", "Digit", "EventReceiver", "Span", "TelephoneEvent"]

KEYS: Final = "0123456789*#ABCD"
"""RFC 4733 section 3.2: a key's place is its event code."""

EVENT: Final = struct.Struct("!BBH")
END: Final = 0x80
VOLUME: Final = 0x3F

MOST_EVENTS: Final = 4
"""In one packet: contiguous events may share one (section 2.5.1.5); keys seldom touch."""

LONGEST_SEGMENT: Final = 0xFFFF
"""Timestamp units; a longer event goes on in a new segment that begins where this one ends."""

PATIENCE: Final = 0.2
"""Seconds without a packet after which an event has ended, though its end was lost."""

STALE_SECONDS: Final = 2
"""A timestamp that far behind the last event's is a new timeline, not a straggler."""

MOST_WAITING: Final = 32
"""Digits kept until somebody takes them, which happens every 20 ms."""

LONGEST_SPAN_SECONDS: Final = 0.5
"""Filled for one packet: as much as the playout buffer holds."""


@dataclass(frozen=True, slots=True)
class TelephoneEvent:
    """What one packet says of an event.

    Attributes:
        event: Code, 0..255; 0..15 are the :data:`KEYS`.
        duration: Timestamp units since it began, 0..65535.
        is_end: It is over.
        volume: Of a key's tone, in -dBm0; 0..63.
    """

    event: int
    duration: int
    is_end: bool = False
    volume: int = 10

    @classmethod
    def parse(cls, payload: bytes) -> tuple[Self, ...]:
        """Decode a payload: one event as a rule, else several that follow upon one another.

        Raises:
            PacketError: It is no whole number of events, or more than anybody sends.
        """
        if len(payload) % EVENT.size or not 0 < len(payload) <= MOST_EVENTS * EVENT.size:
            raise PacketError(f"{len(payload)} bytes are not 1 to {MOST_EVENTS} telephone events")
        return tuple(
            cls(event, duration, bool(flags & END), flags & VOLUME)
            for event, flags, duration in EVENT.iter_unpack(payload)
        )

    def serialize(self) -> bytes:
        """Encode for sending.

        Raises:
            ValueError: A field is out of the range that its attribute documents.
        """
        if not 0 <= self.volume <= VOLUME:
            raise ValueError(f"not encodable: {self}")
        try:
            return EVENT.pack(self.event, self.volume | END * self.is_end, self.duration)
        except struct.error as error:
            raise ValueError(f"not encodable: {error}: {self}") from error


class Digit(NamedTuple):
    """A key that was pressed.

    Attributes:
        digit: One of :data:`KEYS`.
        duration_ms: How long, as far as is known.
    """

    digit: str
    duration_ms: int


class Span(NamedTuple):
    """A stretch of the peer's time that an event fills in place of audio.

    Attributes:
        timestamp: Where it begins.
        duration: Its length in timestamp units, at least 1.
    """

    timestamp: int
    duration: int


@dataclass(slots=True)
class _Event:
    """An event as known so far; ``timestamp`` and ``duration`` are of its last segment."""

    code: int
    timestamp: int
    duration: int
    earlier: int  # duration of the segments before
    heard_at: float
    clock_rate: int
    is_over: bool = False


class EventReceiver:
    """Makes digits of a source's events.

    Attributes:
        count: Digits heard.
        overflowed: Digits dropped because nobody took them.
    """

    __slots__ = ("_last", "_waiting", "count", "overflowed")

    def __init__(self) -> None:
        self.count = 0
        self.overflowed = 0
        self._last: _Event | None = None
        self._waiting: list[Digit] = []

    def receive(
        self,
        payload: bytes,
        timestamp: int,
        now: float,
        *,
        clock_rate: int = SAMPLE_RATE,
        is_straggler: bool = False,
    ) -> Span | None:
        """Take the payload of one packet; return the time that it newly fills.

        Args:
            payload: As in the packet.
            timestamp: Of the packet: when the event began, 32 bits.
            now: When it came, in monotonic seconds.
            clock_rate: Of timestamps and durations, the same as of the audio around it
                (section 2.1), in Hz.
            is_straggler: The packet came after one with a higher number.

        Raises:
            PacketError: The payload holds no events.
        """
        span = None
        events = TelephoneEvent.parse(payload)
        last = self._last
        if is_straggler and last and timestamp_difference(timestamp, last.timestamp) < 0:
            return None  # of an event that is over, however long ago
        for place, event in enumerate(events):
            is_end = event.is_end or place < len(events) - 1
            filled = self._note(event, timestamp, now, clock_rate, is_end=is_end)
            if filled is not None:
                span = filled if span is None else Span(span.timestamp, span.duration + filled[1])
            timestamp = (timestamp + event.duration) & 0xFFFFFFFF
        return span

    def restart(self) -> None:
        """Begin a new source: its timestamps have nothing to do with the last one's."""
        if self._last is not None and not self._last.is_over:
            self._finish(self._last)
        self._last = None

    def digits(self, now: float) -> list[Digit]:
        """Return the digits that have ended since the last call. Call it on every tick."""
        last = self._last
        if last is not None and not last.is_over and now - last.heard_at > PATIENCE:
            self._finish(last)
        waiting, self._waiting = self._waiting, []
        return waiting

    def _note(
        self, event: TelephoneEvent, timestamp: int, now: float, clock_rate: int, *, is_end: bool
    ) -> Span | None:
        last = self._last
        ahead = 1 if last is None else timestamp_difference(timestamp, last.timestamp)
        if last is None or ahead > 0 or ahead < -STALE_SECONDS * clock_rate:
            covered = 0
            last = self._begin(event, timestamp, ahead, now, clock_rate)
        elif ahead < 0 or last.is_over or event.event != last.code:
            return None  # of an event that is over, or again
        else:
            covered = last.duration
        last.heard_at = now
        last.duration = max(last.duration, event.duration)
        if is_end:
            self._finish(last)
        duration = min(last.duration - covered, int(LONGEST_SPAN_SECONDS * clock_rate))
        if duration <= 0:
            return None
        end = (last.timestamp + last.duration) & 0xFFFFFFFF
        return Span((end - duration) & 0xFFFFFFFF, duration)

    def _begin(
        self, event: TelephoneEvent, timestamp: int, ahead: int, now: float, clock_rate: int
    ) -> _Event:
        """Start an event, or the next segment of one that is too long for its field."""
        earlier = 0
        last = self._last
        if last is not None and not last.is_over:
            if last.code == event.event and ahead == LONGEST_SEGMENT:
                earlier = last.earlier + LONGEST_SEGMENT
            else:
                self._finish(last)
        self._last = _Event(event.event, timestamp, 0, earlier, now, clock_rate)
        return self._last

    def _finish(self, event: _Event) -> None:
        event.is_over = True
        if event.code >= len(KEYS):
            return  # a flash hook, a fax: nobody's business here
        if len(self._waiting) >= MOST_WAITING:
            self.overflowed += 1
            return
        self.count += 1
        duration_ms = (event.earlier + event.duration) * 1000 // event.clock_rate
        self._waiting.append(Digit(KEYS[event.code], duration_ms))
