"""From speech probabilities to verdicts: when a caller began and stopped speaking.

Pure. One window is 32 ms of audio, the hop of the Silero model at 8 kHz.
"""

import enum
from dataclasses import dataclass

WINDOW_SECONDS = 0.032
"""Audio behind one probability: 256 samples at 8 kHz."""


class Verdict(enum.Enum):
    """What one more window decided."""

    NOTHING = enum.auto()
    STARTED = enum.auto()
    STOPPED = enum.auto()


@dataclass(frozen=True, slots=True)
class EndpointingParams:
    """When a run of windows counts as speech, and when as its end.

    Attributes:
        start_seconds: Unbroken speech before STARTED; rounded to windows, at least one.
        stop_seconds: Unbroken quiet before STOPPED; rounded to windows, at least one.
        confidence: Probability from which a window is speech, 0..1.
        minimum_level: dBFS below which a window never *starts* speech, so that faint
            babble in the background does not interrupt. It does not end speech.
    """

    start_seconds: float = 0.096
    stop_seconds: float = 0.2
    confidence: float = 0.6
    minimum_level: float = -50.0

    @property
    def start_windows(self) -> int:
        """Windows of speech before STARTED."""
        return max(1, round(self.start_seconds / WINDOW_SECONDS))

    @property
    def stop_windows(self) -> int:
        """Windows of quiet before STOPPED."""
        return max(1, round(self.stop_seconds / WINDOW_SECONDS))

    @property
    def pause_windows(self) -> int:
        """Windows of quiet that may be the beginning of the end: a third of those before it."""
        return max(1, self.stop_windows // 3)


class Endpointer:
    """Turn probabilities into STARTED and STOPPED, which always alternate.

    ::

        quiet    --start_windows of speech in a row--> speaking   STARTED
        speaking --stop_windows of quiet in a row----> quiet      STOPPED
    """

    def __init__(self, params: EndpointingParams) -> None:
        self._params = params
        self._run = 0  # windows in a row that contradict the present state
        self.speaking = False

    @property
    def paused(self) -> bool:
        """Whether the last window was the one that makes quiet within speech a pause."""
        return self.speaking and self._run == self._params.pause_windows

    def put(self, probability: float, level: float) -> Verdict:
        """Offer the next window: its speech probability (0..1) and level (dBFS)."""
        is_speech = probability >= self._params.confidence
        if not self.speaking and level < self._params.minimum_level:
            is_speech = False
        if is_speech == self.speaking:
            self._run = 0
            return Verdict.NOTHING
        self._run += 1
        limit = self._params.stop_windows if self.speaking else self._params.start_windows
        if self._run < limit:
            return Verdict.NOTHING
        self._run = 0
        self.speaking = not self.speaking
        return Verdict.STARTED if self.speaking else Verdict.STOPPED
