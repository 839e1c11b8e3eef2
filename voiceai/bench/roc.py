"""How well a score tells two classes apart, whatever the threshold. Pure.

Source: Fawcett, An introduction to ROC analysis, Pattern Recognition Letters 27 (2006).
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["auc", "auc_differences", "roc"]

Scores = NDArray[np.float64]


def auc(positives: Scores, negatives: Scores) -> float:
    """Return how often a positive has the higher score of a pair; a tie counts half.

    Args:
        positives: Scores of those that should be high, not empty.
        negatives: Scores of those that should be low, not empty.

    Returns:
        1 when all are told apart, 0.5 for chance.
    """
    ordered = np.sort(negatives)
    below = np.searchsorted(ordered, positives, "left")
    not_above = np.searchsorted(ordered, positives, "right")
    return float((below + not_above).mean() / (2 * len(ordered)))


def roc(positives: Scores, negatives: Scores) -> tuple[tuple[float, float], ...]:
    """Return the curve whose area is :func:`auc`.

    Returns:
        For each threshold, the highest first: the share of negatives and of positives that reach
        it, from (0, 0) to (1, 1).
    """
    thresholds = np.unique(np.concatenate([positives, negatives]))[::-1]
    shares = (
        1 - np.searchsorted(np.sort(scores), thresholds, "left") / len(scores)
        for scores in (negatives, positives)
    )
    return ((0.0, 0.0), *((float(x), float(y)) for x, y in zip(*shares, strict=True)))


def auc_differences(
    first: tuple[Scores, Scores], second: tuple[Scores, Scores], *, draws: int, seed: int
) -> tuple[float, ...]:
    """Return by how much the first tells better than the second, of things drawn anew (bootstrap).

    Args:
        first: Scores of the positive and the negative of each thing.
        second: Another judge's, of the same things in the same order.
        draws: How often as many things are drawn as there are, with repetition.
        seed: Of what is drawn.
    """
    chance = np.random.default_rng(seed)
    count = len(first[0])
    picks = (chance.integers(count, size=count) for _ in range(draws))
    return tuple(
        auc(first[0][pick], first[1][pick]) - auc(second[0][pick], second[1][pick])
        for pick in picks
    )
