"""Which frames of its eight seconds the turn model is shown.

:mod:`pipelines.smart_turn_graph` tells why, and makes the model that takes them.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FRAMES",
    "FRAME_INDEX",
    "HEARD_INDEX",
    "LOG_WEIGHTS",
    "Look",
    "looked_at",
]

FRAMES: Final = 400
"""Of 20 ms: what the model weighs against each other; its features come every 10 ms."""
FRAMES_PER_SECOND: Final = 50
FEATURES: Final = "input_features"
HEARD_INDEX: Final = "heard_index"
FRAME_INDEX: Final = "frame_index"
LOG_WEIGHTS: Final = "log_weights"
"""What a thinned model takes: see :class:`Look`."""
STRIDE: Final = 8
LED_BY: Final = 10
"""Frames of silence before speech (0.2 s) that are all looked at."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a thinned model is shown, as frames of 20 ms.

    Attributes:
        heard: How many frames it gets features of: the last of the 400.
        heard_index: Which of these each frame that it is shown is like, shape (n,).
        frame_index: Where among the 400 that frame is, shape (n,).
        log_weights: The logarithm of how much it counts, shape (n, 1).
    """

    heard: int
    heard_index: NDArray[np.int64]
    frame_index: NDArray[np.int64]
    log_weights: NDArray[np.float32]

    def inputs(self, features: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """Return what the model takes, with features of what is heard, shape (80, 2 heard)."""
        return {
            FEATURES: features[np.newaxis],
            HEARD_INDEX: self.heard_index,
            FRAME_INDEX: self.frame_index,
            LOG_WEIGHTS: self.log_weights,
        }


def looked_at(seconds: float) -> Look:
    """Return what a thinned model is shown of audio with silence before it.

    Args:
        seconds: Of the audio; what it lacks to eight is silence.
    """
    silent = FRAMES - LED_BY - math.ceil(seconds * FRAMES_PER_SECOND)
    groups = max(0, silent) // STRIDE
    first = groups * STRIDE  # of those that are all shown
    sampled = np.arange(STRIDE // 2, first, STRIDE)
    index = np.concatenate((sampled, np.arange(first, FRAMES)))
    log_weights = np.zeros((len(index), 1), np.float32)
    log_weights[:groups] = math.log(STRIDE)
    unheard = max(0, first - 2)  # the first heard is at an edge, the second is like all silence
    heard_index = np.maximum(index, first - 1) - unheard
    return Look(FRAMES - unheard, heard_index, index, log_weights)
