"""What was sent, beside what is heard, so that an echo keeps its delay. Pure.

A canceller learns the way there and back, so the two must not slip against each other. Both are
lines of samples without holes: one sample of the one belongs to one of the other, however unevenly
packets come. Only where a line ran ahead of the clock, or fell behind it for long (the clocks
drift, playout grows), is it set anew, and the canceller learns again.
"""

from typing import Final

import numpy as np

__all__ = ["EchoCursor", "SentLine"]

SAMPLE_BYTES: Final = 2
TICK_SAMPLES: Final = 160
KEPT_SAMPLES: Final = 8000
"""A second: no line falls further behind."""
WRITTEN_LIMIT: Final = 2 * 8000 * SAMPLE_BYTES
"""Two seconds: a stream takes far less."""
SLACK_SAMPLES: Final = 160
"""20 ms: so far behind a line may stay."""
PATIENCE_SAMPLES: Final = 5 * 8000
"""Five seconds in which it was always further behind."""
DUCKED: Final = 4
"""12 dB."""


class SentLine:
    """Makes one line, a tick of 20 ms after the other, of what was written and then played.

    Attributes:
        end: Samples that have gone by.
        ducked: What is sent is 12 dB lower.
    """

    def __init__(self) -> None:
        self.end = 0
        self.ducked = False
        self._written = bytearray()  # and not yet played
        self._line = bytearray(KEPT_SAMPLES * SAMPLE_BYTES)
        self._known = 0  # samples of the line; the rest, up to the end, is silence so far

    def write(self, pcm: bytes) -> None:
        """Take note of what is being written to the stream."""
        self._written += pcm
        del self._written[:-WRITTEN_LIMIT]

    def drop(self, samples: int) -> None:
        """Forget the last samples that were written: they were flushed."""
        del self._written[max(len(self._written) - samples * SAMPLE_BYTES, 0) :]

    def tick(self, played: int) -> None:
        """Let 20 ms pass.

        Args:
            played: Written samples that left, as far as that is known by now.
        """
        self.end += TICK_SAMPLES
        pcm = bytes(self._written[: played * SAMPLE_BYTES])
        if not pcm:
            return
        del self._written[: len(pcm)]
        if self.ducked:
            pcm = _lowered(pcm)
        silence = max(self.end - self._known - len(pcm) // SAMPLE_BYTES, 0)
        self._line += bytes(min(silence, KEPT_SAMPLES) * SAMPLE_BYTES) + pcm
        self._known += silence + len(pcm) // SAMPLE_BYTES
        del self._line[: -KEPT_SAMPLES * SAMPLE_BYTES]

    def read(self, start: int, samples: int) -> bytes:
        """Return so many samples from that place on; zeros where nothing is known."""
        first = start - (self._known - KEPT_SAMPLES)
        before = min(max(-first, 0), samples)
        begin, end = max(first, 0), max(first + samples, 0)
        found = bytes(self._line[begin * SAMPLE_BYTES : end * SAMPLE_BYTES])
        pcm = bytes(before * SAMPLE_BYTES) + found
        return pcm + bytes(samples * SAMPLE_BYTES - len(pcm))


class EchoCursor:
    """Walks along what was sent, as far as is heard.

    Args:
        line: What was sent.

    Attributes:
        moves: How often it was set anew.
    """

    def __init__(self, line: SentLine) -> None:
        self.moves = 0
        self._line = line
        self._place: int | None = None
        self._least = KEPT_SAMPLES  # that it was behind, of late
        self._watched = 0

    def take(self, samples: int) -> bytes:
        """Return what was sent beside the next samples heard."""
        if self._place is None:
            self._place = self._line.end - samples
        behind = self._line.end - (self._place + samples)
        self._least = min(self._least, behind)
        self._watched += samples
        settled = behind >= 0 and self._watched < PATIENCE_SAMPLES
        if not settled:
            if behind < 0 or self._least > SLACK_SAMPLES:
                self._place += self._least
                self.moves += 1
            self._least, self._watched = KEPT_SAMPLES, 0
        pcm = self._line.read(self._place, samples)
        self._place += samples
        return pcm


def _lowered(pcm: bytes) -> bytes:
    samples = np.frombuffer(pcm, "<i2")
    return np.rint(samples * np.float32(1 / DUCKED)).astype("<i2").tobytes()
