"""Voices that take each other's place within an answer."""

import asyncio
import math
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field

from pipecat.frames.frames import (
    CancelFrame,
    ControlFrame,
    EndFrame,
    ErrorFrame,
    Frame,
    InterruptionFrame,
    MetricsFrame,
    StartFrame,
    TTSAudioRawFrame,
    TTSUpdateSettingsFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TTSService

from pipelines import speech
from pipelines.fallback.chain import Ladder
from pipelines.fallback.health import ServiceHealth
from pipelines.fallback.reason import reason_of
from pipelines.fallback.rung import Rung, RungParams
from pipelines.fallback.trim import SilenceTrimmer
from pipelines.ports import FailureListener
from pipelines.services.voice import WordTeller, WordTimes

FIRST_SOUND_SECONDS = 1.0
"""So long a voice may be silent, at its start or within a sentence, unless set."""

LAST_SOUND_SECONDS = 2.5
"""So long at least the last voice is waited for: nobody would take its place."""

SILENCE_SAMPLES = speech.TELEPHONE_RATE * 3 // 2
"""So much silent audio at the start of a sentence is no pause any more."""


@dataclass(slots=True)
class _Spoken:
    """One context's audio, in seconds: what was passed on, and what each voice believes it sent."""

    context_id: str = ""
    passed_on: float = 0.0
    by_rung: dict[str, float] = field(default_factory=dict)

    def ahead_of(self, rung: Rung) -> float:
        """Seconds that the rung does not know of when it counts; below 0 if some were dropped."""
        return self.passed_on - self.by_rung.get(rung.params.key, 0.0)

    def sent(self, rung: Rung, seconds: float) -> None:
        self.by_rung[rung.params.key] = self.by_rung.get(rung.params.key, 0.0) + seconds


@dataclass(slots=True)
class _Sentence:
    """What one voice is saying.

    Attributes:
        rung: The voice.
        ahead: Added to the times of its words, but for the silence that is dropped.
        skip: Words that another voice already said of it.
        words: Those whose audio has not been passed on, with their times.
    """

    rung: Rung
    ahead: float
    skip: int = 0
    trimmer: SilenceTrimmer = field(default_factory=SilenceTrimmer)
    words: deque[tuple[str, float]] = field(default_factory=deque)

    def add(self, words: WordTimes) -> None:
        for word in words:
            if self.skip:
                self.skip -= 1
            else:
                self.words.append(word)

    def spoken_by(self, seconds: float) -> list[tuple[str, float]]:
        """Take the words that begin before ``seconds`` of the context's audio."""
        shift = self.ahead - self.trimmer.dropped_samples / speech.TELEPHONE_RATE
        taken = []
        while self.words and max(0.0, self.words[0][1] + shift) < seconds:
            word, at = self.words.popleft()
            taken.append((word, max(0.0, at + shift)))
        return taken


@dataclass
class _BrokenOffFrame(ControlFrame):
    """Behind what was heard of a sentence that nobody could say to its end."""


class VoiceChain(TTSService):
    """Lets the next voice speak a sentence when one errors, hangs or sends silence.

    Audio is held back until the first sound in it, and the silence that cloud voices put
    around a sentence is taken away.

    Args:
        params: The voices, the preferred one first.
        health: Shared by all conversations.
        listener: Is told of each switch.
        language: BCP 47 tag.
    """

    def __init__(
        self,
        params: Sequence[RungParams],
        *,
        health: ServiceHealth,
        listener: FailureListener,
        language: str,
    ) -> None:
        super().__init__(
            push_start_frame=True,
            push_stop_frames=True,
            push_text_frames=False,
            sample_rate=speech.TELEPHONE_RATE,
            settings=TTSSettings(model="chain", voice="chain", language=language),
        )
        self._ladder = Ladder(
            "tts", params, health=health, listener=listener, outlet=self._came_out, owner=self
        )
        self._spoken = _Spoken()
        self._sentence: _Sentence | None = None
        self._words_said = 0

    async def cleanup(self) -> None:
        """Close the voices."""
        await super().cleanup()  # type: ignore[no-untyped-call]
        await self._ladder.close()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Start and stop the voices with the chain."""
        if isinstance(frame, StartFrame):
            self._ladder.start(frame)
        await super().process_frame(frame, direction)
        if isinstance(frame, InterruptionFrame | EndFrame | CancelFrame):
            self._sentence = None
            await self._ladder.put_to_all(frame, direction)
        elif isinstance(frame, TTSUpdateSettingsFrame):
            await self._ladder.put_to_all(frame, direction)

    async def push_frame(
        self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM
    ) -> None:
        """Push a frame; have the rest of a sentence that broke off taken for done.

        Else Pipecat tells all of it when the answer is over: as words whose times a voice forgot.
        """
        if not isinstance(frame, _BrokenOffFrame):
            await super().push_frame(frame, direction)
            return
        for behind in self._aggregated_frame_sequencer.complete_spoken_slot():
            await super().push_frame(behind)

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Speak a text with the first voice that can.

        Args:
            text: One sentence or several.
            context_id: Of the turn it belongs to.

        Yields:
            Audio, from its first sound on; an error if nobody can speak.
        """
        if not any(character.isalnum() for character in text):
            yield _nothing(context_id)  # some voices take a dash for an error
            return
        if self._spoken.context_id != context_id:
            self._spoken = _Spoken(context_id)
        candidates = list(self._ladder.order())
        reason = ""
        self._words_said = 0
        for rung, following in zip(candidates, [*candidates[1:], None], strict=True):
            patience = rung.params.first_byte_seconds
            if following is None:
                patience = max(patience, LAST_SOUND_SECONDS)
            sentence = _Sentence(rung, self._spoken.ahead_of(rung), self._words_said)
            try:
                async for frame in self._speak(sentence, text, context_id, patience):
                    yield frame
            except _Failed as failed:
                reason = str(failed)
                self._ladder.report(rung, reason, following)
                self._spoken.by_rung.pop(rung.params.key, None)  # it is made anew
            else:
                self._ladder.worked(rung)
                return
            finally:
                if self._sentence is sentence:
                    self._sentence = None
        yield _nothing(context_id)
        yield _BrokenOffFrame()
        yield ErrorFrame(error=f"no voice works: {candidates[-1].name}: {reason}")

    async def _speak(
        self, sentence: _Sentence, text: str, context_id: str, patience: float
    ) -> AsyncIterator[Frame]:
        """Let one voice speak.

        Raises:
            _Failed: It does not, or not to the end.
        """
        rung, trimmer = sentence.rung, sentence.trimmer
        service = await self._opened(rung, patience)
        self._sentence = sentence
        await service.start_ttfb_metrics()
        async for frame in _patiently(service.run_tts(text, context_id), patience):
            if isinstance(frame, ErrorFrame):
                raise _Failed(frame.error)
            if not isinstance(frame, TTSAudioRawFrame):
                continue
            self._spoken.sent(rung, _seconds(frame.audio))
            audio = trimmer.feed(frame.audio)
            if audio:
                await service.stop_ttfb_metrics()
                yield await self._pass_on(audio, sentence, context_id)
            elif not trimmer.is_heard and trimmer.quiet_samples > SILENCE_SAMPLES:
                raise _Failed("sends silence")
        if not trimmer.is_heard:
            raise _Failed("sent no sound")
        if audio := trimmer.finish():
            yield await self._pass_on(audio, sentence, context_id)
        await self._tell(sentence.spoken_by(math.inf), context_id)

    async def _opened(self, rung: Rung, patience: float) -> TTSService:
        try:
            async with asyncio.timeout(patience):
                await self._ladder.open(rung)
        except TimeoutError:
            raise _Failed("does not start") from None
        except Exception as error:
            raise _Failed(f"cannot start: {reason_of(error)}") from error
        service = rung.service
        if not isinstance(service, TTSService):
            raise _Failed("is not a voice")
        if isinstance(service, WordTeller):
            service.tell_words_to(self._take_words)
        return service

    async def _pass_on(self, audio: bytes, sentence: _Sentence, context_id: str) -> Frame:
        self._spoken.passed_on += _seconds(audio)
        await self._tell(sentence.spoken_by(self._spoken.passed_on), context_id)
        return TTSAudioRawFrame(audio, speech.TELEPHONE_RATE, 1, context_id=context_id)

    async def _take_words(self, words: WordTimes, context_id: str | None) -> None:
        if self._sentence and context_id == self._spoken.context_id:
            self._sentence.add(words)

    async def _tell(self, words: list[tuple[str, float]], context_id: str) -> None:
        self._words_said += len(words)
        if words:
            await self.add_word_timestamps(words, context_id)

    async def _came_out(self, rung: Rung, frame: Frame, direction: FrameDirection) -> None:
        """Ignore most of what a voice pushes by itself: its audio is yielded, its errors too."""
        if isinstance(frame, MetricsFrame):
            await self.push_frame(frame, direction)
            return
        is_speaking = self._sentence is not None and self._sentence.rung is rung
        if is_speaking or not isinstance(frame, ErrorFrame):
            return
        if self._ladder.note_error(rung, frame.error):
            self._spoken.by_rung.pop(rung.params.key, None)


class _Failed(Exception):
    """A voice does not speak; the text says why."""


async def _patiently(
    frames: AsyncGenerator[Frame | None, None], patience: float
) -> AsyncIterator[Frame]:
    """Pass frames on, unless one does not come in time.

    Raises:
        _Failed: It does not come in time, or the voice raised something.
    """
    try:
        while True:
            try:
                async with asyncio.timeout(patience):
                    frame = await anext(frames)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise _Failed(f"silent for {patience:.1f} s") from None
            except Exception as error:
                raise _Failed(reason_of(error)) from error
            if frame is not None:
                yield frame
    finally:
        await frames.aclose()


def _nothing(context_id: str) -> Frame:
    """Return silence: Pipecat waits 3 s for the sound of a context that had none at its end."""
    return TTSAudioRawFrame(bytes(320), speech.TELEPHONE_RATE, 1, context_id=context_id)


def _seconds(audio: bytes) -> float:
    return len(audio) / 2 / speech.TELEPHONE_RATE
