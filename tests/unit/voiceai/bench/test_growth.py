"""Whether something grows."""

import pytest

from voiceai.bench.growth import growth


def test_what_settles_does_not_grow() -> None:
    assert growth([0, 5, 8, 10, 10, 10, 10, 10, 10, 10, 10, 10]) == 0


def test_what_rises_steadily_grows_by_half_of_it_and_its_own_width() -> None:
    assert growth(list(range(100))) == pytest.approx(50)


def test_a_single_peak_is_no_growth() -> None:
    samples = [10.0] * 40
    samples[-2] = 90

    assert growth(samples) == 0


def test_too_few_samples_say_nothing() -> None:
    assert growth([1, 2, 3]) == 0
    assert growth([]) == 0
