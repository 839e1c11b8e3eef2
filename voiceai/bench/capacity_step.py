"""What ``bench capacity`` asks of so many calls at once, and how many it tries next. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from voiceai.bench.report import Distribution

__all__ = [
    "ENDPOINTING_MS",
    "LLM_SECONDS",
    "STT_SECONDS",
    "TTS_SECONDS",
    "Attempts",
    "Search",
    "Step",
    "own_share_ms",
]

STT_SECONDS: Final = 0.15
LLM_SECONDS: Final = 0.3
TTS_SECONDS: Final = 0.1
"""What the stubs wait: for a transcript, a first word, a first sound."""
ENDPOINTING_MS: Final = 200.0
"""Of quiet after which either voice activity detection takes speech for ended."""
GAP_P99_MS: Final = 10.0
GAP_MAX_MS: Final = 40.0
LATE_MS: Final = 200.0
"""More than this of a turn's wait may not be our own."""
TRIES: Final = 2
HALT_MS: Final = 20.0
"""Half of the longest gap: what stands still for less is made allowance for by that."""
HALTED_TRIES: Final = 6


def own_share_ms(wait_ms: float) -> float:
    """Return what of a turn's wait is neither the stubs' nor the wait for the end of speech.

    Args:
        wait_ms: From the last packet with speech sent to the first one with an answer received.
    """
    return wait_ms - 1000 * (STT_SECONDS + LLM_SECONDS + TTS_SECONDS) - ENDPOINTING_MS


@dataclass(frozen=True, slots=True)
class Step:
    """How so many calls fared.

    Attributes:
        calls: At once.
        gaps: Inter-arrival minus packet time of every packet that the callers got, ms.
        waits: Of every answered turn, as in :func:`own_share_ms`.
        missed: Turns that were not answered before the caller spoke again.
        seconds: How long was measured.
        late_ms: A larger share than this of a turn's wait is late.
    """

    calls: int
    gaps: tuple[float, ...]
    waits: tuple[float, ...]
    missed: int
    seconds: float
    late_ms: float = LATE_MS

    @property
    def shares(self) -> tuple[float, ...]:
        """Our own share of each answered turn, milliseconds."""
        return tuple(map(own_share_ms, self.waits))

    @property
    def failings(self) -> list[str]:
        """What did not hold, in words; nothing if all did."""
        return self._failings(0.0)

    def may_be_due_to(self, halt_ms: float) -> bool:
        """Whether all would hold if the machine had not stood still for so long, at most."""
        return not self._failings(halt_ms)

    def late(self, halt_ms: float = 0.0) -> int:
        """Return how many turns were answered late by our fault, or by more than a halt."""
        return sum(share > self.late_ms + halt_ms for share in self.shares)

    def _failings(self, halt_ms: float) -> list[str]:
        """Say what did not hold even where a halt of the machine is made allowance for.

        A halt makes one gap longer and one answer later; it neither moves the 99th percentile nor
        takes ten seconds of a caller's patience.
        """
        found = Distribution.of(self.gaps)
        failings = []
        if found is None:
            return ["no packet came"]
        turns, late = len(self.waits) + self.missed, self.late(halt_ms)
        if found.p99 > GAP_P99_MS:
            failings.append(f"p99 gap {found.p99:.1f} ms")
        if found.max > GAP_MAX_MS + halt_ms:
            failings.append(f"worst gap {found.max:.0f} ms")
        if self.missed:
            failings.append(f"{self.missed} of {turns} turns missed")
        if late:
            failings.append(f"{late} of {turns} turns late")
        if not turns:
            failings.append("no turn happened")
        return failings

    @property
    def holds(self) -> bool:
        """Whether so many calls can be had."""
        return not self.failings


@dataclass(slots=True)
class Attempts:
    """Decides how often a number of calls is tried that breaks.

    Attributes:
        most: How often at most, while the machine runs.
        counted: How often it broke, while the machine ran.
        halted: How often it broke by what a halt of the machine explains, which says nothing of the
            calls.
    """

    most: int = TRIES
    counted: int = 0
    halted: int = 0

    def again(self, step: Step, halt_ms: float | None) -> bool:
        """Take note of a try, and return whether there is to be another one.

        Args:
            step: How the calls fared.
            halt_ms: For how long the machine stood still meanwhile, at most; None if unknown.
        """
        if step.holds:
            return False
        stood_still = halt_ms is not None and halt_ms > HALT_MS and step.may_be_due_to(halt_ms)
        if stood_still and self.halted < HALTED_TRIES:
            self.halted += 1
            return True
        self.counted += 1
        return self.counted < self.most


@dataclass(slots=True)
class Search:
    """Goes up until calls break, then halves what lies between, to within a share.

    Attributes:
        ladder: How many calls to try, ascending.
        resolution: The search ends when the least that broke is not above the most that held by
            more than this share of it; infinite, and only the ladder is tried.
        held: The most calls that held; 0 before any.
        broke: The least that did not; None before any.
    """

    ladder: Sequence[int]
    resolution: float = 0.1
    held: int = 0
    broke: int | None = None
    _tried: list[int] = field(default_factory=list)

    def next(self) -> int | None:
        """Return how many calls to try now; None when the answer is known."""
        if self.broke is None:
            higher = [calls for calls in self.ladder if calls > self.held]
            return higher[0] if higher else None
        finest = max(1.0, self.resolution * max(self.held, 1))
        if self.broke - self.held <= finest:
            return None
        return (self.held + self.broke) // 2

    def told(self, calls: int, *, holds: bool) -> None:
        """Take note of how so many calls fared."""
        if holds:
            self.held = max(self.held, calls)
        else:
            self.broke = calls if self.broke is None else min(self.broke, calls)
