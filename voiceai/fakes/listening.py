"""One connection's ear: audio in, interim and final texts out."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from voiceai.fakes.hearing import SILENCE_SECONDS, Ended, Grew, Hearing, Started
from voiceai.fakes.recognisers import Recogniser, Transcript

__all__ = ["Final", "Interim", "Listening", "Onset", "Understood"]


@dataclass(frozen=True, slots=True)
class Onset:
    """Somebody begins to speak, `offset_seconds` into the connection's audio."""

    offset_seconds: float


@dataclass(frozen=True, slots=True)
class Interim:
    """A text that may yet change, of `seconds` of speech from `offset_seconds` on."""

    text: str
    offset_seconds: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Final:
    """A text that stands, empty if nothing was understood."""

    text: str
    offset_seconds: float
    seconds: float


Understood = Onset | Interim | Final


class Listening:
    """Audio of one connection in the course of being understood."""

    def __init__(
        self,
        recogniser: Recogniser,
        sample_rate_hz: int,
        language: str = "",
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        """Begin to listen.

        Args:
            recogniser: What understands.
            sample_rate_hz: Of the audio, which is 16-bit little-endian mono.
            language: BCP 47 tag.
            silence_seconds: So much of it ends an utterance.
        """
        self.language = language
        self._recogniser = recogniser
        self._rate = sample_rate_hz
        self._hearing = Hearing(sample_rate_hz, silence_seconds)
        self._transcript: Transcript | None = None

    @property
    def seconds(self) -> float:
        """All the audio so far."""
        return self._hearing.seconds

    async def hear(self, pcm: bytes) -> AsyncIterator[Understood]:
        """Take audio in and tell what is understood by it."""
        self._begin()
        for found in self._hearing.hear(pcm):
            async for understood in self._understand(found):
                yield understood
            self._begin()

    async def finish(self) -> AsyncIterator[Understood]:
        """Tell what the utterance was that somebody is in the middle of."""
        for found in self._hearing.finish():
            async for understood in self._understand(found):
                yield understood

    def abandon(self) -> None:
        """The connection broke."""
        if self._transcript:
            self._transcript.abandon()
            self._transcript = None

    def _begin(self) -> Transcript:
        if self._transcript is None:
            self._transcript = self._recogniser.begin(self.language)
            self._hearing.ends_after_seconds = self._transcript.ends_after_seconds
        return self._transcript

    async def _understand(self, found: Started | Grew | Ended) -> AsyncIterator[Understood]:
        transcript = self._begin()
        match found:
            case Started(offset):
                yield Onset(offset)
            case Ended(offset, seconds, pcm):
                self._transcript = None
                yield Final(await transcript.final(pcm, self._rate), offset, seconds)
            case Grew(offset, seconds):
                if not transcript.due(seconds):
                    return
                if text := await transcript.so_far(self._hearing.so_far(), self._rate, seconds):
                    yield Interim(text, offset, seconds)
