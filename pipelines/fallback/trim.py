"""The silence around a sentence, taken away while the sentence streams."""

import numpy as np

from pipelines.speech import TELEPHONE_RATE

AUDIBLE = 100
"""Samples of 16 bits beyond this are sound, -50 dBFS; the noise of voices is below it."""

HEAD_SAMPLES = TELEPHONE_RATE // 50
TAIL_SAMPLES = TELEPHONE_RATE * 15 // 100
"""Of the silence at both ends this much stays: cloud voices send up to a second."""


class SilenceTrimmer:
    """Drops silence ahead of the first sound and behind the last one; keeps pauses between.

    Attributes:
        dropped_samples: Taken away at the beginning.
        is_heard: Whether there was a sound.
    """

    def __init__(self) -> None:
        self.dropped_samples = 0
        self.is_heard = False
        self._quiet = b""
        self._half = b""

    @property
    def quiet_samples(self) -> int:
        """Silence that is held back, or was dropped ahead of the first sound."""
        return self.dropped_samples + len(self._quiet) // 2

    def feed(self, pcm: bytes) -> bytes:
        """Take audio, 16-bit little-endian mono at 8 kHz; returns what is known to stay."""
        pcm = self._quiet + self._half + pcm
        pcm, self._half = pcm[: len(pcm) // 2 * 2], pcm[len(pcm) // 2 * 2 :]
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.int32)
        audible = np.flatnonzero(np.abs(samples) > AUDIBLE)
        start = 0
        if not self.is_heard:
            first = int(audible[0]) if audible.size else len(samples)
            start = max(0, first - HEAD_SAMPLES)
            self.dropped_samples += start
        if not audible.size:
            self._quiet = pcm[2 * start :]
            return b""
        self.is_heard = True
        end = int(audible[-1]) + 1
        self._quiet = pcm[2 * end :]
        return pcm[2 * start : 2 * end]

    def finish(self) -> bytes:
        """Return what stays of the silence at the end."""
        quiet, self._quiet = self._quiet, b""
        return quiet[: 2 * TAIL_SAMPLES] if self.is_heard else b""
