"""Cuts a caller's audio into utterances by its energy. Pure: media time only."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

__all__ = ["Ended", "Grew", "Hearing", "Started"]

FRAME_SECONDS: Final = 0.02
LOUD_RMS: Final = 250.0
"""Of 16-bit samples: -42 dBFS, above a telephone line's noise."""
ONSET_FRAMES: Final = 3
PRE_ROLL_SECONDS: Final = 0.3
SILENCE_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Started:
    """Somebody begins to speak, `offset_seconds` into the audio."""

    offset_seconds: float


@dataclass(frozen=True, slots=True)
class Grew:
    """The utterance goes on: `seconds` since it began at `offset_seconds`."""

    offset_seconds: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Ended:
    """The utterance is over.

    Attributes:
        offset_seconds: Where it began.
        seconds: How long it was, with the silence that ended it.
        pcm: 16-bit little-endian mono, a little of what was before it included.
    """

    offset_seconds: float
    seconds: float
    pcm: bytes


@dataclass(slots=True)
class Hearing:
    """A stream of 16-bit little-endian mono audio in the course of being cut.

    Attributes:
        sample_rate_hz: Of the audio.
        silence_seconds: So much of it ends an utterance.
        ends_after_seconds: The next utterance begins with the next sample, however quiet, and
            ends after so long; None goes by the energy.
    """

    sample_rate_hz: int
    silence_seconds: float = SILENCE_SECONDS
    ends_after_seconds: float | None = None
    _rest: bytes = b""
    _heard_bytes: int = 0
    _before: bytes = b""
    _utterance: bytearray = field(default_factory=bytearray)
    _offset_seconds: float | None = None
    _loud_frames: int = 0
    _quiet_frames: int = 0

    @property
    def seconds(self) -> float:
        """All the audio so far."""
        return self._seconds(self._heard_bytes)

    def hear(self, pcm: bytes) -> Iterator[Started | Grew | Ended]:
        """Take audio of any length in, as far as is iterated; it is looked at every 20 ms."""
        size = 2 * round(self.sample_rate_hz * FRAME_SECONDS)
        data = self._rest + pcm
        whole = len(data) // size * size
        self._rest = data[whole:]
        for start in range(0, whole, size):
            yield from self._frame(data[start : start + size])

    def so_far(self) -> bytes:
        """Return the audio of the utterance that somebody is in the middle of."""
        return bytes(self._utterance)

    def finish(self) -> list[Started | Grew | Ended]:
        """End the utterance that somebody is in the middle of."""
        return self._end() if self._offset_seconds is not None else []

    def _frame(self, frame: bytes) -> list[Started | Grew | Ended]:
        self._heard_bytes += len(frame)
        loud = self.ends_after_seconds is not None or _rms(frame) >= LOUD_RMS
        self._loud_frames = self._loud_frames + 1 if loud else 0
        if self._offset_seconds is None:
            return self._listen(frame)
        self._quiet_frames = 0 if loud else self._quiet_frames + 1
        self._utterance += frame
        limit = self.ends_after_seconds
        lasted = self.seconds - self._offset_seconds
        if self._quiet_frames * FRAME_SECONDS >= self.silence_seconds or (
            limit is not None and lasted >= limit
        ):
            return self._end()
        return [Grew(self._offset_seconds, lasted)]

    def _listen(self, frame: bytes) -> list[Started | Grew | Ended]:
        self._before += frame
        needed = 1 if self.ends_after_seconds is not None else ONSET_FRAMES
        if self._loud_frames < needed:
            kept = 2 * round(self.sample_rate_hz * PRE_ROLL_SECONDS)
            self._before = self._before[-kept:]
            return []
        self._offset_seconds = max(0.0, self.seconds - needed * FRAME_SECONDS)
        self._utterance = bytearray(self._before)
        self._before = b""
        self._quiet_frames = 0
        return [Started(self._offset_seconds)]

    def _end(self) -> list[Started | Grew | Ended]:
        offset = self._offset_seconds or 0.0
        ended = Ended(offset, self.seconds - offset, bytes(self._utterance))
        self._offset_seconds = None
        self._utterance.clear()
        self._loud_frames = 0
        return [ended]

    def _seconds(self, size: int) -> float:
        return size / (2 * self.sample_rate_hz)


def _rms(frame: bytes) -> float:
    samples = np.frombuffer(frame, "<i2").astype(np.float64)
    return float(np.sqrt(np.mean(samples * samples)))
