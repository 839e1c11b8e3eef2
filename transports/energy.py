"""Voice activity by energy, behind the interface that Silero has."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from transports.audio.endpointing import EndpointingParams
from transports.audio.energy import EnergyMeter

__all__ = ["EnergyScorer"]


class EnergyScorer:
    """A meter for each call; a window is speech with a probability of 1 or 0."""

    def __init__(self) -> None:
        self._meters: list[EnergyMeter] = []
        self._free: list[int] = []

    def open(self, params: EndpointingParams) -> int:
        """Return a row for a new call."""
        meter = EnergyMeter(params.threshold)
        if self._free:
            row = self._free.pop()
            self._meters[row] = meter
        else:
            row = len(self._meters)
            self._meters.append(meter)
        return row

    def close(self, row: int) -> None:
        """Give a row back."""
        self._free.append(row)

    def score(
        self,
        rows: Sequence[int],
        speaking: Sequence[bool],
        samples: npt.NDArray[np.float32],
        levels: Sequence[float],
    ) -> list[float]:
        """Score one window of each of some calls; see ``transports.vad.Scorer``."""
        del samples
        return [
            float(self._meters[row].put(level, speaking=is_speaking))
            for row, is_speaking, level in zip(rows, speaking, levels, strict=True)
        ]
