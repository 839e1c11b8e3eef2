"""How far ahead of their deadline packets are made, so that they leave at it. Pure."""

from typing import Final

__all__ = ["MakingLead"]

MOST_SECONDS: Final = 0.002
"""A decision that comes between making and sending is in the packet behind."""
LEAST_SECONDS: Final = 0.0001
"""A loop wakes so late."""
MARGIN: Final = 1.5
"""So many times as long as usual packets may take to be made, and leave in time still."""
STEP_SECONDS: Final = 0.0001
"""A lead that is off by less is left as it is."""
USUAL_TICKS: Final = 50
"""In a second what has become usual is known."""


class MakingLead:
    """Follows how long making the packets of a tick usually takes.

    Attributes:
        seconds: The lead.
    """

    __slots__ = ("_usual_seconds", "seconds")

    def __init__(self) -> None:
        self.seconds = 0.0
        self._usual_seconds = 0.0

    def follow(self, making_seconds: float) -> bool:
        """Take note of how long a tick's packets took; return whether the lead is another now."""
        beyond_usual = min(making_seconds, MOST_SECONDS) - self._usual_seconds
        self._usual_seconds += beyond_usual / USUAL_TICKS
        wanted = min(LEAST_SECONDS + MARGIN * self._usual_seconds, MOST_SECONDS)
        if abs(wanted - self.seconds) < STEP_SECONDS:
            return False
        self.seconds = wanted
        return True
