"""From 24 kHz to 8 kHz in pieces of any size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.decimator import CLOUD_RATE, FACTOR, Decimator, to_pcm


def tone(hertz: float, seconds: float = 0.5) -> np.ndarray:
    at = np.arange(round(seconds * CLOUD_RATE)) / CLOUD_RATE
    return np.sin(2 * np.pi * hertz * at).astype(np.float32)


def decimated(samples: np.ndarray, *cuts: int) -> np.ndarray:
    decimator = Decimator()
    pieces = [decimator.feed(piece) for piece in np.split(samples, sorted(cuts))]
    return np.concatenate([*pieces, decimator.finish()])


def decibels(samples: np.ndarray) -> float:
    middle = samples[200:-200]
    return float(20 * np.log10(np.sqrt(2 * np.mean(middle.astype(float) ** 2)) + 1e-12))


@pytest.mark.parametrize("hertz", [100, 300, 1000, 2000, 3300])
def test_speech_passes(hertz: int) -> None:
    assert abs(decibels(decimated(tone(hertz)))) < 0.3


@pytest.mark.parametrize("hertz", [4700, 5500, 7000, 9000, 11500])
def test_what_would_fold_into_speech_does_not(hertz: int) -> None:
    assert decibels(decimated(tone(hertz))) < -60


@given(st.lists(st.integers(0, 4800), max_size=20))
def test_pieces_make_no_difference(cuts: list[int]) -> None:
    samples = tone(700, 0.2)
    assert np.allclose(decimated(samples, *cuts), decimated(samples), atol=1e-6)


def test_nothing_is_delayed_and_nothing_is_lost() -> None:
    samples = np.zeros(2400, dtype=np.float32)
    samples[1200] = 1.0
    found = decimated(samples)
    assert len(found) == len(samples) // FACTOR
    assert int(np.abs(found).argmax()) == 400


def test_loud_samples_are_clipped_not_wrapped() -> None:
    loud = np.frombuffer(to_pcm(np.array([2.0, -2.0, 0.5], dtype=np.float32)), "<i2")
    assert loud.tolist() == [32767, -32767, 16383]
