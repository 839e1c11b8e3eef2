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

    assert verdicts == [Verdict.NOTHING, Verdict.NOTHING, Verdict.STARTED, Verdict.NOTHING]


def test_a_gap_begins_the_count_anew() -> None:
    verdicts = feed(Endpointer(PARAMS), [SPEECH, SPEECH, QUIET, SPEECH, SPEECH])

    assert set(verdicts) == {Verdict.NOTHING}


def test_stops_after_six_quiet_windows_in_a_row() -> None:
    endpointer = Endpointer(PARAMS)
    feed(endpointer, [SPEECH] * 3)

    verdicts = feed(endpointer, [QUIET] * 5 + [SPEECH] + [QUIET] * 6)

    assert verdicts.index(Verdict.STOPPED) == 11
    assert not endpointer.speaking


def test_faint_babble_starts_nothing_but_does_not_end_speech() -> None:
    endpointer = Endpointer(PARAMS)

    assert set(feed(endpointer, [SPEECH] * 20, level=-60.0)) == {Verdict.NOTHING}
    feed(endpointer, [SPEECH] * 3)
    feed(endpointer, [SPEECH] * 20, level=-60.0)
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
def test_verdicts_alternate_and_agree_with_the_state(
    windows: list[tuple[float, float]], start: float, stop: float
) -> None:
    endpointer = Endpointer(EndpointingParams(start_seconds=start, stop_seconds=stop))
    expected = Verdict.STARTED

    for probability, level in windows:
        verdict = endpointer.put(probability, level)
        if verdict is not Verdict.NOTHING:
            assert verdict is expected
            expected = Verdict.STOPPED if verdict is Verdict.STARTED else Verdict.STARTED
        assert endpointer.speaking == (expected is Verdict.STOPPED)


def test_a_pause_is_told_once_a_third_of_the_way_to_the_end_of_speech() -> None:
    endpointer = Endpointer(PARAMS)
    feed(endpointer, [QUIET] * 5 + [SPEECH] * 3)

    paused = []
    for probability in [QUIET] * 4 + [SPEECH] + [QUIET] * 8:
        endpointer.put(probability, LOUD)
        paused.append(endpointer.paused)

    assert [n for n, is_pause in enumerate(paused) if is_pause] == [1, 6]


def test_where_a_window_of_quiet_ends_speech_there_is_no_pause() -> None:
    endpointer = Endpointer(EndpointingParams(start_seconds=0.032, stop_seconds=0.032))
    feed(endpointer, [SPEECH])

    assert endpointer.put(QUIET, LOUD) is Verdict.STOPPED
    assert not endpointer.paused
