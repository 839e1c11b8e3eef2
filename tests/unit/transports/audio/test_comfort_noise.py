"""Comfort noise: quiet, never digital silence, the same every time, cheap to take."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.audio.codec import LAWS, Codec
from transports.audio.comfort_noise import (
    LOUDEST_DBFS,
    NOISE_LEVEL_DBFS,
    TABLE_SAMPLES,
    ComfortNoise,
)
from transports.audio.level import level_dbfs


def test_is_as_loud_as_it_says() -> None:
    assert level_dbfs(ComfortNoise().take(8000)) == pytest.approx(NOISE_LEVEL_DBFS, abs=0.5)


@pytest.mark.parametrize("law", LAWS)
def test_no_frame_is_digital_silence_after_encoding(law: Codec) -> None:
    noise = ComfortNoise()

    for _ in range(TABLE_SAMPLES // 160):
        assert len(set(law.encode(noise.take(160)))) > 2


def test_pieces_join_to_the_same_noise_across_the_end_of_the_table() -> None:
    whole = ComfortNoise(start=TABLE_SAMPLES - 100).take(320)

    reader = ComfortNoise(start=TABLE_SAMPLES - 100)
    pieces = [reader.take(samples) for samples in (60, 40, 1, 139, 80)]

    assert b"".join(pieces) == whole
    assert len(whole) == 640
    assert whole[200:] == ComfortNoise().take(220)


def test_starts_where_it_is_told() -> None:
    assert ComfortNoise(start=160).take(160) == ComfortNoise().take(320)[320:]
    assert ComfortNoise(start=TABLE_SAMPLES).take(160) == ComfortNoise().take(160)


def tilt(pcm: bytes) -> float:
    """Return how alike neighbouring samples are: 0 for white noise, near 1 for a rumble."""
    samples = np.frombuffer(pcm, np.int16).astype(float)
    return float(np.corrcoef(samples[1:], samples[:-1])[0, 1])


@pytest.mark.parametrize("dbfs", [-35.0, -50.0, -70.0])
@pytest.mark.parametrize("reflection", [(), (-0.9,), (0.5, -0.3, 0.2), (0.99,) * 10])
def test_becomes_as_loud_as_the_far_side_says(dbfs: float, reflection: tuple[float, ...]) -> None:
    noise = ComfortNoise()

    noise.become(dbfs, reflection)

    assert level_dbfs(noise.take(8000)) == pytest.approx(dbfs, abs=0.2)


def test_takes_the_spectrum_that_the_far_side_describes() -> None:
    white, rumble, hiss = ComfortNoise(), ComfortNoise(), ComfortNoise()

    white.become(-40)
    rumble.become(-40, (-0.9,))
    hiss.become(-40, (0.5,))

    assert tilt(white.take(8000)) == pytest.approx(0, abs=0.05)
    assert tilt(rumble.take(8000)) == pytest.approx(0.9, abs=0.05)
    assert tilt(hiss.take(8000)) == pytest.approx(-0.5, abs=0.05)


def test_is_neither_deafening_nor_digital_silence_whatever_the_far_side_says() -> None:
    loud, quiet = ComfortNoise(), ComfortNoise()

    loud.become(0)
    quiet.become(-127)

    assert level_dbfs(loud.take(8000)) == pytest.approx(LOUDEST_DBFS, abs=0.2)
    assert len(set(np.frombuffer(quiet.take(160), np.int16))) > 2


def test_one_call_does_not_change_the_noise_of_another() -> None:
    other = ComfortNoise()

    ComfortNoise().become(-40)

    assert other.take(800) == ComfortNoise().take(800)


@given(
    reflection=st.lists(st.floats(min_value=-0.99994, max_value=0.99994), max_size=20),
    pieces=st.lists(st.integers(min_value=0, max_value=20000), max_size=4),
)
def test_any_shape_is_read_in_pieces_of_any_length(
    reflection: list[float], pieces: list[int]
) -> None:
    noise = ComfortNoise(start=63999)
    noise.become(-50, reflection)

    assert [len(noise.take(samples)) for samples in pieces] == [2 * n for n in pieces]
