"""Asking another for a caller who waits, as a table: ``(state, event) -> (state, actions)``. Pure.

The target is whom the caller is to be put through to. Its channel is ours from the request that
dials it until the dialplan's ``Bridge()`` takes it; both sides may leave at any time.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a consultation is.

    ``CONNECTING``: the caller is on the way to the target, through the dialplan. ``CONNECTED``:
    the target belongs to the dialplan. ``FAILED``: the caller stays with us.
    """

    CALLING = "calling"
    ANSWERED = "answered"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    FAILED = "failed"


class Event(StrEnum):
    """What happens: steps of ours (imperative), reports of Asterisk (past tense)."""

    CONNECT = "connect"
    GIVE_UP = "give_up"
    TARGET_ANSWERED = "target_answered"
    TARGET_LEFT = "target_left"


class Action(StrEnum):
    """What the shell does then."""

    REPORT_ANSWER = "report_answer"
    REPORT_FAILURE = "report_failure"
    REPORT_TAKEN = "report_taken"
    HANG_UP_TARGET = "hang_up_target"
    CONNECT_CALLER = "connect_caller"


class Unanswered(StrEnum):
    """Why nobody was there to be put through to; in words, for the model and the record."""

    NO_ANSWER = "no answer"
    BUSY = "busy"
    REFUSED = "refused"
    UNKNOWN_NUMBER = "unknown number"
    HUNG_UP = "hung up before the caller was put through"
    UNREACHABLE = "unreachable"


TRANSITIONS: Final[Mapping[tuple[State, Event], tuple[State, tuple[Action, ...]]]] = {
    (State.CALLING, Event.TARGET_ANSWERED): (State.ANSWERED, (Action.REPORT_ANSWER,)),
    (State.CALLING, Event.TARGET_LEFT): (State.FAILED, (Action.REPORT_FAILURE,)),
    (State.CALLING, Event.GIVE_UP): (
        State.FAILED,
        (Action.REPORT_FAILURE, Action.HANG_UP_TARGET),
    ),
    (State.ANSWERED, Event.TARGET_LEFT): (State.FAILED, (Action.REPORT_FAILURE,)),
    (State.ANSWERED, Event.GIVE_UP): (
        State.FAILED,
        (Action.REPORT_FAILURE, Action.HANG_UP_TARGET),
    ),
    (State.ANSWERED, Event.CONNECT): (State.CONNECTING, (Action.CONNECT_CALLER,)),
    (State.CONNECTING, Event.TARGET_LEFT): (State.CONNECTED, (Action.REPORT_TAKEN,)),
    (State.CONNECTING, Event.GIVE_UP): (
        State.FAILED,
        (Action.REPORT_FAILURE, Action.HANG_UP_TARGET),
    ),
}
"""Every move that does something."""

_CAUSES: Final[Mapping[int, Unanswered]] = {
    1: Unanswered.UNKNOWN_NUMBER,
    2: Unanswered.UNKNOWN_NUMBER,
    3: Unanswered.UNKNOWN_NUMBER,
    16: Unanswered.NO_ANSWER,
    17: Unanswered.BUSY,
    18: Unanswered.NO_ANSWER,
    19: Unanswered.NO_ANSWER,
    21: Unanswered.REFUSED,
    22: Unanswered.UNKNOWN_NUMBER,
    28: Unanswered.UNKNOWN_NUMBER,
}
"""By Q.850 code of a target that never answered."""


def advance(state: State, event: Event) -> tuple[State, tuple[Action, ...]]:
    """Return the next state and what to do; an event without a row changes nothing.

    That is right here because up to three of Asterisk's events tell that a target left.
    """
    return TRANSITIONS.get((state, event), (state, ()))


def why_unanswered(cause: int | None, *, has_answered: bool) -> Unanswered:
    """Put into words why a target left.

    Args:
        cause: Q.850 code, where Asterisk told one.
        has_answered: Whether it had, before it left.
    """
    if has_answered:
        return Unanswered.HUNG_UP
    return _CAUSES.get(cause or 0, Unanswered.UNREACHABLE)
