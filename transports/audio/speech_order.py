"""The caller's audio and the verdicts on it, in the order in which recognition needs them (pure).

A verdict is made when a packet arrives; the audio that recognition gets waits 20 to 80 ms more
for stragglers. So the end of speech must not overtake the speech::

    STARTED   at once: it interrupts, and recognition keeps a second of what was before
    PAUSED    behind the audio up to the pause
    STOPPED   behind the latest pause, for only quiet has come since
"""

from collections import deque
from dataclasses import dataclass

from transports.audio.endpointing import Verdict

__all__ = ["PLAYOUT_FRAMES", "SpeechOrder"]

PLAYOUT_FRAMES = 6
"""Within so many frames (120 ms) what has arrived is played, or it never is."""


@dataclass(slots=True)
class _Held:
    """A verdict that waits for its audio.

    Attributes:
        verdict: PAUSED or STOPPED.
        until: The arrival, in monotonic seconds, up to which the audio must have been played.
        frames: How many more it waits for at most.
    """

    verdict: Verdict
    until: float | None
    frames: int = PLAYOUT_FRAMES


class SpeechOrder:
    """A queue of played audio and verdicts that have come ahead of it.

    Attributes:
        dropped_frames: Of audio, because nobody took them.

    Args:
        limit: How much may wait to be taken; beyond it the oldest audio is dropped.
    """

    def __init__(self, limit: int) -> None:
        self.dropped_frames = 0
        self._limit = limit
        self._due: deque[bytes | Verdict] = deque()
        self._due_verdicts = 0
        self._held: deque[_Held] = deque()
        self._played_until = float("-inf")
        self._paused_at: float | None = None

    def play(self, pcm: bytes, arrived_at: float | None) -> None:
        """Append a frame that is played.

        Args:
            pcm: 16-bit little-endian mono.
            arrived_at: When its first packet came, in monotonic seconds; None if none did.
        """
        self._append(pcm)
        if arrived_at is not None:
            self._played_until = max(self._played_until, arrived_at)
        if self._held:
            for held in self._held:
                held.frames -= 1
            self._release()

    def decide(self, verdict: Verdict, arrived_at: float | None) -> None:
        """Insert a verdict where it belongs; all but STARTED, PAUSED and STOPPED are ignored.

        Args:
            verdict: On audio that is perhaps not played yet.
            arrived_at: When the last of that audio came, in monotonic seconds, if it did.
        """
        match verdict:
            case Verdict.STARTED:
                while self._held:
                    self._append(self._held.popleft().verdict)
                self._append(verdict)
                self._paused_at = None
            case Verdict.PAUSED:
                self._paused_at = arrived_at
                self._held.append(_Held(verdict, arrived_at))
            case Verdict.STOPPED:
                until = arrived_at if self._paused_at is None else self._paused_at
                self._held.append(_Held(verdict, until))
            case Verdict.NOTHING | Verdict.SUSPECTED | Verdict.DISMISSED:
                return
        self._release()

    def is_due(self, frames: int) -> bool:
        """Whether a verdict waits to be taken, or so many frames do."""
        return self._due_verdicts > 0 or len(self._due) >= frames

    def take(self) -> bytes | Verdict | None:
        """Return the next frame or verdict, None when nothing is due."""
        if not self._due:
            return None
        item = self._due.popleft()
        if isinstance(item, Verdict):
            self._due_verdicts -= 1
        return item

    def _release(self) -> None:
        while self._held:
            first = self._held[0]
            is_played = first.until is None or first.until <= self._played_until
            if not is_played and first.frames > 0:
                return
            self._append(self._held.popleft().verdict)

    def _append(self, item: bytes | Verdict) -> None:
        if len(self._due) >= self._limit:
            self._drop_one()
        if isinstance(item, Verdict):
            self._due_verdicts += 1
        self._due.append(item)

    def _drop_one(self) -> None:
        """Drop the oldest audio, but no verdict: a turn must not lose its begin or end."""
        audio = (place for place, item in enumerate(self._due) if isinstance(item, bytes))
        place = next(audio, 0)
        if isinstance(self._due[place], Verdict):
            self._due_verdicts -= 1
        del self._due[place]
        self.dropped_frames += 1
