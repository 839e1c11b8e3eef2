"""When and how far the playout delay is corrected, and how that stays unheard."""

from transports.audio.fade import cross_fade
from transports.audio.level import level_dbfs
from transports.rtp.events import FRAME_SAMPLES

__all__ = ["LONGEST_PUT_IN", "Retiming", "lengthened", "shortened"]

PAUSE_DBFS = -45.0
"""Below it a frame is a pause, where a correction is not heard."""

NOISY_PAUSE_DB = 12.0
"""On a loud line, a frame so much below the loudest one of late is a pause too."""

LEARNING = 10
"""Frames to have listened to before that is known."""

LONG = 3 * FRAME_SAMPLES

LONGEST_PUT_IN = FRAME_SAMPLES // 2
LONGEST_LEFT_OUT = FRAME_SAMPLES
"""Samples of one correction: as long as there is room to cross over."""

PATIENCE = 50
SHORT_PATIENCE = 10
LONG_PATIENCE = 5
"""Frames to wait for a pause before speech is corrected: a second; a fifth of it where packets
come too late; a tenth where three frames and more delay every answer."""


class Retiming:
    """Waits for a pause, though not forever."""

    __slots__ = ("_loudest", "_waited")

    def __init__(self) -> None:
        self._waited = 0
        self._loudest = 0.0

    def samples(self, surplus: int, last_pcm: bytes) -> int:
        """Return how many samples to leave out now (positive) or to put in (negative).

        Args:
            surplus: Samples by which the delay is too long, or too short if negative; not 0.
            last_pcm: The last frame that was played, 16-bit.
        """
        self._waited += 1
        if not self._may(surplus, level_dbfs(last_pcm)):
            return 0
        return max(min(surplus, LONGEST_LEFT_OUT), -LONGEST_PUT_IN)

    def done(self) -> None:
        """Take note that it was done."""
        self._waited = 0

    def _may(self, surplus: int, level: float) -> bool:
        """Say whether nobody hears it, or it cannot wait."""
        if self._waited == 1:
            self._loudest = level
        self._loudest = max(self._loudest, level)
        if level <= PAUSE_DBFS:
            return True
        if self._waited > LEARNING and level < self._loudest - NOISY_PAUSE_DB:
            return True
        if surplus < 0:
            return self._waited >= SHORT_PATIENCE
        return self._waited >= (LONG_PATIENCE if surplus >= LONG else PATIENCE)


def shortened(pcm: bytes) -> bytes:
    """Return 20 ms that begin as ``pcm`` begins and end as it ends; 20..40 ms of 16-bit audio."""
    return cross_fade(pcm[: 2 * FRAME_SAMPLES], pcm[-2 * FRAME_SAMPLES :])


def lengthened(before: bytes, pcm: bytes) -> bytes:
    """Return 20 ms that begin as ``pcm`` begins and end as it ends; 10..20 ms of 16-bit audio.

    Args:
        before: What was played before it, at least 10 ms.
        pcm: What is to be stretched.
    """
    again = before[len(pcm) - 2 * FRAME_SAMPLES :] + pcm
    return cross_fade(pcm, again[: len(pcm)]) + again[len(pcm) :]
