"""What becomes of the assistant's voice: every way through the table, and no way that ends held."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.audio.barge_in import (
    DUCKING,
    HELD_LIMIT,
    HOLDING,
    Action,
    BargeInPolicy,
    Event,
    State,
    Table,
)

TABLES = pytest.mark.parametrize("table", [HOLDING, DUCKING], ids=["holding", "ducking"])


def actions(table: Table, *events: Event, audible: bool = True) -> list[Action | None]:
    policy = BargeInPolicy(table)
    return [policy.put(event, audible=audible) for event in events]


def test_a_false_alarm_of_one_window_lowers_the_voice_and_raises_it_again() -> None:
    assert actions(HOLDING, Event.SUSPECTED, Event.DISMISSED) == [Action.DUCK, Action.UNDUCK]


@pytest.mark.parametrize("outcome", [Event.INTERRUPTED, Event.REFUTED])
def test_speech_holds_the_voice_until_it_is_known_what_it_was(outcome: Event) -> None:
    said = actions(HOLDING, Event.SUSPECTED, Event.STARTED, Event.STOPPED, outcome)

    assert said == [Action.DUCK, Action.HOLD, None, Action.RELEASE]


def test_a_second_cough_while_the_voice_is_held_changes_nothing() -> None:
    again = (Event.STARTED, Event.STOPPED, Event.SUSPECTED, Event.STARTED, Event.STOPPED)

    assert actions(HOLDING, *again, Event.REFUTED) == [Action.HOLD, *[None] * 4, Action.RELEASE]


def test_where_only_words_interrupt_the_voice_is_low_while_the_caller_speaks() -> None:
    said = actions(DUCKING, Event.SUSPECTED, Event.STARTED, Event.STOPPED)

    assert said == [Action.DUCK, None, Action.UNDUCK]


@TABLES
def test_a_silent_assistant_is_neither_lowered_nor_held(table: Table) -> None:
    said = actions(table, Event.SUSPECTED, Event.STARTED, Event.STOPPED, audible=False)

    assert said == [None, None, None]


@TABLES
def test_an_interruption_by_words_alone_leaves_the_next_answer_at_its_level(table: Table) -> None:
    assert actions(table, Event.SUSPECTED, Event.INTERRUPTED) == [Action.DUCK, Action.UNDUCK]


@TABLES
@given(events=st.lists(st.tuples(st.sampled_from(Event), st.booleans())))
def test_what_is_done_is_what_the_state_says(
    table: Table, events: list[tuple[Event, bool]]
) -> None:
    policy = BargeInPolicy(table)
    ducked = held = False

    for event, audible in events:
        match policy.put(event, audible=audible):
            case Action.DUCK:
                ducked = True
            case Action.UNDUCK:
                assert ducked
                assert not held
                ducked = False
            case Action.HOLD:
                held = True
            case Action.RELEASE:
                assert held
                ducked = held = False
            case None:
                pass

    assert held == (policy.state is State.HELD)
    assert policy.state is not State.OPEN or not ducked
    for ending in (Event.STOPPED, Event.INTERRUPTED):
        policy.put(ending, audible=False)
    assert policy.state is State.OPEN


def test_a_hold_that_nobody_decides_on_ends_by_itself() -> None:
    policy = BargeInPolicy(HOLDING)
    policy.put(Event.STARTED, audible=True)

    actions = [policy.tick() for _ in range(HELD_LIMIT)]

    assert actions == [None] * (HELD_LIMIT - 1) + [Action.RELEASE]
    assert policy.state is State.OPEN


def test_a_second_hold_lasts_as_long_as_the_first() -> None:
    policy = BargeInPolicy(HOLDING)
    for ticks in (HELD_LIMIT - 1, 1):
        policy.put(Event.STARTED, audible=True)
        assert not any(policy.tick() for _ in range(ticks))
        policy.put(Event.REFUTED, audible=True)


def test_a_caller_who_began_when_the_answer_was_over_leaves_the_next_one_loud() -> None:
    policy = BargeInPolicy(HOLDING)
    policy.put(Event.SUSPECTED, audible=True)
    policy.put(Event.STARTED, audible=False)

    assert policy.put(Event.STOPPED, audible=False) is Action.UNDUCK
