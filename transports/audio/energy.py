"""Speech by its loudness alone, for small machines (pure).

It takes any sound for speech: music, a door, breath. It costs a microsecond.
"""

__all__ = ["EnergyMeter"]

QUIETEST = -50.0
"""dBFS below which nothing is speech, however quiet the line is."""
MARGIN = 12.0
"""dB above the noise from which sound is taken for the beginning of speech."""
MARGIN_WITHIN = 8.0
"""Likewise for its going on, since words fade out."""
FIRST_FLOOR = -60.0
LOUDEST_FLOOR = -30.0
"""dBFS. What is louder than this all the time is not noise but a long talker."""
FALL = 0.4
"""Share of the way that the floor goes down in a window, so that one deep dip is not the noise."""
RISE = 0.08
"""dB that the floor goes up in a window: 2.5 dB in a second, which pauses between words undo."""


class EnergyMeter:
    """Compares windows of one call with a threshold, or with the noise that it has learnt.

    Attributes:
        floor: What is taken for the noise, in dBFS.

    Args:
        threshold: dBFS from which a window is speech; None adapts to the noise.
    """

    def __init__(self, threshold: float | None = None) -> None:
        self.floor = FIRST_FLOOR
        self._threshold = threshold

    def put(self, level: float, *, speaking: bool) -> bool:
        """Return whether a window of 32 ms is speech.

        Args:
            level: Of the window, in dBFS.
            speaking: Whether the caller is taken to speak.
        """
        if self._threshold is not None:
            return level >= self._threshold
        margin = MARGIN_WITHIN if speaking else MARGIN
        is_speech = level >= max(QUIETEST, self.floor + margin)
        if level < self.floor:
            self.floor += FALL * (level - self.floor)
        else:
            self.floor = min(self.floor + RISE, level, LOUDEST_FLOOR)
        return is_speech
