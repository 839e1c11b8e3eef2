"""Whisper's features, against values that faster-whisper 1.2.1 computes of the same sound."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipelines.mel import BANDS, log_mel

RATE = 16_000


def sweep() -> NDArray[np.float32]:
    """A loud tone of 440 Hz and a faint one that rises to 6 kHz, for one second."""
    n = np.arange(RATE)
    low, rising = np.sin(2 * np.pi * 440 / RATE * n), np.sin(2 * np.pi * 3000 * (n / RATE) ** 2)
    sound: NDArray[np.float32] = (0.5 * low + 0.01 * rising).astype(np.float32)
    return sound


def noise(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).standard_normal(count).astype(np.float32) * np.float32(0.1)


@pytest.mark.parametrize(
    ("band", "frame", "value"),
    [
        (0, 0, 0.9836),  # mirrored at the beginning
        (10, 50, 1.3487),
        (11, 50, 1.4382),
        (60, 100, -0.0735),  # half of it is after the end
        (0, 50, -0.5586),  # 80 dB below the loudest
        (79, 99, -0.5586),
        (60, 101, -0.5586),
        (20, 149, -0.5586),  # silence
    ],
)
def test_agrees_with_faster_whisper(band: int, frame: int, value: float) -> None:
    assert log_mel(sweep(), 150)[band, frame] == pytest.approx(value, abs=1e-4)


def test_a_tone_is_loudest_in_the_band_of_its_frequency() -> None:
    tone = np.sin(2 * np.pi * 2000 / RATE * np.arange(RATE)).astype(np.float32)

    top = 15 + np.log(8) / (np.log(6.4) / 27)  # Slaney's mels of 8 kHz
    mels = 15 + np.log(2) / (np.log(6.4) / 27)  # of 2 kHz
    assert log_mel(tone, 100)[:, 50].argmax() == round(mels / top * (BANDS + 1)) - 1


@given(count=st.integers(0, 3000), frames=st.integers(2, 20))
def test_whatever_is_heard_fills_the_window(count: int, frames: int) -> None:
    features = log_mel(noise(count), frames)

    assert features.shape == (BANDS, frames)
    assert features.dtype == np.float32
    assert features.flags.c_contiguous
    assert np.isfinite(features).all()
    assert features.max() - features.min() <= 2.0 + 1e-6


@given(count=st.integers(1, 3000))
def test_silence_at_the_end_is_the_same_as_an_end(count: int) -> None:
    ended, silent = noise(count), np.zeros(4000, np.float32)
    silent[:count] = ended

    np.testing.assert_array_almost_equal(log_mel(ended, 24), log_mel(silent, 24), decimal=5)


def test_the_loudest_of_a_sound_that_is_cut_off_does_not_count() -> None:
    sound = noise(2 * RATE)
    cut = log_mel(sound, 100)
    sound[RATE + 400 :] *= 1000

    np.testing.assert_array_equal(log_mel(sound, 100), cut)


def test_silence_is_the_floor() -> None:
    np.testing.assert_allclose(log_mel(np.zeros(RATE, np.float32), 100), -1.5, atol=1e-6)


@given(still=st.integers(0, 3000), count=st.integers(1, 2000), level=st.floats(-0.1, 0.1))
def test_what_is_still_at_the_beginning_need_not_be_heard(
    still: int, count: int, level: float
) -> None:
    sound = np.concatenate([np.full(still, level, np.float32), noise(count)])

    np.testing.assert_array_equal(log_mel(sound, 40, still=still), log_mel(sound, 40))


def test_what_is_said_to_be_still_is_not_heard() -> None:
    sound = noise(2 * RATE)

    frame = log_mel(sound, 200, still=RATE)

    assert (frame[:, :98] == frame[:, 98:99]).all()
    assert (frame[:, 98] != frame[:, 99]).any()
