"""A voice goes on for a moment as it went: its pitch period found, and repeated. Pure.

Source: ITU-T G.711 Appendix I, from its published description; what differs was measured with
``voiceai bench concealment``. The appendix compares 20 ms, decimated; here the last 6 ms decide,
at full rate, because what the ear notices is how well the first repeated period joins.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "LONGEST_PERIOD",
    "MATCH_SAMPLES",
    "SHORTEST_PERIOD",
    "Samples",
    "alikeness",
    "continued",
    "pitch_period",
    "rising",
    "stretched",
]

Samples = NDArray[np.float32]

SHORTEST_PERIOD = 32
LONGEST_PERIOD = 120
"""In samples of 8 kHz: 250 Hz and 66 Hz. A higher voice repeats several of its periods."""

MATCH_SAMPLES = 48
"""So much of the end is compared with what was heard a period before."""

VOICED = 0.5
"""The least likeness of a period to the one before it."""

MINIMUM_ENERGY = 250.0
"""Keeps the correlation of silence finite (the appendix's CORRMINPOWER)."""

JOINT = 4
"""Within this part of a period the step at the start of the repetition decays."""


def rising(samples: int) -> Samples:
    """Return a ramp from above 0 to below 1, the mirror of its own fall."""
    return (np.arange(samples, dtype=np.float32) + np.float32(0.5)) / np.float32(samples)


def alikeness(where: Samples, what: Samples) -> Samples:
    """Return the normalised correlation, -1..1, of ``what`` with each place in ``where``."""
    size = len(what)
    energy = np.concatenate(([0.0], np.cumsum(where.astype(np.float64) ** 2)))
    there = np.maximum(energy[size:] - energy[:-size], MINIMUM_ENERGY)
    here = max(float(np.dot(what, what)), MINIMUM_ENERGY)
    alike: Samples = (np.correlate(where, what, "valid") / np.sqrt(there * here)).astype(np.float32)
    return alike


def pitch_period(history: Samples) -> int:
    """Return the lag, in samples, at which the end resembles what was before it most.

    A sound that resembles nothing, such as an s, has the longest: it would buzz in a short one.

    Args:
        history: At least ``SHORTEST_PERIOD + MATCH_SAMPLES`` samples.
    """
    longest = min(LONGEST_PERIOD, len(history) - MATCH_SAMPLES)
    past = history[len(history) - MATCH_SAMPLES - longest : len(history) - SHORTEST_PERIOD]
    alike = alikeness(past, history[-MATCH_SAMPLES:])  # from the longest lag to the shortest
    best = int(np.argmax(alike))
    return longest - best if alike[best] >= VOICED else longest


def continued(history: Samples, period: int, samples: int) -> Samples:
    """Return what follows ``history`` when its last ``period`` samples repeat without end.

    The end of the period is blended into what precedes its start, so that the repetitions join;
    the step between the last sample and the first repeated one decays within a quarter.
    """
    overlap = min(period // 4, len(history) - period)
    cycle = history[-period:].copy()
    if overlap:
        ramp = rising(overlap)
        before = history[len(history) - period - overlap : len(history) - period]
        cycle[-overlap:] += (before - cycle[-overlap:]) * ramp
    onward = np.resize(cycle, samples)
    before_start = history[-period - 1] if len(history) > period else history[-1]
    joint = min(max(period // JOINT, 1), samples)
    onward[:joint] += (history[-1] - before_start) * (1 - rising(joint))
    return onward


def stretched(audio: Samples, samples: int) -> Samples:
    """Return ``audio`` played a little faster or slower, so that it lasts ``samples`` samples.

    Cubic interpolation (Catmull-Rom): a straight line between samples would dull a voice.
    """
    last = len(audio) - 1
    if last + 1 == samples:
        return audio
    at = (np.arange(samples, dtype=np.float32) + 0.5) * (len(audio) / samples) - 0.5
    whole = np.floor(at).astype(np.intp)
    part = (at - whole).astype(np.float32)
    first, second, third, fourth = (audio[np.clip(whole + k, 0, last)] for k in (-1, 0, 1, 2))
    slope = third - first
    curve = 2 * first - 5 * second + 4 * third - fourth
    bend = 3 * (second - third) + fourth - first
    between: Samples = second + 0.5 * part * (slope + part * (curve + part * bend))
    return between
