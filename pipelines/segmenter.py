"""A caller's speech cut into pieces that a recogniser's window holds (pure).

The microphone never stops, so what comes before speech is kept for a second: the verdict
"speech" comes late. Within speech that is longer than the window, the cut is made where
it is quietest, best at a pause.
"""

import numpy as np

BYTES_PER_SECOND = 16_000
"""16-bit mono at 8 kHz."""
FRAME_BYTES = 320
"""20 ms, the grain in which the quietest place is searched."""

PRE_ROLL_SECONDS = 1.0
"""Kept before the verdict: with 0.4 s a first word was cut, and models want leading silence."""
TRAILING_SECONDS = 0.5
"""Of silence after the last piece, so that the model hears the end of the last word."""
TRAILING_SILENCE = bytes(int(TRAILING_SECONDS * BYTES_PER_SECOND))
SOFT_LIMIT_SECONDS = 8.0
"""From here on the first pause is taken for a cut."""
HARD_LIMIT_SECONDS = 10.0
"""Here the quietest place since half of the soft limit is taken."""
PAUSE_SECONDS = 0.1
"""So long below ``PAUSE_RATIO`` of the piece's loudness counts as a pause."""
PAUSE_RATIO = 0.15


RISE = 2.0
"""A frame is a new sound, and not the end of one, if it is so much louder than what is between."""
FAINTEST_RATIO = 0.03
"""Of the piece's loudness; a new sound that is fainter is none."""
NOISE_RATIO = 3.0
"""Likewise, of the line's own noise."""
QUIET_FRAMES = 2
"""So many behind a new sound say that it is over."""


class Segmenter:
    """Buffers one call's audio; at most ``HARD_LIMIT_SECONDS`` of it."""

    def __init__(self) -> None:
        self._audio = bytearray()
        self._speaking = False
        self._levels: list[float] = []  # RMS of each whole 20 ms frame of ``_audio``

    @property
    def seconds(self) -> float:
        """How much is buffered."""
        return len(self._audio) / BYTES_PER_SECOND

    def start(self) -> None:
        """Begin a segment: what was buffered is its pre-roll."""
        self._speaking = True

    def feed(self, pcm: bytes) -> bytes | None:
        """Take audio (16-bit little-endian mono at 8 kHz, any length).

        Returns:
            A piece to recognise now, if speech has outgrown the window.
        """
        self._audio += pcm
        if not self._speaking:
            excess = len(self._audio) - int(PRE_ROLL_SECONDS * BYTES_PER_SECOND)
            if excess > 0:
                del self._audio[:excess]
            return None
        if self.seconds < SOFT_LIMIT_SECONDS:
            return None
        return self._cut_if_due()

    def so_far(self) -> bytes:
        """Return what :meth:`stop` would, and go on; nothing outside a segment."""
        if not self._speaking:
            return b""
        return bytes(self._audio) + TRAILING_SILENCE

    def sounded_since(self, length: int) -> bool:
        """Whether something was said behind the first ``length`` bytes of the piece.

        The end of a word may be a sound of its own, such as the last one of "locked": a burst
        of air after a pause, in which a voice activity detector hears no voice.
        """
        return bool(self._new_sounds(length))

    def sounded_and_over(self, length: int) -> bool:
        """Likewise, and it has been quiet for two frames of 20 ms since."""
        sounds = self._new_sounds(length)
        return bool(sounds) and sounds[-1] < len(self._levels) - QUIET_FRAMES

    def _new_sounds(self, length: int) -> list[int]:
        """Return which 20 ms frames behind a place are not the end of what was before it."""
        levels = self._measure()
        place = length // FRAME_BYTES
        if not 0 < place < len(levels):
            return []
        quietest, sounds = levels[place - 1], []
        for number, level in enumerate(levels[place:], place):
            if level > RISE * quietest:
                sounds.append(number)
            quietest = min(quietest, level)
        if not sounds:
            return []
        loud = float(np.percentile(levels, 90))
        faintest = max(FAINTEST_RATIO * loud, NOISE_RATIO * min(levels))
        return [number for number in sounds if levels[number] > faintest]

    def stop(self) -> bytes:
        """End the segment.

        Returns:
            What is left of it, with trailing silence.
        """
        self._speaking = False
        piece = bytes(self._audio) + TRAILING_SILENCE
        self._clear()
        return piece

    def _clear(self) -> None:
        self._audio.clear()
        self._levels.clear()

    def _cut_if_due(self) -> bytes | None:
        levels = self._measure()
        pause = int(PAUSE_SECONDS * BYTES_PER_SECOND) // FRAME_BYTES
        loud = float(np.percentile(levels, 90))
        quiet = levels[-pause:]
        if max(quiet) < PAUSE_RATIO * loud:
            return self._take(len(self._audio))
        if self.seconds < HARD_LIMIT_SECONDS:
            return None
        first = int(SOFT_LIMIT_SECONDS / 2 * BYTES_PER_SECOND) // FRAME_BYTES
        smooth = np.convolve(levels[first:], np.ones(pause) / pause, mode="same")
        return self._take((first + int(np.argmin(smooth))) * FRAME_BYTES)

    def _measure(self) -> list[float]:
        whole = len(self._audio) // FRAME_BYTES
        if whole > len(self._levels):
            new = bytes(self._audio[len(self._levels) * FRAME_BYTES : whole * FRAME_BYTES])
            frames = np.frombuffer(new, "<i2").astype(np.float32).reshape(-1, FRAME_BYTES // 2)
            self._levels.extend(float(level) for level in np.sqrt((frames**2).mean(axis=1)))
        return self._levels

    def _take(self, length: int) -> bytes:
        piece = bytes(self._audio[:length]) + TRAILING_SILENCE
        del self._audio[:length]
        self._levels.clear()
        return piece


def join(texts: list[str]) -> str:
    """Join the texts of a segment's pieces."""
    return " ".join(text.strip() for text in texts if text.strip())
