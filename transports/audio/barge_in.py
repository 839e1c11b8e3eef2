"""What becomes of the assistant's voice when the caller seems to speak: a table. Pure."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["DUCKING", "HOLDING", "Action", "BargeInPolicy", "BargeInTally", "Event", "State"]


class State(enum.Enum):
    """What is done to the assistant's voice."""

    OPEN = "open"
    """Nothing."""
    DUCKED = "ducked"
    """It is heard 12 dB lower."""
    HELD = "held"
    """It waits, and nothing of it is lost yet."""


class Event(enum.Enum):
    """What happened."""

    SUSPECTED = "suspected"
    """The first window of speech."""
    DISMISSED = "dismissed"
    """No second one."""
    STARTED = "started"
    """The caller speaks."""
    STOPPED = "stopped"
    """The caller has stopped."""
    INTERRUPTED = "interrupted"
    """The caller was meant to be heard: what waited was dropped."""
    REFUTED = "refuted"
    """It was no interruption: a cough, a noise."""


class Action(enum.Enum):
    """What to do to what is sent."""

    DUCK = "duck"
    UNDUCK = "unduck"
    HOLD = "hold"
    RELEASE = "release"
    """And unduck."""


Table = Mapping[tuple[State, Event], tuple[State, Action]]

HOLDING: Final[Table] = {
    (State.OPEN, Event.SUSPECTED): (State.DUCKED, Action.DUCK),
    (State.OPEN, Event.STARTED): (State.HELD, Action.HOLD),
    (State.DUCKED, Event.DISMISSED): (State.OPEN, Action.UNDUCK),
    (State.DUCKED, Event.STARTED): (State.HELD, Action.HOLD),
    (State.DUCKED, Event.STOPPED): (State.OPEN, Action.UNDUCK),
    (State.DUCKED, Event.INTERRUPTED): (State.OPEN, Action.UNDUCK),
    (State.HELD, Event.INTERRUPTED): (State.OPEN, Action.RELEASE),
    (State.HELD, Event.REFUTED): (State.OPEN, Action.RELEASE),
}
"""Speech alone interrupts. What is not in the table changes nothing."""

DUCKING: Final[Table] = {
    (State.OPEN, Event.SUSPECTED): (State.DUCKED, Action.DUCK),
    (State.OPEN, Event.STARTED): (State.DUCKED, Action.DUCK),
    (State.DUCKED, Event.DISMISSED): (State.OPEN, Action.UNDUCK),
    (State.DUCKED, Event.STOPPED): (State.OPEN, Action.UNDUCK),
    (State.DUCKED, Event.INTERRUPTED): (State.OPEN, Action.UNDUCK),
}
"""Only words interrupt, so the assistant speaks on beneath the caller."""

HELD_LIMIT: Final = 400
"""Ticks, 8 s. Proof takes a second or two; nobody waits in silence for longer."""


@dataclass(slots=True)
class BargeInTally:
    """What became of the speech against the assistant's, in all calls that share it.

    Attributes:
        ducks: Times that the assistant was lowered.
        holds: Times that it was held.
        resumed: Holds after which it went on from the same sample: false alarms.
        interruptions: Of an assistant that was speaking, or held.
        echoes: Windows of speech that were its own voice, come back.
    """

    ducks: int = 0
    holds: int = 0
    resumed: int = 0
    interruptions: int = 0
    echoes: int = 0


NEEDS_A_VOICE: Final = frozenset({Event.SUSPECTED, Event.STARTED})
"""There is nothing to lower or to hold while the assistant is silent."""


class BargeInPolicy:
    """Where a call stands in a table.

    Args:
        table: What follows what.

    Attributes:
        state: What is done to the assistant's voice.
    """

    __slots__ = (
        "_held_ticks",
        "_table",
        "state",
    )

    def __init__(self, table: Table) -> None:
        self.state = State.OPEN
        self._table = table
        self._held_ticks = 0

    def tick(self) -> Action | None:
        """Let 20 ms pass: a hold that nobody decides on ends by itself."""
        if self.state is not State.HELD:
            return None
        self._held_ticks += 1
        return self.put(Event.REFUTED, audible=True) if self._held_ticks >= HELD_LIMIT else None

    def put(self, event: Event, *, audible: bool) -> Action | None:
        """Take an event; return what to do now, if anything.

        Args:
            event: What happened.
            audible: Whether the assistant is speaking.
        """
        if event in NEEDS_A_VOICE and not audible:
            return None
        following = self._table.get((self.state, event))
        if following is None:
            return None
        self.state, action = following
        self._held_ticks = 0
        return action
