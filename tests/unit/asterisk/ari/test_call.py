"""The life of a call: every path ends, gives back what it took, and reports its end once."""

from collections.abc import Iterable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from asterisk.ari.call import ALIVE, Action, Event, State, advance
from asterisk.ari.diagram import draw

DOCUMENT = Path(__file__).parents[4] / "docs" / "call-states.md"

IN_ORDER = (
    Event.PREPARE_MEDIA,
    Event.ANSWER,
    Event.ANSWERED,
    Event.JOIN,
    Event.JOINED,
    Event.CALLER_LEFT,
    Event.RELEASE,
)


def walk(events: Iterable[Event], state: State = State.RINGING) -> tuple[list[State], list[Action]]:
    """The states and the actions that a series of events leads through."""
    states: list[State] = [state]
    actions: list[Action] = []
    for event in events:
        state, done = advance(state, event)
        states.append(state)
        actions += done
    return states, actions


def test_a_call_goes_from_ringing_to_ended() -> None:
    states, actions = walk(IN_ORDER)

    assert states == [
        State.RINGING,
        State.RINGING,
        State.RINGING,
        State.ANSWERED,
        State.JOINING,
        State.TALKING,
        State.CALLER_GONE,
        State.ENDED,
    ]
    assert actions == [
        Action.OPEN_MEDIA,
        Action.ANSWER_CALLER,
        Action.BRIDGE,
        Action.REPORT_END,
        Action.DELETE_MEDIA,
    ]


def test_joining_needs_an_answered_caller() -> None:
    assert advance(State.RINGING, Event.JOIN) == (State.RINGING, ())


def test_an_answered_caller_is_not_answered_again() -> None:
    assert advance(State.ANSWERED, Event.ANSWER) == (State.ANSWERED, ())


def test_a_caller_whom_we_handed_over_is_not_hung_up_by_the_release() -> None:
    _, actions = walk((Event.ANSWERED, Event.HAND_OVER, Event.RELEASE))

    assert actions == [Action.REPORT_END, Action.CONTINUE_CALLER, Action.DELETE_MEDIA]


def test_a_caller_whose_handover_failed_is_hung_up_by_the_release() -> None:
    _, actions = walk((Event.HAND_OVER, Event.HANDOVER_FAILED, Event.RELEASE))

    assert Action.HANG_UP_CALLER in actions


def test_a_caller_whose_media_died_can_still_be_handed_over() -> None:
    assert advance(State.ENDING, Event.HAND_OVER) == (
        State.CALLER_GONE,
        (Action.CONTINUE_CALLER,),
    )


def test_digits_are_reported_only_while_somebody_is_there_to_press_them() -> None:
    reporting = {
        state for state in State if Action.REPORT_DIGIT in advance(state, Event.DIGIT_PRESSED)[1]
    }

    assert reporting == {State.ANSWERED, State.JOINING, State.TALKING}


@given(st.lists(st.sampled_from([event for event in Event if event is not Event.RELEASE])))
def test_whatever_happened_a_release_ends_the_call_and_deletes_the_media_once(
    events: list[Event],
) -> None:
    states, actions = walk([*events, Event.RELEASE, Event.RELEASE])

    assert states[-1] is State.ENDED
    assert actions.count(Action.DELETE_MEDIA) == 1


@given(st.lists(st.sampled_from(list(Event))))
def test_the_end_is_reported_exactly_when_the_call_stops_being_alive(events: list[Event]) -> None:
    states, actions = walk(events)

    assert actions.count(Action.REPORT_END) == int(states[-1] not in ALIVE)


@given(st.lists(st.sampled_from(list(Event))))
def test_nobody_comes_back_to_life(events: list[Event]) -> None:
    states, _ = walk(events)

    alive = [state in ALIVE for state in states]
    assert alive == sorted(alive, reverse=True)


@given(st.lists(st.sampled_from(list(Event))))
def test_a_caller_who_left_is_never_hung_up(events: list[Event]) -> None:
    state = State.RINGING
    for event in events:
        before = state
        state, actions = advance(state, event)
        if before in {State.CALLER_GONE, State.ENDED}:
            assert Action.HANG_UP_CALLER not in actions


def test_the_drawing_in_the_documentation_is_the_table() -> None:
    """To draw it anew: ``python -m asterisk.ari.diagram > docs/call-states.md``."""
    assert DOCUMENT.read_text(encoding="utf-8") == draw()
