"""Both directions of a call, side by side on the media clock: what a recording is made of. Pure."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from transports.audio.codec import Codec
from transports.rtp.events import FRAME_SAMPLES, FRAME_SECONDS

__all__ = ["SILENCE", "RecordedTick", "Tape", "law_of"]

SILENCE: Final = {Codec.ALAW: b"\xd5" * FRAME_SAMPLES, Codec.ULAW: b"\xff" * FRAME_SAMPLES}
"""20 ms of zeros, by law."""


class RecordedTick(NamedTuple):
    """20 ms of both directions.

    Attributes:
        at: When its packet was due to leave, in monotonic seconds; what was heard was taken from
            playout 10 ms before.
        caller: 160 bytes of G.711: what the far side was heard to say.
        assistant: Likewise: what was sent; silence where digits were.
    """

    at: float
    caller: bytes
    assistant: bytes


def law_of(codec: Codec) -> Codec:
    """Return which law of G.711 a stream is recorded in: that of its packets if they have one."""
    return codec if codec is Codec.ULAW else Codec.ALAW


class Tape:
    """Pairs what was heard with what was sent, tick by tick.

    Both are told of every tick, with its deadline, in whatever order; a tick of which nothing is
    known in either direction is left out.

    Args:
        codec: What the stream sends.
        on_tick: Called with each tick when both directions have passed it.
    """

    __slots__ = (
        "_began_at",
        "_encode",
        "_heard",
        "_heard_until",
        "_next",
        "_on_tick",
        "_sent",
        "_sent_until",
        "_silence",
    )

    def __init__(self, codec: Codec, on_tick: Callable[[RecordedTick], None]) -> None:
        law = law_of(codec)
        self._encode = law.encoder().encode
        self._silence = SILENCE[law]
        self._on_tick = on_tick
        self._began_at: float | None = None  # the deadline of tick 0
        self._next = 0
        self._heard: dict[int, bytes] = {}
        self._sent: dict[int, bytes] = {}
        self._heard_until = self._sent_until = -1

    def heard(self, frames: Sequence[bytes], at: float) -> None:
        """Take what was played.

        Args:
            frames: 20 ms each, 16-bit mono at 8 kHz; the last belongs to the tick of ``at``, the
                others to those before it.
            at: Deadline of the tick, in monotonic seconds.
        """
        if self._began_at is None:
            self._began_at, frames = at, frames[-1:]
        self._heard_until = self._put(self._heard, frames, at)
        self._hand_on()

    def sent(self, frames: Sequence[bytes], at: float) -> None:
        """Take what was sent, likewise; an empty frame is silence."""
        if self._began_at is not None:
            self._sent_until = self._put(self._sent, frames, at)
            self._hand_on()

    def _put(self, line: dict[int, bytes], frames: Sequence[bytes], at: float) -> int:
        number = self._number(at)
        for back, pcm in enumerate(reversed(frames)):
            if number - back >= self._next:
                line[number - back] = self._encode(pcm) or self._silence
        return number

    def _number(self, at: float) -> int:
        return round((at - (self._began_at or 0.0)) / FRAME_SECONDS)

    def _hand_on(self) -> None:
        until = min(self._heard_until, self._sent_until)
        while self._next <= until:
            caller = self._heard.pop(self._next, None)
            assistant = self._sent.pop(self._next, None)
            at = (self._began_at or 0.0) + self._next * FRAME_SECONDS
            self._next += 1
            if caller is not None or assistant is not None:
                silence = self._silence
                self._on_tick(RecordedTick(at, caller or silence, assistant or silence))
