"""When a caller began and stopped speaking."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.audio.endpointing import Endpointer, EndpointingParams, Verdict

LOUD = -20.0
SPEECH, QUIET = 0.9, 0.1
PARAMS = EndpointingParams(start_seconds=0.096, stop_seconds=0.192)


def feed(endpointer: Endpointer, probabilities: list[float], level: float = LOUD) -> list[Verdict]:
    return [endpointer.put(probability, level) for probability in probabilities]


def test_starts_with_the_third_window_of_speech() -> None:
    verdicts = feed(Endpointer(PARAMS), [SPEECH] * 4)

    assert verdicts == [Verdict.SUSPECTED, Verdict.NOTHING, Verdict.STARTED, Verdict.NOTHING]


def test_a_gap_begins_the_count_anew() -> None:
    verdicts = feed(Endpointer(PARAMS), [SPEECH, SPEECH, QUIET, SPEECH, SPEECH, QUIET, QUIET])

    assert [(n, each) for n, each in enumerate(verdicts) if each is not Verdict.NOTHING] == [
        (0, Verdict.SUSPECTED),
        (2, Verdict.DISMISSED),
        (3, Verdict.SUSPECTED),
        (5, Verdict.DISMISSED),
    ]


def test_stops_after_six_quiet_windows_in_a_row() -> None:
    endpointer = Endpointer(PARAMS)
    feed(endpointer, [SPEECH] * 3)

    verdicts = feed(endpointer, [QUIET] * 5 + [SPEECH] + [QUIET] * 6)

    assert verdicts.index(Verdict.STOPPED) == 11
    assert not endpointer.speaking


@pytest.mark.parametrize("minimum", [-50.0, -10.0])
def test_faint_babble_starts_nothing_but_does_not_end_speech(minimum: float) -> None:
    endpointer = Endpointer(EndpointingParams(minimum_level=minimum))

    assert set(feed(endpointer, [SPEECH] * 20, level=minimum - 1)) == {Verdict.NOTHING}
    feed(endpointer, [SPEECH] * 3, level=minimum)
    feed(endpointer, [SPEECH] * 20, level=minimum - 1)
    assert endpointer.speaking


def test_a_probability_of_just_the_confidence_is_speech() -> None:
    endpointer = Endpointer(PARAMS)

    feed(endpointer, [PARAMS.confidence] * 3)

    assert endpointer.speaking


@pytest.mark.parametrize(("seconds", "windows"), [(0.0, 1), (0.032, 1), (0.1, 3), (0.2, 6)])
def test_times_are_rounded_to_windows(seconds: float, windows: int) -> None:
    params = EndpointingParams(start_seconds=seconds, stop_seconds=seconds)

    assert (params.start_windows, params.stop_windows) == (windows, windows)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(-100, 0))),
    st.floats(0, 0.5),
    st.floats(0, 0.5),
)
def test_verdicts_follow_one_another_as_the_table_says(
    windows: list[tuple[float, float]], start: float, stop: float
) -> None:
    params = EndpointingParams(start_seconds=start, stop_seconds=stop)
    endpointer = Endpointer(params)
    quiet, sudden = {Verdict.SUSPECTED}, {Verdict.STARTED}
    begins = quiet if params.start_windows > 1 else sudden
    ends = {Verdict.PAUSED} if params.stop_windows > 1 else {Verdict.STOPPED}
    followers = {
        Verdict.SUSPECTED: {Verdict.DISMISSED, Verdict.STARTED},
        Verdict.DISMISSED: begins,
        Verdict.STARTED: ends,
        Verdict.PAUSED: {Verdict.PAUSED, Verdict.STOPPED},
        Verdict.STOPPED: begins,
    }
    expected = begins

    for probability, level in windows:
        verdict = endpointer.put(probability, level)
        if verdict is not Verdict.NOTHING:
            assert verdict in expected
            expected = followers[verdict]
        assert endpointer.speaking == bool(expected & {Verdict.PAUSED, Verdict.STOPPED})


def test_a_pause_is_told_a_third_of_the_way_to_the_end_of_speech() -> None:
    endpointer = Endpointer(PARAMS)
    feed(endpointer, [QUIET] * 5 + [SPEECH] * 3)

    verdicts = feed(endpointer, [QUIET] * 4 + [SPEECH] + [QUIET] * 8)

    assert [(n, each) for n, each in enumerate(verdicts) if each is not Verdict.NOTHING] == [
        (1, Verdict.PAUSED),
        (6, Verdict.PAUSED),
        (10, Verdict.STOPPED),
    ]


def test_where_a_window_decides_nothing_is_suspected_and_there_is_no_pause() -> None:
    endpointer = Endpointer(EndpointingParams(start_seconds=0.032, stop_seconds=0.032))

    assert feed(endpointer, [SPEECH, QUIET]) == [Verdict.STARTED, Verdict.STOPPED]


def test_it_is_undecided_from_the_first_window_of_speech_to_the_end() -> None:
    endpointer = Endpointer(PARAMS)

    undecided = []
    for probability in [QUIET, SPEECH, QUIET, *[SPEECH] * 3, *[QUIET] * 6]:
        endpointer.put(probability, LOUD)
        undecided.append(endpointer.undecided)

    assert undecided == [False, True, False, *[True] * 8, False]
