"""From the audio before a hole to the audio behind it, when that has arrived already. Pure.

The playout delay often holds the packet behind a hole before the hole is played. Then the voice
before it is continued and the voice behind it is continued backwards; each is stretched a little
so that its pitch reaches the other side in phase, and one is faded into the other.
"""

import numpy as np

from transports.audio.repetition import (
    LONGEST_PERIOD,
    Samples,
    alikeness,
    continued,
    pitch_period,
    rising,
    stretched,
)

__all__ = ["MINIMUM_FOLLOWING", "PHASE_SAMPLES", "bridged", "fades"]

MINIMUM_FOLLOWING = 160
"""Samples behind the hole that a pitch of 71 Hz and more can be found in."""

PHASE_SAMPLES = 80
"""So much of the other side is compared to find the phase."""

LARGEST_STRETCH = 4
"""At most this part of a period is gained or lost."""

STRETCH_PENALTY = 0.1
"""What a whole period would have to gain in likeness: a small stretch is preferred."""


def bridged(
    before: Samples, onward: Samples, period: int, following: Samples, size: int
) -> tuple[Samples, Samples]:
    """Return what leads out of ``before`` and what leads into ``following``, of one size.

    Args:
        before: What was played up to here.
        onward: What would be played from here on, if nothing came: at least ``size`` and
            ``LONGEST_PERIOD // LARGEST_STRETCH + PHASE_SAMPLES`` samples.
        period: Of ``onward``, in samples.
        following: What comes after ``size`` samples; at least :data:`MINIMUM_FOLLOWING`.
        size: Samples from here to there.
    """
    mirrored = following[::-1]
    period_behind = pitch_period(mirrored)
    room = size + LONGEST_PERIOD // LARGEST_STRETCH + PHASE_SAMPLES
    backward = continued(mirrored, period_behind, room)
    out = _in_phase(onward, period, following, size)
    into = _in_phase(backward, period_behind, before[::-1], size)
    return out, into[::-1]


def fades(out: Samples, into: Samples) -> tuple[Samples, Samples]:
    """Return the two gains that carry ``out`` over to ``into`` without a dip in power.

    What is alike adds up by amplitude, what is not by power; most voices are between.
    """
    energies = float(np.dot(out, out)) * float(np.dot(into, into))
    alike = max(float(np.dot(out, into)) / np.sqrt(energies), 0.0) if energies > 0 else 1.0
    up = rising(len(out))
    down = 1 - up
    scale = 1 / np.sqrt(down * down + up * up + 2 * np.float32(alike) * down * up)
    return down * scale, up * scale


def _in_phase(audio: Samples, period: int, target: Samples, size: int) -> Samples:
    """Return ``audio`` over ``size`` samples, stretched so that it would go on as ``target``."""
    reach = min(period // LARGEST_STRETCH, size // 2)
    compared = min(PHASE_SAMPLES, len(target))
    alike = alikeness(audio[size - reach : size + reach + compared], target[:compared])
    shifts = np.arange(-reach, reach + 1)
    best = int(np.argmax(alike - STRETCH_PENALTY * np.abs(shifts) / period))
    return stretched(audio[: size + int(shifts[best])], size)
