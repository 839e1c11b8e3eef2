"""Packet-loss concealment in the manner of ITU-T G.711 Appendix I.

A lost piece is filled with repetitions of the last pitch period, from the second 10 ms on of the
last two and three periods, which fade into comfort noise until 60 ms. Unlike the appendix, nothing
is delayed by 3.75 ms for the first overlap: the step at the start of the repetition is instead
removed by an offset that decays within a quarter of a period.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transports.audio.comfort_noise import ComfortNoise

__all__ = ["FADE_SAMPLES", "Concealment"]

SHORTEST_PERIOD = 40
LONGEST_PERIOD = 120
"""In samples: 200 Hz and 66 Hz. A higher voice repeats several of its periods."""

MATCH_SAMPLES = 160
"""The last 20 ms are compared with what was heard a period before."""

HISTORY_SAMPLES = LONGEST_PERIOD * 13 // 4
"""Three of the longest periods, and a quarter to overlap them."""

STEP_SAMPLES = 80
"""Every 10 ms another period joins the repetition, up to three."""

FADE_SAMPLES = 480
"""After 60 ms only noise is left: longer repetition hums."""

RECOVERY_STEP_SAMPLES = 32
"""Each further 10 ms lost lengthens the return to real audio by 4 ms, up to 10 ms."""

MOST_PERIODS = 3

MINIMUM_POWER = 250.0
"""Keeps the correlation of silence finite (the appendix's CORRMINPOWER)."""

Samples = NDArray[np.float32]

GAIN: Samples = np.clip(
    1 - (np.arange(FADE_SAMPLES, dtype=np.float32) - STEP_SAMPLES) / (FADE_SAMPLES - STEP_SAMPLES),
    0,
    1,
)
"""Full for 10 ms, then a fifth less every 10 ms (the appendix's attenuation)."""


@dataclass(slots=True)
class _Repetition:
    """The last periods, repeated without end."""

    cycle: Samples
    offset: int

    @classmethod
    def of(cls, history: Samples, length: int, overlap: int, offset: int) -> "_Repetition":
        """Repeat the last ``length`` samples, their end blended into what precedes their start."""
        cycle = history[-length:].copy()
        rising = _rising(overlap)
        before = history[-length - overlap : -length]
        cycle[-overlap:] = cycle[-overlap:] * (1 - rising) + before * rising
        return cls(cycle, offset)

    def read(self, samples: int) -> Samples:
        """Take the next ``samples`` samples."""
        end = self.offset + samples
        taken = np.take(self.cycle, np.arange(self.offset, end), mode="wrap")
        self.offset = end % len(self.cycle)
        return taken


class Concealment:
    """Fills the holes of one stream of 16-bit samples; pieces may have any length.

    ::

        heard --lost--> concealing --lost, 60 ms--> noise
          ^                 |                         |
          +-----heard, blended over up to 10 ms-------+

    Args:
        noise: What a long hole ends in; 16-bit samples.
    """

    def __init__(self, noise: ComfortNoise) -> None:
        self._noise = noise
        self._history = bytes(2 * HISTORY_SAMPLES)
        self._before_hole: Samples = np.zeros(HISTORY_SAMPLES, np.float32)
        self._period = LONGEST_PERIOD
        self._repetition = _Repetition(self._before_hole, 0)
        self._erased = FADE_SAMPLES

    @property
    def faded(self) -> bool:
        """Nothing is left of the last audio: :meth:`lost` returns noise only."""
        return self._erased >= FADE_SAMPLES

    def heard(self, pcm: bytes) -> bytes:
        """Take audio that did arrive; return what to play of it, blended in after a hole."""
        if self._erased and pcm:
            pcm = self._blend_in(pcm)
            self._erased = 0
        self._remember(pcm)
        return pcm

    def lost(self, samples: int) -> bytes:
        """Return ``samples`` samples (16-bit, little-endian) for a hole of that length."""
        if self._erased == 0:
            self._begin()
        pieces = []
        while samples > 0 and not self.faded:
            size = min(samples, STEP_SAMPLES - self._erased % STEP_SAMPLES)
            pieces.append(self._fill(size).astype(np.int16).tobytes())
            self._erased += size
            samples -= size
        if samples > 0:
            pieces.append(self._noise.take(samples))
            self._erased += samples
        pcm = b"".join(pieces)
        self._remember(pcm)
        return pcm

    def _remember(self, pcm: bytes) -> None:
        self._history = (self._history + pcm)[-2 * HISTORY_SAMPLES :]

    def _begin(self) -> None:
        """Find the period and repeat it."""
        history = np.frombuffer(self._history, np.int16).astype(np.float32)
        self._before_hole = history
        self._period = _pitch_period(history)
        self._repetition = _Repetition.of(history, self._period, self._period // 4, 0)

    def _fill(self, samples: int) -> Samples:
        """Return up to a step of fading repetition over rising noise."""
        start = self._erased
        filled = self._repeat(samples)
        if start == 0:
            step = self._before_hole[-1] - self._before_hole[-self._period - 1]
            decay = min(self._period // 4, samples)
            filled[:decay] += step * (1 - _rising(decay))
        gain = GAIN[start : start + samples]
        noise = np.frombuffer(self._noise.take(samples), np.int16)
        mixed = filled * gain + noise * (1 - gain)
        return mixed.clip(-32768, 32767).round().astype(np.float32)

    def _repeat(self, samples: int) -> Samples:
        """Continue the repetition; at the second and the third step, another period joins it."""
        repetition = self._repetition
        periods = self._erased // STEP_SAMPLES + 1
        if self._erased % STEP_SAMPLES or not 2 <= periods <= MOST_PERIODS:
            return repetition.read(samples)
        overlap = min(self._period // 4, samples)
        offset = repetition.offset % self._period
        longer = _Repetition.of(
            self._before_hole, periods * self._period, self._period // 4, offset
        )
        filled, rising = longer.read(samples), _rising(overlap)
        filled[:overlap] = filled[:overlap] * rising + repetition.read(overlap) * (1 - rising)
        self._repetition = longer
        return filled

    def _blend_in(self, pcm: bytes) -> bytes:
        """Cross over from the concealment to what follows the hole."""
        audio = np.frombuffer(pcm, np.int16).astype(np.float32)
        steps_more = (min(self._erased, FADE_SAMPLES) - 1) // STEP_SAMPLES
        overlap = self._period // 4 + RECOVERY_STEP_SAMPLES * steps_more
        overlap = min(overlap, STEP_SAMPLES, len(audio))
        continued = np.frombuffer(self._noise.take(overlap), np.int16).astype(np.float32)
        if not self.faded:
            gain = GAIN[self._erased - 1]
            continued = self._repetition.read(overlap) * gain + continued * (1 - gain)
        rising = _rising(overlap)
        audio[:overlap] = audio[:overlap] * rising + continued * (1 - rising)
        return np.rint(audio).astype(np.int16).tobytes()


def _rising(samples: int) -> Samples:
    """Return a ramp that climbs from above 0 to 1."""
    return np.arange(1, samples + 1, dtype=np.float32) / np.float32(samples)


def _pitch_period(history: Samples) -> int:
    """Return the lag, in samples, at which the last 20 ms resemble the history most."""
    latest = history[-MATCH_SAMPLES:]
    past = history[-MATCH_SAMPLES - LONGEST_PERIOD : -SHORTEST_PERIOD]
    alike = np.correlate(past, latest, "valid")  # from the longest lag to the shortest
    energy = np.concatenate(([0.0], np.cumsum(past.astype(np.float64) ** 2)))
    power = energy[MATCH_SAMPLES:] - energy[:-MATCH_SAMPLES]
    return LONGEST_PERIOD - int(np.argmax(alike / np.sqrt(np.maximum(power, MINIMUM_POWER))))
