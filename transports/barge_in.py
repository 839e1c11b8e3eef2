"""The caller's speech against the assistant's voice, on one call's stream."""

from typing import Final

from transports.audio.barge_in import DUCKING, HOLDING, Action, BargeInPolicy, Event, State
from transports.audio.endpointing import Hearing, Verdict
from transports.media import MediaStream

__all__ = ["BargeIn"]

EVENTS: Final = {
    Verdict.SUSPECTED: Event.SUSPECTED,
    Verdict.DISMISSED: Event.DISMISSED,
    Verdict.STARTED: Event.STARTED,
    Verdict.STOPPED: Event.STOPPED,
}


class BargeIn:
    """Lowers and holds the assistant's voice by what is heard, once it is allowed to.

    Implements ``VerdictListener``: it acts in the tick that heard, so that the packet that leaves
    next is changed already.

    Args:
        stream: What is sent.
    """

    def __init__(self, stream: MediaStream) -> None:
        self._stream = stream
        self._policy: BargeInPolicy | None = None

    @property
    def is_held(self) -> bool:
        """Whether the assistant waits until it is known whether it was interrupted."""
        return self._policy is not None and self._policy.state is State.HELD

    def allow(self, *, hold: bool) -> None:
        """Act from now on.

        Args:
            hold: Whether speech silences the assistant, or lowers it only.
        """
        self._policy = BargeInPolicy(HOLDING if hold else DUCKING)

    def on_verdict(self, hearing: Hearing) -> None:
        """Take what one window decided."""
        event = EVENTS.get(hearing.verdict)
        if event is not None:
            self._put(event)

    def interrupted(self) -> None:
        """Let what is written from now on be heard; what waited was flushed."""
        self._put(Event.INTERRUPTED)

    def dismiss(self) -> None:
        """Let the assistant go on from where it was held."""
        self._put(Event.REFUTED)

    def _put(self, event: Event) -> None:
        if self._policy is None:
            return
        action = self._policy.put(event, audible=self._stream.queued_samples > 0)
        match action:
            case Action.DUCK:
                self._stream.duck()
            case Action.UNDUCK:
                self._stream.unduck()
            case Action.HOLD:
                self._stream.hold()
            case Action.RELEASE:
                self._stream.unduck()
                self._stream.release()
            case None:
                pass
