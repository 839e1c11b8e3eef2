"""What need not be scored: a line so quiet that speech cannot begin in it.

::

    no speech, and below the level from which speech begins    for 0.16 s    the call rests
    anything else                                              at once       it is scored again

No verdict depends on what is left out. But the model remembers what it heard, and hears speech that
begins softly later if it remembers nothing: so the last windows are kept, and it is given those
first.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["KEPT_WINDOWS", "REST_AFTER", "SilenceGate", "Woken"]

REST_AFTER: Final = 5
"""Windows (0.16 s) that are scored nevertheless, so that the end of a word is."""
KEPT_WINDOWS: Final = 16
"""Of what was left out (0.5 s): with as many, speech begins when it would have."""

Samples = npt.NDArray[np.float32]


class Woken(NamedTuple):
    """A call that was not scored for a while.

    Attributes:
        place: Among the calls whose windows came.
        missed: The last windows that were left out, the oldest first.
        all_kept: Whether none was left out before them.
    """

    place: int
    missed: Samples
    all_kept: bool


class SilenceGate:
    """Decides for each call, in rows of shared arrays, whether its windows are scored.

    Args:
        rows: How many there are at first.
        window: Samples of one.
    """

    def __init__(self, rows: int, window: int) -> None:
        self._floors = np.zeros(rows, np.float32)
        self._quiet = np.zeros(rows, np.intp)  # windows in a row
        self._kept: Samples = np.zeros((rows, KEPT_WINDOWS, window), np.float32)

    def open(self, row: int, floor: float) -> None:
        """Begin a call.

        Args:
            row: Of the call.
            floor: The level, in dBFS, below which a window never begins speech.
        """
        self._floors[row] = floor
        self._quiet[row] = 0

    def grow(self) -> None:
        """Have twice as many rows."""
        self._floors = np.concatenate((self._floors, np.zeros_like(self._floors)))
        self._quiet = np.concatenate((self._quiet, np.zeros_like(self._quiet)))
        self._kept = np.concatenate((self._kept, np.zeros_like(self._kept)))

    def put(
        self,
        index: npt.NDArray[np.intp],
        speaking: Sequence[bool],
        samples: Samples,
        levels: Sequence[float],
    ) -> tuple[npt.NDArray[np.bool_], list[Woken]]:
        """Take one window of each of some calls.

        Args:
            index: Rows of the calls; each once.
            speaking: Whether their callers are taken to speak.
            samples: Of the windows, shape (n, window).
            levels: Of the windows, in dBFS.

        Returns:
            Which windows are left out, and the calls that did rest and no longer do.
        """
        quiet = (np.array(levels, np.float32) < self._floors[index]) & ~np.array(speaking, bool)
        before = self._quiet[index]
        lasting = np.where(quiet, before + 1, 0)
        self._quiet[index] = lasting
        woken = [
            self._wake(place, int(index[place]), int(before[place]))
            for place in (~quiet & (before > REST_AFTER)).nonzero()[0].tolist()
        ]
        self._kept[index, lasting % KEPT_WINDOWS] = samples
        return lasting > REST_AFTER, woken

    def _wake(self, place: int, row: int, quiet: int) -> Woken:
        kept = min(quiet - REST_AFTER, KEPT_WINDOWS)
        order = np.arange(quiet - kept + 1, quiet + 1) % KEPT_WINDOWS
        return Woken(place, self._kept[row, order], kept == quiet - REST_AFTER)
