"""One call's recording in memory: ticks become blocks in time, and a caller's digits silence. Pure.

What is recorded waits a second before it goes to disk, since a mask reaches back: who is asked for
a secret may begin before the program knows that it asks.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import Final, Literal

from transports.audio.codec import Codec
from transports.rtp.events import FRAME_SECONDS
from transports.rtp.tape import SILENCE, RecordedTick
from voiceai.recording.wav import interleaved

__all__ = ["BLOCK_TICKS", "MASK_AFTER_SECONDS", "MASK_BEFORE_SECONDS", "Block", "Channels", "Track"]

Channels = Literal["both", "caller", "assistant"]

MASK_BEFORE_SECONDS: Final = 1.0
MASK_AFTER_SECONDS: Final = 0.5
"""What was typed or said before the end may still be on its way through jitter buffers."""

BLOCK_TICKS: Final = 50
"""A second goes to disk at once, and so much a crash takes with it, besides what waits."""


@dataclass(frozen=True, slots=True)
class Block:
    """Audio for the disk.

    Attributes:
        tick: Its place: so many times 20 ms from the recording's beginning.
        ticks: How long it is, likewise.
        data: G.711; the caller left and the assistant right where both are recorded.
    """

    tick: int
    ticks: int
    data: bytes


class Track:
    """Collects the ticks of a call.

    Args:
        began_at: Where the recording begins, in monotonic seconds.
        law: Of the ticks.
        channels: Who is recorded.

    Attributes:
        missed_ticks: Ticks that never came; they are silence in the file.
    """

    def __init__(self, began_at: float, law: Codec, channels: Channels) -> None:
        self.missed_ticks = 0
        self._began_at = began_at
        self._silence = SILENCE[law]
        self._channels = channels
        self._waiting: deque[RecordedTick] = deque()
        self._caller = bytearray()
        self._assistant = bytearray()
        self._first = 0  # tick of the block that is being filled
        self._next: int | None = None  # tick behind it
        self._masks: deque[tuple[float, float]] = deque()  # from, until; in order

    def add(self, tick: RecordedTick) -> list[Block]:
        """Take a tick; return the blocks that are complete now."""
        self._waiting.append(tick)
        blocks = []
        while tick.at - self._waiting[0].at >= MASK_BEFORE_SECONDS:
            blocks += self._settle(self._waiting.popleft())
        return blocks

    def mask(self, now: float) -> None:
        """Silence the caller from a second before ``now`` (monotonic seconds) on."""
        if not self._masks or self._masks[-1][1] < math.inf:
            self._masks.append((now - MASK_BEFORE_SECONDS, math.inf))

    def unmask(self, now: float) -> None:
        """Let the caller be heard again half a second after ``now``."""
        if self._masks and self._masks[-1][1] == math.inf:
            start, _ = self._masks.pop()
            self._masks.append((start, now + MASK_AFTER_SECONDS))

    def end(self) -> list[Block]:
        """Return what is left."""
        blocks = []
        while self._waiting:
            blocks += self._settle(self._waiting.popleft())
        return [*blocks, *self._block()]

    def _settle(self, tick: RecordedTick) -> list[Block]:
        number = round((tick.at - self._began_at) / FRAME_SECONDS)
        if number < (self._next or 0):
            return []
        blocks = []
        if number != self._next:
            blocks = self._block()
            self.missed_ticks += number - (self._next or number)
            self._first = number
        self._caller += self._silence if self._is_masked(tick.at) else tick.caller
        self._assistant += tick.assistant
        self._next = number + 1
        if self._next - self._first >= BLOCK_TICKS:
            blocks += self._block()
        return blocks

    def _is_masked(self, at: float) -> bool:
        while self._masks and self._masks[0][1] < at:
            self._masks.popleft()
        return any(start <= at for start, _ in self._masks)

    def _block(self) -> list[Block]:
        if self._next is None or self._next == self._first:
            return []
        caller, assistant = bytes(self._caller), bytes(self._assistant)
        match self._channels:
            case "both":
                data = interleaved(caller, assistant)
            case "caller":
                data = caller
            case "assistant":
                data = assistant
        block = Block(self._first, self._next - self._first, data)
        self._caller.clear()
        self._assistant.clear()
        self._first = self._next
        return [block]
