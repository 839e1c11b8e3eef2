"""How far the playout delay has wandered from its target: clock drift, bursts, a bad start."""

__all__ = ["PlayoutDrift"]

WARM_UP = 16
"""Packets to see before an opinion: a third of a second."""

MEMORY = 32
"""The mean forgets with this time constant, in packets."""

MARGIN = 0.015
"""Seconds of wandering to tolerate: more than the half frame that a correction may overshoot."""

OUTLIER = 0.25
"""Seconds; a packet that strays more from the target says nothing about the rest."""


class PlayoutDrift:
    """Running mean of the slack: seconds from a packet's arrival to its turn to play.

    Args:
        target: The slack to aim for, in seconds: the playout delay.
    """

    def __init__(self, target: float) -> None:
        self._target = target
        self._mean = target
        self._count = 0

    @property
    def error(self) -> float:
        """Mean slack above the target, in seconds; 0 within the margin or before it is known."""
        error = self._mean - self._target
        return error if self._count >= WARM_UP and abs(error) > MARGIN else 0.0

    def observe(self, slack: float) -> None:
        """Count the slack of one packet, in seconds; negative if it came too late."""
        slack = min(max(slack, self._target - OUTLIER), self._target + OUTLIER)
        self._count = min(self._count + 1, MEMORY)
        self._mean += (slack - self._mean) / self._count

    def corrected(self, seconds: float) -> None:
        """Take note that playout was moved: positive if later."""
        self._mean += seconds

    def restart(self) -> None:
        """Forget everything: playout starts anew at the target."""
        self._mean = self._target
        self._count = 0
