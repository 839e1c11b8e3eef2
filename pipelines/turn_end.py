"""When a recogniser has told all that the caller said (pure).

A recogniser cuts speech into utterances, and gives a final text for each. Azure waits for half a
second of quiet before it does; others give it as soon as the voice detector hears a short pause,
and are given the rest of that half second here: a breath is no end of a turn. They have
recognised meanwhile.
"""

from dataclasses import dataclass

QUIET_SECONDS = 0.5
"""Of quiet from the end of speech until an utterance is over, where the recogniser does not
judge that itself; Azure's own unless set."""


@dataclass(slots=True)
class UtteranceEnd:
    """What is known of the utterance; times are seconds of one monotonic clock.

    Attributes:
        quiet_seconds: So long the caller must have been quiet, besides the final text.
        is_speaking: Whether the voice detector hears speech.
    """

    quiet_seconds: float
    is_speaking: bool = False
    _quiet_since: float | None = None
    _told_at: float | None = None
    _more_to_come: bool = False

    def speech_began(self) -> None:
        """Note that the caller speaks: what was told is not all."""
        self.is_speaking = True
        self._forget_text()

    def speech_ended(self, quiet_since: float) -> None:
        """Note that the caller stopped, and since when it has been quiet.

        A text that was told before that end cannot hold what was said last.
        """
        self.is_speaking = False
        self._quiet_since = quiet_since
        if self._told_at is not None and self._told_at < quiet_since:
            self._told_at = None

    def told_some(self) -> None:
        """Note a text that may yet change: there is a final one to come."""
        self._more_to_come = True

    def told_all(self, now: float) -> None:
        """Note a final text, an empty one too: there was nothing to understand."""
        self._told_at = now
        self._more_to_come = False

    def turn_is_over(self) -> None:
        """Forget the turn; whether the caller speaks is no part of it."""
        self._quiet_since = None
        self._forget_text()

    def deadline(self) -> float | None:
        """Return when the turn ends, unless something more comes; None while nobody knows."""
        if self.is_speaking or self._more_to_come or self._told_at is None:
            return None
        if self._quiet_since is None:  # typed, or too soft for the voice detector
            return self._told_at
        return max(self._told_at, self._quiet_since + self.quiet_seconds)

    def _forget_text(self) -> None:
        self._told_at = None
        self._more_to_come = False
