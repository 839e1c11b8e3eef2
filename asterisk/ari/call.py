"""The life of a call as a table: ``(state, event) -> (state, actions)``. Pure.

The caller's channel is one, the external media channel and the bridge are another; both can
vanish at any time, and Asterisk's events about it race with our own steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal


class State(StrEnum):
    """Where a call is.

    ``ENDING``: over, but the caller's channel is still ours to hang up. ``CALLER_GONE``: over,
    and the caller's channel is no longer ours. ``ENDED``: everything is given back.
    """

    RINGING = "ringing"
    ANSWERED = "answered"
    JOINING = "joining"
    TALKING = "talking"
    ENDING = "ending"
    CALLER_GONE = "caller_gone"
    ENDED = "ended"


class Event(StrEnum):
    """What happens to a call: steps of ours (imperative), reports of Asterisk (past tense)."""

    ANSWER = "answer"
    PREPARE_MEDIA = "prepare_media"
    JOIN = "join"
    HANG_UP = "hang_up"
    HAND_OVER = "hand_over"
    RELEASE = "release"
    ANSWERED = "answered"
    JOINED = "joined"
    DIGIT_PRESSED = "digit_pressed"
    CALLER_LEFT = "caller_left"
    MEDIA_LOST = "media_lost"
    ASTERISK_LOST = "asterisk_lost"
    HANDOVER_FAILED = "handover_failed"


class Action(StrEnum):
    """What the shell does then."""

    ANSWER_CALLER = "answer_caller"
    OPEN_MEDIA = "open_media"
    BRIDGE = "bridge"
    REPORT_DIGIT = "report_digit"
    REPORT_END = "report_end"
    CONTINUE_CALLER = "continue_caller"
    HANG_UP_CALLER = "hang_up_caller"
    DELETE_MEDIA = "delete_media"


@dataclass(frozen=True, slots=True)
class LegEnd:
    """Why a call is over.

    Attributes:
        who: ``caller`` hung up; ``us``: we did; ``handover``: given back to the dialplan;
            ``media``: the external channel or the bridge died; ``timeout``: the external
            channel reached the limit of a call; ``asterisk`` is gone or forgot the call.
        cause: Q.850 code where there is one: 16 is a normal end.
        text: The same in words.
    """

    who: Literal["caller", "us", "handover", "media", "timeout", "asterisk"]
    cause: int | None = None
    text: str = ""


ALIVE: Final = (State.RINGING, State.ANSWERED, State.JOINING, State.TALKING)
"""States of a call that goes on."""

_EVERY_LIVING: Final[Mapping[Event, tuple[State, tuple[Action, ...]]]] = {
    Event.HANG_UP: (State.ENDING, (Action.REPORT_END, Action.HANG_UP_CALLER)),
    Event.HAND_OVER: (State.CALLER_GONE, (Action.REPORT_END, Action.CONTINUE_CALLER)),
    Event.CALLER_LEFT: (State.CALLER_GONE, (Action.REPORT_END,)),
    Event.MEDIA_LOST: (State.ENDING, (Action.REPORT_END,)),
    Event.ASTERISK_LOST: (State.ENDING, (Action.REPORT_END,)),
    Event.RELEASE: (
        State.ENDED,
        (Action.REPORT_END, Action.HANG_UP_CALLER, Action.DELETE_MEDIA),
    ),
}

TRANSITIONS: Final[Mapping[tuple[State, Event], tuple[State, tuple[Action, ...]]]] = {
    (State.RINGING, Event.ANSWER): (State.RINGING, (Action.ANSWER_CALLER,)),
    (State.RINGING, Event.PREPARE_MEDIA): (State.RINGING, (Action.OPEN_MEDIA,)),
    (State.RINGING, Event.ANSWERED): (State.ANSWERED, ()),
    (State.ANSWERED, Event.PREPARE_MEDIA): (State.ANSWERED, (Action.OPEN_MEDIA,)),
    (State.ANSWERED, Event.JOIN): (State.JOINING, (Action.BRIDGE,)),
    (State.JOINING, Event.JOINED): (State.TALKING, ()),
    **{
        (state, Event.DIGIT_PRESSED): (state, (Action.REPORT_DIGIT,))
        for state in (State.ANSWERED, State.JOINING, State.TALKING)
    },
    **{(state, event): move for state in ALIVE for event, move in _EVERY_LIVING.items()},
    (State.ENDING, Event.HANG_UP): (State.ENDING, (Action.HANG_UP_CALLER,)),
    (State.ENDING, Event.CALLER_LEFT): (State.CALLER_GONE, ()),
    (State.ENDING, Event.HAND_OVER): (State.CALLER_GONE, (Action.CONTINUE_CALLER,)),
    (State.ENDING, Event.RELEASE): (State.ENDED, (Action.HANG_UP_CALLER, Action.DELETE_MEDIA)),
    (State.CALLER_GONE, Event.HANDOVER_FAILED): (State.ENDING, ()),
    (State.CALLER_GONE, Event.RELEASE): (State.ENDED, (Action.DELETE_MEDIA,)),
}
"""Every move that does something. ``docs/call-states.md`` is drawn from it."""


def advance(state: State, event: Event) -> tuple[State, tuple[Action, ...]]:
    """Return the next state and what to do; an event without a row changes nothing.

    That is right here because Asterisk's events race: a caller's hang-up is told by up to three
    of them, in any order with our own requests.
    """
    return TRANSITIONS.get((state, event), (state, ()))
