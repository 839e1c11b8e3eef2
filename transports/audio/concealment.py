"""Packet-loss concealment in the class of ITU-T G.711 Appendix I, for single losses and bursts.

A lost piece is filled with repetitions of the last pitch period, full for 10 ms, which fade into
comfort noise until 60 ms. Unlike the appendix, nothing is delayed by 3.75 ms for the first
overlap, and where the audio behind the hole has arrived already, the hole is bridged from both
sides.
"""

from dataclasses import dataclass

import numpy as np

from transports.audio.bridge import MINIMUM_FOLLOWING, PHASE_SAMPLES, bridged, fades
from transports.audio.comfort_noise import ComfortNoise
from transports.audio.repetition import (
    LONGEST_PERIOD,
    Samples,
    continued,
    pitch_period,
    rising,
)

__all__ = ["FADE_SAMPLES", "Concealment"]

HISTORY_SAMPLES = 240
"""Twice the longest period: one to repeat, and one to look for it in."""

HISTORY_BYTES = 2 * HISTORY_SAMPLES

STEP_SAMPLES = 80
"""10 ms: so long a repetition keeps its level."""

FADE_SAMPLES = 480
"""After 60 ms only noise is left: longer repetition hums."""

RECOVERY_STEP_SAMPLES = 32
"""Each further 10 ms lost lengthens the return to real audio by 4 ms, up to 10 ms."""

LONGEST_BRIDGE = FADE_SAMPLES
"""The end of a longer hole is left to noise first."""

ONWARD_SAMPLES = FADE_SAMPLES + LONGEST_BRIDGE + LONGEST_PERIOD + PHASE_SAMPLES

GAIN: Samples = np.clip(
    1
    - (np.arange(ONWARD_SAMPLES, dtype=np.float32) - STEP_SAMPLES) / (FADE_SAMPLES - STEP_SAMPLES),
    0,
    1,
)
"""Full for 10 ms, then a fifth less every 10 ms (the appendix's attenuation)."""


