"""What arrival times say about how evenly packets were sent. Pure."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["Pace", "drift_ms", "gap_ms", "interval_errors_ms"]

SLOT_NANOSECONDS: Final = 20_000_000
DRIFT_PACKETS: Final = 50
"""At both ends of a stream. A packet is never early, so the earliest of a second is on time."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How the packets of some streams came, milliseconds.

    Attributes:
        errors: |interval - 20 ms| of all intervals of all streams.
        drifts: By stream, how much longer it took than its packets last, or shorter.
    """

    errors: tuple[float, ...]
    drifts: tuple[float, ...]

    @classmethod
    def of(cls, arrivals: Mapping[str, Sequence[int]]) -> "Pace":
        """Return the pace of streams, by sender; arrivals in nanoseconds."""
        return cls(
            tuple(error for times in arrivals.values() for error in interval_errors_ms(times)),
            tuple(abs(drift_ms(times)) for times in arrivals.values()),
        )


def interval_errors_ms(arrivals: Sequence[int]) -> list[float]:
    """Return |interval - 20 ms| of arrivals in nanoseconds, in milliseconds."""
    return [
        abs(after - before - SLOT_NANOSECONDS) / 1e6
        for before, after in itertools.pairwise(arrivals)
    ]


def drift_ms(arrivals: Sequence[int]) -> float:
    """Return how much later the last packets came than the first ones promised, in ms.

    Args:
        arrivals: Nanoseconds, one packet per 20 ms.
    """
    offsets = [at - n * SLOT_NANOSECONDS for n, at in enumerate(arrivals)]
    edge = max(min(DRIFT_PACKETS, len(offsets) // 2), 1)
    return (min(offsets[-edge:]) - min(offsets[:edge])) / 1e6


def gap_ms(before: int, after: int, packet_ms: float) -> float:
    """Return how long a listener without a buffer had nothing to hear, milliseconds.

    Args:
        before: When a packet came, nanoseconds.
        after: When the next one came.
        packet_ms: How much audio the first one held.
    """
    return max((after - before) / 1e6 - packet_ms, 0.0)
