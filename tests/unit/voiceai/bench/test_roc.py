"""How well scores tell two classes apart."""

import numpy as np
import pytest

from voiceai.bench.roc import auc, auc_differences, roc


@pytest.mark.parametrize(
    ("positives", "negatives", "area"),
    [
        ([0.8, 0.9], [0.1, 0.2, 0.3], 1.0),
        ([0.1], [0.8, 0.9], 0.0),
        ([0.5, 0.5], [0.5, 0.5], 0.5),
        ([0.4, 0.9], [0.5, 0.1], 0.75),
        ([0.4, 0.9], [0.4, 0.1], 0.875),
    ],
)
def test_each_pair_counts_and_a_tie_counts_half(
    positives: list[float], negatives: list[float], area: float
) -> None:
    assert auc(np.array(positives), np.array(negatives)) == area


def test_the_area_is_the_one_under_the_curve_of_tied_scores() -> None:
    chance = np.random.default_rng(1)
    positives, negatives = (
        np.round(chance.normal(1, 1, 60), 1),
        np.round(chance.normal(0, 1, 40), 1),
    )

    across, upward = np.array(roc(positives, negatives)).T

    assert (across[0], upward[0], across[-1], upward[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(upward, across) == pytest.approx(auc(positives, negatives))


def test_what_is_drawn_anew_is_the_same_for_both_judges() -> None:
    chance = np.random.default_rng(2)
    whole, cut = chance.normal(1, 1, 50), chance.normal(0, 1, 50)
    same_order = whole / 2, cut / 2

    assert set(auc_differences((whole, cut), same_order, draws=20, seed=1)) == {0.0}


def test_differences_lie_around_that_of_all_things() -> None:
    chance = np.random.default_rng(3)
    better = chance.normal(2, 1, 200), chance.normal(0, 1, 200)
    worse = chance.normal(1, 1, 200), chance.normal(0, 1, 200)
    between = auc(*better) - auc(*worse)

    found = auc_differences(better, worse, draws=200, seed=1)

    assert len(found) == 200
    assert min(found) < between < max(found)
    assert np.median(found) == pytest.approx(between, abs=0.02)