@dataclass(slots=True)
class _Bridge:
    """What fills the rest of a hole whose other side is known."""

    samples: Samples
    following: bytes
    """What belongs behind it."""
    position: int = 0

    @property
    def left(self) -> int:
        """Samples up to the other side."""
        return len(self.samples) - self.position

    def leads_to(self, pcm: bytes) -> bool:
        """Whether ``pcm`` begins what belongs behind the bridge, or is more of it."""
        return self.following.startswith(pcm) or pcm.startswith(self.following)

    def take(self, samples: int) -> Samples:
        """Return the next ``samples`` samples, or what is left."""
        taken = self.samples[self.position : self.position + samples]
        self.position += len(taken)
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

    __slots__ = ("_bridge", "_earlier", "_erased", "_latest", "_noise", "_onward", "_period")

    def __init__(self, noise: ComfortNoise) -> None:
        self._noise = noise
        self._earlier, self._latest = b"", bytes(HISTORY_BYTES)  # together the history, or more
        self._period = LONGEST_PERIOD
        self._onward: Samples = np.zeros(ONWARD_SAMPLES, np.float32)
        self._bridge: _Bridge | None = None
        self._erased = FADE_SAMPLES

    @property
    def faded(self) -> bool:
        """Nothing is left of the last audio: :meth:`lost` returns noise, unless it is told more."""
        return self._erased >= FADE_SAMPLES and self._bridge is None

    def heard(self, pcm: bytes) -> bytes:
        """Take audio that did arrive; return what to play of it, blended in after a hole."""
        if self._erased and pcm:
            bridge = self._bridge
            if bridge is None or bridge.left or not bridge.leads_to(pcm):
                pcm = self._blend_in(pcm)
            self._erased = 0
            self._bridge = None
        self._remember(pcm)
        return pcm

    def lost(self, samples: int, following: bytes = b"", distance: int = 0) -> bytes:
        """Return ``samples`` samples (16-bit, little-endian) for a hole of that length.

        Args:
            samples: How many are wanted now.
            following: Audio known to come behind the hole, as much of it as is at hand; less
                than 20 ms of it is of no use.
            distance: Samples from here to there; at least ``samples``.
        """
        if self._erased == 0:
            self._begin()
        if len(following) >= 2 * MINIMUM_FOLLOWING and samples <= distance <= LONGEST_BRIDGE:
            self._aim_at(following, distance)
        pieces = []
        while samples > 0:
            piece = self._fill(samples)
            self._remember(piece)
            pieces.append(piece)
            samples -= len(piece) // 2
        return b"".join(pieces)

    def _remember(self, pcm: bytes) -> None:
        """Keep two pieces, apart: joining them costs more than a call without loss is worth."""
        if len(self._latest) + len(pcm) >= HISTORY_BYTES:
            self._earlier, self._latest = self._latest, pcm
        else:
            self._earlier, self._latest = b"", (self._history() + pcm)[-HISTORY_BYTES:]

    def _history(self) -> bytes:
        return (self._earlier + self._latest)[-HISTORY_BYTES:]

    def _begin(self) -> None:
        """Find the period and repeat it."""
        history = _floats(self._history())
        self._period = pitch_period(history)
        self._onward = continued(history, self._period, ONWARD_SAMPLES)
        self._bridge = None
        self._erased = 0

    def _aim_at(self, following: bytes, distance: int) -> None:
        """Plan the rest of the hole, unless that is done already."""
        bridge = self._bridge
        if bridge is not None:
            if bridge.left == distance and bridge.leads_to(following):
                return
            self._begin()
        start = self._erased
        before = _floats(self._history())
        onward = self._onward[min(start, FADE_SAMPLES) :]
        out, into = bridged(before, onward, self._period, _floats(following), distance)
        down, up = fades(out, into)
        down *= GAIN[np.minimum(np.arange(start, start + distance), FADE_SAMPLES)]
        up *= GAIN[:distance][::-1]
        noise = _floats(self._noise.take(distance)) * np.maximum(1 - down - up, 0)
        self._bridge = _Bridge(out * down + into * up + noise, following)

    def _fill(self, samples: int) -> bytes:
        """Return up to ``samples`` samples: of the bridge, of fading repetition, or of noise."""
        if self._bridge is not None:
            if self._bridge.left:
                filled = self._bridge.take(samples)
                self._erased += len(filled)
                return _pcm(filled)
            self._begin()  # what was promised did not come
        start = self._erased
        if start >= FADE_SAMPLES:
            return self._noise.take(samples)
        end = self._erased = min(start + samples, FADE_SAMPLES)
        gain = GAIN[start:end]
        noise = _floats(self._noise.take(end - start))
        return _pcm(self._onward[start:end] * gain + noise * (1 - gain))

    def _blend_in(self, pcm: bytes) -> bytes:
        """Cross over from the concealment to what follows the hole."""
        audio = _floats(pcm)
        start = min(self._erased, FADE_SAMPLES)
        overlap = self._period // 4 + RECOVERY_STEP_SAMPLES * ((start - 1) // STEP_SAMPLES)
        overlap = min(overlap, STEP_SAMPLES, len(audio))
        if self._bridge is not None:
            going_on = continued(_floats(self._history()), self._period, overlap)
        else:
            gain = GAIN[start - 1] if start < FADE_SAMPLES else np.float32(0)
            noise = _floats(self._noise.take(overlap))
            going_on = self._onward[start : start + overlap] * gain + noise * (1 - gain)
        ramp = rising(overlap)
        audio[:overlap] = audio[:overlap] * ramp + going_on * (1 - ramp)
        return _pcm(audio)


def _floats(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, np.int16).astype(np.float32)


def _pcm(samples: Samples) -> bytes:
    pcm: bytes = np.rint(samples.clip(-32768, 32767)).astype(np.int16).tobytes()
    return pcm
