"""A caller's phone asks that another take its place, as a table: what is done then. Pure.

``(state, event) -> (state, actions)``. The successor is whom the phone names in its REFER: its
channel is ours from the request that calls it, and becomes the call's caller. Source: RFC 3515;
Asterisk's ``ChannelTransfer`` and ``transfer_progress``.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from asterisk.ari.events import ChannelTransfer
from asterisk.ari.naming import is_media
from asterisk.params import CONNECT_CONTEXT

_EXTENSION: Final = re.compile(r"[A-Za-z0-9*#+][A-Za-z0-9*#+._-]{0,63}")
"""What is looked up in the dialplan of what a phone writes: no second address, no other context."""


SHOWN_CHARACTERS: Final = 64
"""Of what a phone writes that a record keeps."""


class State(StrEnum):
    """Where it is.

    ``ACCEPTED``: the successor is the caller now. ``REFUSED``: the caller stays.
    """

    ASKED = "asked"
    CALLING = "calling"
    ANSWERED = "answered"
    ACCEPTED = "accepted"
    REFUSED = "refused"


class Event(StrEnum):
    """What happens: steps of ours (imperative), reports of Asterisk (past tense)."""

    ACCEPT = "accept"
    REPLACE = "replace"
    GIVE_UP = "give_up"
    SUCCESSOR_ANSWERED = "successor_answered"
    SUCCESSOR_LEFT = "successor_left"


class Action(StrEnum):
    """What the shell does then."""

    CALL_SUCCESSOR = "call_successor"
    REPORT_ANSWER = "report_answer"
    REPORT_FAILURE = "report_failure"
    HANG_UP_SUCCESSOR = "hang_up_successor"
    REPLACE_CALLER = "replace_caller"
    TELL_ANSWERED = "tell_answered"
    TELL_UNAVAILABLE = "tell_unavailable"
    TELL_DECLINED = "tell_declined"


_LEFT = (State.REFUSED, (Action.REPORT_FAILURE, Action.TELL_UNAVAILABLE))
_GIVEN_UP = (
    State.REFUSED,
    (Action.REPORT_FAILURE, Action.HANG_UP_SUCCESSOR, Action.TELL_UNAVAILABLE),
)

TRANSITIONS: Final[Mapping[tuple[State, Event], tuple[State, tuple[Action, ...]]]] = {
    (State.ASKED, Event.ACCEPT): (State.CALLING, (Action.CALL_SUCCESSOR,)),
    (State.ASKED, Event.GIVE_UP): (State.REFUSED, (Action.REPORT_FAILURE, Action.TELL_DECLINED)),
    (State.CALLING, Event.SUCCESSOR_ANSWERED): (State.ANSWERED, (Action.REPORT_ANSWER,)),
    (State.CALLING, Event.SUCCESSOR_LEFT): _LEFT,
    (State.CALLING, Event.GIVE_UP): _GIVEN_UP,
    (State.ANSWERED, Event.REPLACE): (
        State.ACCEPTED,
        (Action.REPLACE_CALLER, Action.TELL_ANSWERED),
    ),
    (State.ANSWERED, Event.SUCCESSOR_LEFT): _LEFT,
    (State.ANSWERED, Event.GIVE_UP): _GIVEN_UP,
}
"""Every move that does something."""

PENDING: Final = (State.ASKED, State.CALLING, State.ANSWERED)
"""States in which it is not decided."""


def advance(state: State, event: Event) -> tuple[State, tuple[Action, ...]]:
    """Return the next state and what to do; an event without a row changes nothing.

    That is right here because up to three of Asterisk's events tell that a successor left.
    """
    return TRANSITIONS.get((state, event), (state, ()))


def place_of(event: ChannelTransfer, context: str) -> str:
    """Return the endpoint by which the successor is called, empty when there is none.

    Args:
        event: What the phone asked for.
        context: Where a number is looked up; whoever has none there cannot be called.
    """
    if event.is_attended:
        free = event.connected is not None and not is_media(event.connected)
        return f"Local/s@{CONNECT_CONTEXT}/n" if free else ""
    if not _EXTENSION.fullmatch(event.destination):
        return ""
    return f"Local/{event.destination}@{context}/n"


def shown_name(event: ChannelTransfer) -> str:
    """Return who the successor is, for the record: the number, or the other call's caller."""
    connected = event.connected
    if event.is_attended and connected is not None and not is_media(connected):
        number = connected.caller_number  # of a stranger, who may call himself anything
        return number if _EXTENSION.fullmatch(number) else connected.name
    return event.destination[:SHOWN_CHARACTERS]
