"""The caller's audio and the verdicts on it, in the order in which recognition needs them (pure).

A verdict is made when a packet arrives; the audio that recognition gets waits 20 to 80 ms more
for stragglers. So the end of speech must not overtake the speech::

    STARTED   at once: it interrupts, and recognition keeps a second of what was before
    PAUSED    behind the audio up to the pause
    STOPPED   behind the latest pause, for only quiet has come since

Each time that audio is taken costs as much, however much it is. So it is due in pieces::

    SUSPECTED to DISMISSED, STARTED to STOPPED, a second after     of 60 ms
    in the quiet between, where nobody waits for it                of half a second
"""

from collections import deque
from dataclasses import dataclass

from transports.audio.endpointing import Verdict

__all__ = ["AWAITED_FRAMES", "PLAYOUT_FRAMES", "QUIET_FRAMES", "SPEECH_FRAMES", "SpeechOrder"]

PLAYOUT_FRAMES = 6
"""Within so many frames (120 ms) what has arrived is played, or it never is."""
SPEECH_FRAMES = 3
"""Frames of 20 ms that are due together while the caller speaks, or perhaps does."""
QUIET_FRAMES = 25
"""Likewise while nobody waits for them."""
AWAITED_FRAMES = 50
"""For a second after speech, and after what was none, somebody does: a recogniser that judges for
itself understands shorter words too, and has to hear half a second of quiet before it says so."""


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

    __slots__ = (
        "_awaited_frames",
        "_due",
        "_due_verdicts",
        "_held",
        "_is_urgent",
        "_limit",
        "_paused_at",
        "_played_until",
        "_speech_is_near",
        "dropped_frames",
    )

    def __init__(self, limit: int) -> None:
        self.dropped_frames = 0
        self._limit = limit
        self._due: deque[bytes | Verdict] = deque()
        self._due_verdicts = 0
        self._held: deque[_Held] = deque()
        self._played_until = float("-inf")
        self._paused_at: float | None = None
        self._speech_is_near = False  # the caller speaks, or perhaps does
        self._is_urgent = False  # what waits was said where that began
        self._awaited_frames = 0

    @property
    def is_due(self) -> bool:
        """Whether it is time to :meth:`take` all that waits."""
        if self._due_verdicts or self._is_urgent:
            return True
        is_awaited = self._speech_is_near or self._awaited_frames > 0
        return len(self._due) >= (SPEECH_FRAMES if is_awaited else QUIET_FRAMES)

    def play(self, pcm: bytes, arrived_at: float | None) -> None:
        """Append a frame that is played.

        Args:
            pcm: 16-bit little-endian mono.
            arrived_at: When its first packet came, in monotonic seconds; None if none did.
        """
        if len(self._due) >= self._limit:
            self._drop_one()
        self._due.append(pcm)
        if arrived_at is not None and arrived_at > self._played_until:
            self._played_until = arrived_at
        if self._awaited_frames:
            self._awaited_frames -= 1
        if self._held:
            for held in self._held:
                held.frames -= 1
            self._release()

    def decide(self, verdict: Verdict, arrived_at: float | None) -> None:
        """Insert a verdict where it belongs, if it is STARTED, PAUSED or STOPPED.

        Args:
            verdict: On audio that is perhaps not played yet.
            arrived_at: When the last of that audio came, in monotonic seconds, if it did.
        """
        self._note(verdict)
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

    def take(self) -> bytes | Verdict | None:
        """Return all audio up to the next verdict, or that verdict; None when nothing is left."""
        due = self._due
        if not due:
            self._is_urgent = False
            return None
        if isinstance(due[0], Verdict):
            self._due_verdicts -= 1
            return due.popleft()
        audio = []
        while due and isinstance(frame := due[0], bytes):
            audio.append(frame)
            due.popleft()
        return b"".join(audio)

    def _note(self, verdict: Verdict) -> None:
        """Take note of who waits for what is played."""
        match verdict:
            case Verdict.SUSPECTED:
                self._speech_is_near = True
                self._is_urgent = bool(self._due)
            case Verdict.STARTED:
                self._speech_is_near = True
            case Verdict.DISMISSED | Verdict.STOPPED:
                self._speech_is_near = False
                self._awaited_frames = AWAITED_FRAMES
            case Verdict.NOTHING | Verdict.PAUSED:
                pass

    def _release(self) -> None:
        while self._held:
            first = self._held[0]
            is_played = first.until is None or first.until <= self._played_until
            if not is_played and first.frames > 0:
                return
            self._append(self._held.popleft().verdict)

    def _append(self, verdict: Verdict) -> None:
        if len(self._due) >= self._limit:
            self._drop_one()
        self._due_verdicts += 1
        self._due.append(verdict)

    def _drop_one(self) -> None:
        """Drop the oldest audio, but no verdict: a turn must not lose its begin or end."""
        audio = (place for place, item in enumerate(self._due) if isinstance(item, bytes))
        place = next(audio, 0)
        if isinstance(self._due[place], Verdict):
            self._due_verdicts -= 1
        del self._due[place]
        self.dropped_frames += 1
