"""What a fake recognition understands: texts from a script, or what a real recogniser hears."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import soxr
from numpy.typing import NDArray

__all__ = [
    "RealRecogniser",
    "Recogniser",
    "ScriptedRecogniser",
    "Transcribe",
    "Transcript",
    "Utterance",
    "by_model",
]

Transcribe = Callable[[bytes, int, str], str]
"""From 16-bit little-endian mono audio, its rate in Hz and a BCP 47 tag to text."""

WORD_SECONDS: Final = 0.3
"""A scripted text grows by a word so often."""


MODEL_RATE_HZ: Final = 16_000
FULL_SCALE: Final = 32768.0


class Transcript(Protocol):
    """One utterance in the course of being understood."""

    @property
    def ends_after_seconds(self) -> float | None:
        """How long it lasts, whatever is heard; None goes by the energy."""

    def due(self, seconds: float) -> bool:
        """Return whether `so_far` may have something new after so many seconds of speech."""

    async def so_far(self, pcm: bytes, sample_rate_hz: int, seconds: float) -> str:
        """Return what `seconds` of speech are so far, empty for nothing new."""

    async def final(self, pcm: bytes, sample_rate_hz: int) -> str:
        """Return what the whole utterance was, empty for nothing."""

    def abandon(self) -> None:
        """Nobody will ask for the end of it: the connection broke."""


class Recogniser(Protocol):
    """Understands utterances."""

    def begin(self, language: str) -> Transcript:
        """Begin a new utterance in a language, a BCP 47 tag or empty."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One scripted utterance.

    Attributes:
        text: Its final text; empty is an utterance that nobody understood.
        interims: After how many seconds of speech which text stands; None grows by words.
        ends_after_seconds: It ends after so much audio, however quiet; None ends in silence.
    """

    text: str
    interims: tuple[tuple[float, str], ...] | None = None
    ends_after_seconds: float | None = None

    def texts(self) -> tuple[tuple[float, str], ...]:
        """Return after how many seconds which interim text stands."""
        if self.interims is not None:
            return self.interims
        words = self.text.split()
        return tuple(
            (count * WORD_SECONDS, " ".join(words[:count])) for count in range(1, len(words))
        )


class ScriptedRecogniser:
    """Understands one text of a list after the other, whatever is said and on which connection.

    An utterance whose connection breaks is understood by the next one.
    """

    def __init__(self, utterances: Iterable[str | Utterance] = (), *, otherwise: str = "") -> None:
        """Take the list.

        Args:
            utterances: In order.
            otherwise: What is understood after the list's end.
        """
        self._otherwise = otherwise
        self._coming: deque[Utterance] = deque()
        self.expect(*utterances)

    def expect(self, *utterances: str | Utterance) -> None:
        """Understand these next, after those still to come."""
        for each in utterances:
            self._coming.append(each if isinstance(each, Utterance) else Utterance(each))

    def begin(self, language: str) -> Transcript:
        """Take the next of the list."""
        del language
        if self._coming:
            return _Scripted(self._coming.popleft(), self._coming.appendleft)
        return _Scripted(Utterance(self._otherwise), lambda _: None)


class _Scripted:
    def __init__(self, utterance: Utterance, give_back: Callable[[Utterance], None]) -> None:
        self._utterance = utterance
        self._give_back = give_back
        self._texts = deque(utterance.texts())

    @property
    def ends_after_seconds(self) -> float | None:
        return self._utterance.ends_after_seconds

    def due(self, seconds: float) -> bool:
        return bool(self._texts) and self._texts[0][0] <= seconds

    async def so_far(self, pcm: bytes, sample_rate_hz: int, seconds: float) -> str:
        del pcm, sample_rate_hz
        return self._texts.popleft()[1] if self.due(seconds) else ""

    async def final(self, pcm: bytes, sample_rate_hz: int) -> str:
        del pcm, sample_rate_hz
        return self._utterance.text

    def abandon(self) -> None:
        self._give_back(self._utterance)


def by_model(
    recognise: Callable[[NDArray[np.float32]], str], model_rate_hz: int = MODEL_RATE_HZ
) -> Transcribe:
    """Return a function for `RealRecogniser` of a model that hears floats.

    Args:
        recognise: From mono samples between -1 and 1 to text, in one language.
        model_rate_hz: Of those samples.
    """

    def transcribe(pcm: bytes, sample_rate_hz: int, language: str) -> str:
        del language
        samples = np.frombuffer(pcm, "<i2").astype(np.float32) / FULL_SCALE
        return recognise(soxr.resample(samples, sample_rate_hz, model_rate_hz))

    return transcribe


class RealRecogniser:
    """Understands by means of a function, which runs in a thread."""

    def __init__(self, transcribe: Transcribe, *, interim_seconds: float | None = None) -> None:
        """Take the function.

        Args:
            transcribe: What understands.
            interim_seconds: It is also asked after each so many seconds of speech; None asks it
                for final texts only.
        """
        self._transcribe = transcribe
        self._interim_seconds = interim_seconds

    def begin(self, language: str) -> Transcript:
        """Begin a new utterance."""
        return _Real(self._transcribe, self._interim_seconds, language)


class _Real:
    ends_after_seconds: float | None = None

    def __init__(self, transcribe: Transcribe, interim: float | None, language: str) -> None:
        self._transcribe = transcribe
        self._interim_seconds = interim
        self._language = language
        self._asked_at = 0.0
        self._text = ""

    def due(self, seconds: float) -> bool:
        step = self._interim_seconds
        return step is not None and seconds >= self._asked_at + step

    async def so_far(self, pcm: bytes, sample_rate_hz: int, seconds: float) -> str:
        self._asked_at = seconds
        text = await self.final(pcm, sample_rate_hz)
        if text == self._text:
            return ""
        self._text = text
        return text

    async def final(self, pcm: bytes, sample_rate_hz: int) -> str:
        return await asyncio.to_thread(self._transcribe, pcm, sample_rate_hz, self._language)

    def abandon(self) -> None:
        pass
