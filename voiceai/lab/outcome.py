"""What came of one caller's conversation with one pipeline. Pure."""

from dataclasses import dataclass

from voiceai.lab.transcript import Transcript

__all__ = ["Check", "Outcome"]


@dataclass(frozen=True, slots=True)
class Check:
    """What was expected of a conversation.

    Attributes:
        name: For the table.
        holds: Whether it was so.
        reason: Why not.
    """

    name: str
    holds: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One caller's conversation with one pipeline.

    Attributes:
        pipeline: Its name in the comparison.
        caller: Name of the scenario.
        checks: What was expected; none if it was not run.
        transcript: What was said; None if it was not run.
        not_run: Why it was not run; empty if it was.
    """

    pipeline: str
    caller: str
    checks: tuple[Check, ...] = ()
    transcript: Transcript | None = None
    not_run: str = ""

    @property
    def score(self) -> float | None:
        """The share of what was expected that holds; None where nothing was, or it was not run."""
        return sum(check.holds for check in self.checks) / len(self.checks) if self.checks else None
