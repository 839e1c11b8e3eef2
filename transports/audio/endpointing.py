"""From speech probabilities to verdicts: when a caller began and stopped speaking.

Pure. One window is 32 ms of audio, the hop of the Silero model at 8 kHz.
"""

import enum
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

__all__ = [
    "NOTHING",
    "WINDOW_SECONDS",
    "Endpointer",
    "EndpointingParams",
    "Hearing",
    "Verdict",
    "VerdictListener",
]

WINDOW_SECONDS = 0.032
"""Audio behind one probability: 256 samples at 8 kHz."""


class Verdict(enum.Enum):
    """What one more window decided; the table is that of :class:`Endpointer`."""

    NOTHING = enum.auto()
    SUSPECTED = enum.auto()
    """Perhaps speech begins: DISMISSED or STARTED follows."""
    DISMISSED = enum.auto()
    """It was none."""
    STARTED = enum.auto()
    PAUSED = enum.auto()
    """Perhaps speech has ended: STOPPED follows, or speech goes on without a word."""
    STOPPED = enum.auto()


NOTHING: Final = Verdict.NOTHING
"""By its own name: a member of an enumeration takes a while to be found, and this is the usual."""


@dataclass(frozen=True, slots=True)
class EndpointingParams:
    """When a run of windows counts as speech, and when as its end.

    Attributes:
        start_seconds: Unbroken speech before STARTED; rounded to windows, at least one.
        stop_seconds: Unbroken quiet before STOPPED; rounded to windows, at least one.
        confidence: Probability from which a window is speech, 0..1.
        minimum_level: dBFS below which a window never *starts* speech, so that faint
            babble in the background does not interrupt. It does not end speech.
        threshold: dBFS from which a window is speech, where it is judged by energy; None adapts
            to the noise.
    """

    start_seconds: float = 0.096
    stop_seconds: float = 0.2
    confidence: float = 0.6
    minimum_level: float = -50.0
    threshold: float | None = None

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


class Hearing(NamedTuple):
    """One window of a call's audio, judged.

    Attributes:
        verdict: What it decided.
        speaking: Whether the caller speaks, the verdict included.
        voiced: Whether the window itself held speech.
        level: Of the window, in dBFS.
        arrived_at: When the packet came that the window ends with, in monotonic seconds; the one
            before it, where that packet was lost. ``None`` while none has come.
    """

    verdict: Verdict
    speaking: bool
    voiced: bool
    level: float
    arrived_at: float | None


class VerdictListener(Protocol):
    """Reacts to what is heard before the next packet leaves, such as a barge-in's ducking."""

    def on_verdict(self, hearing: Hearing) -> None:
        """Take a verdict; never ``NOTHING``. Called on the event loop; must not wait."""
        ...


class Endpointer:
    """Turn probabilities into verdicts. STARTED and STOPPED always alternate.

    ::

        state       windows                            verdict    state
        quiet       one of speech                      SUSPECTED  suspecting
        suspecting  one of quiet                       DISMISSED  quiet
        suspecting  start_windows of speech in a row   STARTED    speaking
        speaking    pause_windows of quiet in a row    PAUSED     speaking
        speaking    stop_windows of quiet in a row     STOPPED    quiet

    Where one window is enough to start or to stop, nothing is suspected, and there is no pause.

    Attributes:
        speaking: The state.
    """

    __slots__ = (
        "_confidence",
        "_minimum_level",
        "_pause_windows",
        "_run",
        "_start_windows",
        "_stop_windows",
        "speaking",
    )

    def __init__(self, params: EndpointingParams) -> None:
        self.speaking = False
        self._confidence = params.confidence
        self._minimum_level = params.minimum_level
        self._start_windows = params.start_windows
        self._pause_windows = params.pause_windows
        self._stop_windows = params.stop_windows
        self._run = 0  # windows in a row that contradict the present state

    @property
    def undecided(self) -> bool:
        """Whether a verdict is bound to follow: the caller speaks, or perhaps does."""
        return self.speaking or self._run > 0

    @property
    def almost_speaking(self) -> bool:
        """Whether one more window of speech is STARTED."""
        return not self.speaking and self._run >= self._start_windows - 1

    def put(self, probability: float, level: float) -> Verdict:
        """Offer the next window: its speech probability (0..1) and level (dBFS)."""
        is_speech = probability >= self._confidence
        if self.speaking:
            return self._while_speaking(is_speech)
        if not is_speech or level < self._minimum_level:
            dismissed, self._run = self._run > 0, 0
            return Verdict.DISMISSED if dismissed else NOTHING
        self._run += 1
        if self._run >= self._start_windows:
            self._run = 0
            self.speaking = True
            return Verdict.STARTED
        return Verdict.SUSPECTED if self._run == 1 else NOTHING

    def _while_speaking(self, is_speech: bool) -> Verdict:  # noqa: FBT001 - of one window
        if is_speech:
            self._run = 0
            return NOTHING
        self._run += 1
        if self._run >= self._stop_windows:
            self._run = 0
            self.speaking = False
            return Verdict.STOPPED
        return Verdict.PAUSED if self._run == self._pause_windows else NOTHING
