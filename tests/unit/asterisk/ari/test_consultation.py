"""Asking another for a caller: whatever happens, the target is let go or connected, once."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asterisk.ari.consultation import (
    TRANSITIONS,
    Action,
    Event,
    State,
    Unanswered,
    advance,
    why_unanswered,
)

OVER = (State.CONNECTED, State.FAILED)


def walk(events: Iterable[Event]) -> tuple[State, list[Action]]:
    """The state and the actions that a series of events leads to."""
    state = State.CALLING
    actions: list[Action] = []
    for event in events:
        state, done = advance(state, event)
        actions += done
    return state, actions


def test_a_target_who_answers_is_connected_when_the_dialplan_takes_its_channel() -> None:
    assert walk([Event.TARGET_ANSWERED, Event.CONNECT, Event.TARGET_LEFT]) == (
        State.CONNECTED,
        [Action.REPORT_ANSWER, Action.CONNECT_CALLER, Action.REPORT_TAKEN],
    )


@pytest.mark.parametrize("before", [[], [Event.TARGET_ANSWERED]])
def test_a_target_who_left_is_not_hung_up_on(before: list[Event]) -> None:
    state, actions = walk([*before, Event.TARGET_LEFT, Event.GIVE_UP])

    assert state is State.FAILED
    assert actions[len(before) :] == [Action.REPORT_FAILURE]


def test_nobody_is_connected_before_the_answer() -> None:
    assert advance(State.CALLING, Event.CONNECT) == (State.CALLING, ())


@given(st.lists(st.sampled_from(Event)))
def test_giving_up_ends_every_consultation_and_lets_the_target_go_once(
    events: list[Event],
) -> None:
    state, actions = walk([*events, Event.GIVE_UP])

    assert state in OVER
    gone = Event.TARGET_LEFT in events
    assert actions.count(Action.HANG_UP_TARGET) <= 1
    assert actions.count(Action.REPORT_FAILURE) == (state is State.FAILED)
    assert gone or Action.HANG_UP_TARGET in actions


def test_nothing_follows_the_end() -> None:
    assert not [state for state, _ in TRANSITIONS if state in OVER]


@pytest.mark.parametrize(
    ("cause", "why"),
    [
        (1, Unanswered.UNKNOWN_NUMBER),
        (17, Unanswered.BUSY),
        (19, Unanswered.NO_ANSWER),
        (21, Unanswered.REFUSED),
        (38, Unanswered.UNREACHABLE),
        (None, Unanswered.UNREACHABLE),
    ],
)
def test_the_cause_says_why_nobody_answered(cause: int | None, why: Unanswered) -> None:
    assert why_unanswered(cause, has_answered=False) is why


def test_one_who_answered_and_left_hung_up_whatever_the_cause() -> None:
    assert why_unanswered(17, has_answered=True) is Unanswered.HUNG_UP
