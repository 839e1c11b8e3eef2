"""Loudness."""

import numpy as np
import pytest

from transports.audio.level import QUIETEST_DBFS, level_dbfs


def square(amplitude: int) -> bytes:
    return np.tile(np.array([amplitude, -amplitude], np.int16), 80).tobytes()


@pytest.mark.parametrize(
    ("amplitude", "expected"), [(32767, 0.0), (3277, -20.0), (328, -40.0), (33, -60.0)]
)
def test_ten_times_quieter_is_twenty_decibels_less(amplitude: int, expected: float) -> None:
    assert level_dbfs(square(amplitude)) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("pcm", [b"", bytes(320)])
def test_nothing_and_digital_silence_have_the_lowest_level(pcm: bytes) -> None:
    assert level_dbfs(pcm) == QUIETEST_DBFS
