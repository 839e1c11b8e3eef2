"""A caller's phone hands a call over: it is told what came of it, once, and nobody is left over."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asterisk.ari.events import Channel, ChannelTransfer
from asterisk.ari.refer import (
    PENDING,
    TRANSITIONS,
    Action,
    Event,
    State,
    advance,
    place_of,
    shown_name,
)

CALLER = Channel("c")
TOLD = {Action.TELL_ANSWERED, Action.TELL_UNAVAILABLE, Action.TELL_DECLINED}


def walk(events: Iterable[Event]) -> tuple[State, list[Action]]:
    """The state and the actions that a series of events leads to."""
    state = State.ASKED
    actions: list[Action] = []
    for event in events:
        state, done = advance(state, event)
        actions += done
    return state, actions


def test_a_successor_who_answers_replaces_the_caller() -> None:
    assert walk([Event.ACCEPT, Event.SUCCESSOR_ANSWERED, Event.REPLACE]) == (
        State.ACCEPTED,
        [
            Action.CALL_SUCCESSOR,
            Action.REPORT_ANSWER,
            Action.REPLACE_CALLER,
            Action.TELL_ANSWERED,
        ],
    )


def test_nobody_is_called_for_one_who_may_not() -> None:
    assert walk([Event.GIVE_UP, Event.ACCEPT]) == (
        State.REFUSED,
        [Action.REPORT_FAILURE, Action.TELL_DECLINED],
    )


@given(st.lists(st.sampled_from(Event)))
def test_whatever_happens_the_phone_is_told_once_and_nobody_is_left_over(
    events: list[Event],
) -> None:
    state, actions = walk([*events, Event.GIVE_UP])

    assert state not in PENDING
    assert sum(action in TOLD for action in actions) == 1
    assert actions.count(Action.REPORT_FAILURE) == (state is State.REFUSED)
    let_go = Action.HANG_UP_SUCCESSOR in actions or Event.SUCCESSOR_LEFT in events
    was_called = Action.CALL_SUCCESSOR in actions
    assert not was_called or state is State.ACCEPTED or let_go


def test_nothing_follows_the_end() -> None:
    assert not [state for state, _ in TRANSITIONS if state not in PENDING]


@pytest.mark.parametrize("destination", ["100", "+491701", "*21#", "reception.desk-1"])
def test_a_number_is_looked_up_in_the_context_of_the_phone(destination: str) -> None:
    assert place_of(ChannelTransfer(CALLER, destination), "ctx") == f"Local/{destination}@ctx/n"


@pytest.mark.parametrize(
    "destination", ["", "1@other/n", "1&Local/2", "1,2", "${EXTEN}", "1 2", "-1", "x" * 65]
)
def test_what_is_no_number_calls_nobody(destination: str) -> None:
    assert place_of(ChannelTransfer(CALLER, destination), "ctx") == ""


@pytest.mark.parametrize(
    ("connected", "place"),
    [
        (Channel("d", name="PJSIP/trunk-2"), "Local/s@voiceai-connect/n"),
        (Channel("e", name="UnicastRTP/127.0.0.1:4000-0x7"), ""),
        (None, ""),
    ],
)
def test_of_an_attended_transfer_the_other_end_is_taken_unless_it_is_an_assistant(
    connected: Channel | None, place: str
) -> None:
    wish = ChannelTransfer(CALLER, "100", is_attended=True, connected=connected)

    assert place_of(wish, "ctx") == place


def test_the_record_names_who_is_at_the_other_end() -> None:
    other = Channel("d", name="PJSIP/trunk-2", caller_number="49170")
    wish = ChannelTransfer(CALLER, "100", is_attended=True, connected=other)

    assert (shown_name(wish), shown_name(ChannelTransfer(CALLER, "100"))) == ("49170", "100")
