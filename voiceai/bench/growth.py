"""Whether something grows while a load stays the same. Pure."""

from collections.abc import Sequence
from statistics import median

__all__ = ["growth"]


def growth(samples: Sequence[float]) -> float:
    """Return how much more the last quarter has than the second one, by their medians.

    The first quarter is left out: caches fill, and pools reach their size.

    Args:
        samples: Taken at equal intervals; four at least mean anything, of fewer it is 0.
    """
    quarter = len(samples) // 4
    if not quarter:
        return 0.0
    return median(samples[-quarter:]) - median(samples[quarter : 2 * quarter])
