"""Sending digits: what goes out in place of audio, tick by tick (RFC 4733 section 2.5)."""

from collections import deque
from typing import Final, NamedTuple

from transports.audio.dtmf import dual_tone
from transports.rtp.events import FRAME_BYTES, FRAME_SAMPLES, SAMPLE_RATE
from transports.rtp.telephone_event import KEYS, LONGEST_SEGMENT, TelephoneEvent

__all__ = ["DigitSender", "EventPayload", "checked_digits"]

ENDS: Final = 3
"""How often the end of an event is sent, a tick apart (section 2.5.1.4)."""

SHORTEST_MS: Final = 40
LONGEST_MS: Final = 6000
"""A key's press: what receivers must notice, and no longer than a person holds one."""

MOST_QUEUED: Final = 128
"""Digits; an account number has 34."""

TICK_MS: Final = FRAME_SAMPLES * 1000 // SAMPLE_RATE


class EventPayload(NamedTuple):
    """What goes into a packet of telephone events.

    Attributes:
        payload: Four bytes.
        timestamp: Of the event's beginning, the same in all packets of a segment.
        marker: It is the event's first packet.
    """

    payload: bytes
    timestamp: int
    marker: bool


def checked_digits(digits: str, duration_ms: int, pause_ms: int) -> str:
    """Return the keys in upper case.

    Raises:
        ValueError: A key or a time is out of the range that :meth:`DigitSender.queue` documents.
    """
    keys = digits.upper()
    wrong = sorted(set(keys) - set(KEYS))
    if wrong:
        raise ValueError(f"{wrong[0]!r} is none of the keys {KEYS}")
    if not SHORTEST_MS <= duration_ms <= LONGEST_MS or not SHORTEST_MS <= pause_ms <= LONGEST_MS:
        raise ValueError(
            f"a digit and the pause after it last {SHORTEST_MS}..{LONGEST_MS} ms each, "
            f"not {duration_ms} and {pause_ms}"
        )
    return keys


class _Press(NamedTuple):
    """A key to send, measured in ticks."""

    key: str
    ticks: int
    pause: int


class DigitSender:
    """A queue of keys, each followed by a pause.

    Attributes:
        pending: Whether there is something to send, pauses included.
        sent: Digits begun.
        dropped: Digits for which there was no room.

    Args:
        is_event: The peer understands events; otherwise it gets the tones themselves.
        tick: Timestamp units of a tick: 20 ms of the clock that audio goes by.
    """

    __slots__ = (
        "_began_at",
        "_is_event",
        "_press",
        "_queue",
        "_tick",
        "_tick_units",
        "_tone",
        "dropped",
        "pending",
        "sent",
    )

    def __init__(self, *, is_event: bool, tick: int = FRAME_SAMPLES) -> None:
        self.pending = False
        self.sent = 0
        self.dropped = 0
        self._is_event = is_event
        self._tick_units = tick
        self._queue: deque[_Press] = deque()
        self._press: _Press | None = None
        self._tick = 0  # of the press
        self._began_at = 0
        self._tone = b""

    def queue(self, digits: str, *, duration_ms: int = 100, pause_ms: int = 100) -> None:
        """Append keys.

        Args:
            digits: Of ``0-9*#A-D``, any case.
            duration_ms: How long each is pressed, rounded up to whole ticks; 40..6000.
            pause_ms: How long nothing is pressed after each, likewise.

        Raises:
            ValueError: A key or a time is out of range. Nothing is queued then.
        """
        keys = checked_digits(digits, duration_ms, pause_ms)
        ticks, pause = -(-duration_ms // TICK_MS), -(-pause_ms // TICK_MS)
        room = MOST_QUEUED - len(self._queue)
        self.dropped += max(len(keys) - room, 0)
        self._queue.extend(_Press(key, ticks, pause) for key in keys[:room])
        self.pending = self.pending or bool(self._queue)

    def next(self, timestamp: int) -> EventPayload | bytes:
        """Return what this tick sends; only while :attr:`pending`.

        Args:
            timestamp: Of the tick.

        Returns:
            An event, or 20 ms of a tone (16-bit samples), or nothing: a pause, to be filled with
            noise.
        """
        if self._press is None:
            self._begin(self._queue.popleft(), timestamp)
        press = self._press
        assert press is not None  # noqa: S101  begun
        tick = self._tick
        self._tick += 1
        if self._tick == press.ticks + press.pause:
            self._press = None
            self.pending = bool(self._queue)
        if self._is_event:
            return self._event(press, tick)
        return self._tone[tick * FRAME_BYTES : (tick + 1) * FRAME_BYTES]

    def _begin(self, press: _Press, timestamp: int) -> None:
        self._press = press
        self._tick = 0
        self._began_at = timestamp
        self.sent += 1
        if not self._is_event:
            self._tone = dual_tone(press.key, press.ticks * FRAME_SAMPLES)

    def _event(self, press: _Press, tick: int) -> EventPayload | bytes:
        """Return the event's packet of a tick: it grows to its end, which is sent three times.

        What does not fit into a segment goes on in another (section 2.5.1.3).
        """
        if tick >= press.ticks + ENDS - 1:
            return b""
        before = min(tick, press.ticks - 1) * self._tick_units
        segment = before // LONGEST_SEGMENT * LONGEST_SEGMENT
        duration = min(before + self._tick_units - segment, LONGEST_SEGMENT)
        is_end = tick + 1 >= press.ticks
        event = TelephoneEvent(KEYS.index(press.key), duration, is_end)
        timestamp = (self._began_at + segment) & 0xFFFFFFFF
        return EventPayload(event.serialize(), timestamp, marker=tick == 0)
