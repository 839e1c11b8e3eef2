"""Which frames the turn model is shown."""

import numpy as np
import pytest

from pipelines.smart_turn_frames import FRAMES, LED_BY, STRIDE, looked_at


@pytest.mark.parametrize("seconds", [0.02, 0.5, 1.01, 2.0, 3.333, 7.9, 8.0, 8.5])
def test_all_frames_count_together_as_if_each_was_looked_at(seconds: float) -> None:
    look = looked_at(seconds)
    index, log_weights = look.frame_index, look.log_weights

    assert index.dtype == np.int64
    assert log_weights.shape == (len(index), 1)
    assert np.exp(log_weights).sum() == pytest.approx(FRAMES)
    assert (np.diff(index) > 0).all()
    assert index[-1] == FRAMES - 1


@pytest.mark.parametrize("seconds", [0.02, 0.5, 1.01, 2.0, 3.333, 7.9])
def test_speech_and_what_leads_to_it_is_looked_at_frame_by_frame(seconds: float) -> None:
    look = looked_at(seconds)
    index, log_weights = look.frame_index, look.log_weights

    heard = range(max(0, FRAMES - int(np.ceil(50 * seconds)) - LED_BY), FRAMES)
    places = np.searchsorted(index, list(heard))
    assert index[places].tolist() == list(heard)
    assert not log_weights[places].any()


def test_of_silence_one_frame_of_eight_is_looked_at() -> None:
    index = looked_at(2.0).frame_index

    assert len(index) == (FRAMES - 100 - LED_BY) // STRIDE + 100 + LED_BY + 290 % STRIDE
    assert index[:3].tolist() == [4, 12, 20]


@pytest.mark.parametrize("seconds", [0.02, 0.5, 1.01, 2.0, 3.333, 7.6, 7.7])
def test_one_frame_of_silence_is_heard_for_all_and_none_at_the_beginning(seconds: float) -> None:
    look = looked_at(seconds)

    silent = look.log_weights[:, 0] > 0
    of_all = look.heard_index + FRAMES - look.heard
    assert (of_all[~silent] == look.frame_index[~silent]).all()
    assert set(look.heard_index[silent]) <= {1}
    assert look.heard_index[~silent].min() == (2 if silent.any() else 0)
    still_until = FRAMES - int(np.ceil(50 * seconds)) - LED_BY
    assert of_all[silent].max(initial=0) <= max(0, still_until)


def test_a_long_turn_is_heard_as_a_whole() -> None:
    look = looked_at(8.0)

    assert look.heard == FRAMES
    assert look.heard_index.tolist() == look.frame_index.tolist() == list(range(FRAMES))
