"""Voices that take each other's place within an answer."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    ErrorFrame,
    Frame,
    InterruptionFrame,
    StartFrame,
    TTSAudioRawFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TTSService

from pipelines import speech
from pipelines.fallback.chain import Ladder
from pipelines.fallback.health import ServiceHealth
from pipelines.fallback.rung import Rung, RungParams
from pipelines.ports import FailureListener

FIRST_SOUND_SECONDS = 1.0
"""So long a voice may be silent, at its start or within a sentence, unless set."""

AUDIBLE = 100
"""Samples of 16 bits beyond this are sound; the noise floor of voices is below it."""

SILENCE_SECONDS = 1.5
"""So much silent audio at the start of a sentence is no pause any more."""

WordTimes = Sequence[tuple[str, float]]


@runtime_checkable
class TellsWords(Protocol):
    """A voice that tells when each word is heard, to whoever speaks with it."""

    def tell_words_to(self, listener: "WordListener") -> None:
        """Call ``listener`` from now on, instead of keeping the times to itself."""
        ...


class WordListener(Protocol):
    """Takes the times of words."""

    async def __call__(self, words: WordTimes, context_id: str | None) -> None:
        """Take note of words and of the seconds, within the context's audio, when each starts."""
        ...


@dataclass(slots=True)
class _Spoken:
    """How much of a context's audio came from whom, in seconds."""

    context_id: str = ""
    total: float = 0.0
    by_rung: dict[str, float] = field(default_factory=dict)

    def add(self, rung: Rung, seconds: float) -> None:
        self.total += seconds
        self.by_rung[rung.params.key] = self.by_rung.get(rung.params.key, 0.0) + seconds

    def ahead_of(self, rung: Rung) -> float:
        """Seconds of the others' audio: what the rung does not know of when it counts."""
        return self.total - self.by_rung.get(rung.params.key, 0.0)


class VoiceChain(TTSService):
    """Lets the next voice speak a sentence when one errors, hangs or sends silence.

    Audio is held back until the first sound in it, which also takes away the silence that
    cloud voices put in front of a sentence.

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
        self._waiting_words: list[tuple[str, float]] = []
        self._speaks: Rung | None = None
        self._is_heard = False

    async def cleanup(self) -> None:
        """Close the voices."""
        await super().cleanup()  # type: ignore[no-untyped-call]
        await self._ladder.close()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Start and stop the voices with the chain."""
        if isinstance(frame, StartFrame):
            await self._ladder.start(frame)
        await super().process_frame(frame, direction)
        if isinstance(frame, InterruptionFrame | EndFrame | CancelFrame):
            self._speaks = None
            await self._ladder.put_to_all(frame, direction)

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Speak a text with the first voice that can.

        Args:
            text: One sentence or several.
            context_id: Of the turn it belongs to.

        Yields:
            Audio, from its first sound on; an error if nobody can speak.
        """
        if self._spoken.context_id != context_id:
            self._spoken = _Spoken(context_id)
        candidates = list(self._ladder.order())
        reason = ""
        for rung, following in zip(candidates, [*candidates[1:], None], strict=True):
            try:
                async for frame in self._speak(rung, text, context_id):
                    yield frame
            except _Failed as failed:
                reason = str(failed)
                self._ladder.report(rung, reason, following)
            else:
                self._ladder.worked(rung)
                return
            finally:
                self._speaks = None
        yield ErrorFrame(error=f"no voice works: {candidates[-1].name}: {reason}")

    async def _speak(self, rung: Rung, text: str, context_id: str) -> AsyncIterator[Frame]:
        """Let one voice speak.

        Raises:
            _Failed: It does not, or not to the end.
        """
        service = await self._opened(rung)
        self._speaks, self._is_heard = rung, False
        self._waiting_words.clear()
        quiet: list[Frame] = []
        quiet_seconds = 0.0
        async for frame in _patiently(service.run_tts(text, context_id), rung):
            if isinstance(frame, ErrorFrame):
                raise _Failed(frame.error)
            if not isinstance(frame, TTSAudioRawFrame):
                quiet.append(frame)
            elif self._is_heard or _is_audible(frame):
                for one in await self._be_heard(rung, context_id, quiet, frame):
                    yield one
                quiet.clear()
            else:
                quiet_seconds += _seconds(frame)
                quiet.append(frame)
                if quiet_seconds > SILENCE_SECONDS:
                    raise _Failed(f"{quiet_seconds:.1f} s of silence")
        if not self._is_heard and any(character.isalnum() for character in text):
            raise _Failed("sent no sound")

    async def _opened(self, rung: Rung) -> TTSService:
        try:
            async with asyncio.timeout(rung.params.first_byte_seconds):
                await self._ladder.open(rung)
        except TimeoutError:
            raise _Failed("does not start") from None
        except Exception as error:
            raise _Failed(f"cannot start: {error!r}") from error
        service = rung.service
        if not isinstance(service, TTSService):
            raise _Failed("is not a voice")
        if isinstance(service, TellsWords):
            service.tell_words_to(self._take_words)
        return service

    async def _be_heard(
        self, rung: Rung, context_id: str, quiet: list[Frame], frame: TTSAudioRawFrame
    ) -> list[Frame]:
        """Return what was held back and the frame; tell the words that were held back, too."""
        frames = [*quiet, frame]
        if not self._is_heard:
            self._is_heard = True
            words, self._waiting_words = self._waiting_words, []
            await self._tell(rung, words, context_id)
        for one in frames:
            if isinstance(one, TTSAudioRawFrame):
                self._spoken.add(rung, _seconds(one))
        return frames

    async def _take_words(self, words: WordTimes, context_id: str | None) -> None:
        if self._speaks is None or context_id != self._spoken.context_id:
            return
        if self._is_heard:
            await self._tell(self._speaks, words, context_id)
        else:
            self._waiting_words.extend(words)

    async def _tell(self, rung: Rung, words: WordTimes, context_id: str) -> None:
        ahead = self._spoken.ahead_of(rung)
        await self.add_word_timestamps([(word, at + ahead) for word, at in words], context_id)

    async def _came_out(self, rung: Rung, frame: Frame, direction: FrameDirection) -> None:
        """Ignore what a voice pushes by itself: its audio is yielded, its errors too."""
        del rung, frame, direction


class _Failed(Exception):
    """A voice does not speak; the text says why."""


async def _patiently(
    frames: AsyncGenerator[Frame | None, None], rung: Rung
) -> AsyncIterator[Frame]:
    """Pass frames on, unless one does not come in time.

    Raises:
        _Failed: It does not come in time, or the voice raised something.
    """
    patience = rung.params.first_byte_seconds
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
                raise _Failed(repr(error)) from error
            if frame is not None:
                yield frame
    finally:
        await frames.aclose()


def _is_audible(frame: TTSAudioRawFrame) -> bool:
    samples = np.frombuffer(frame.audio[: len(frame.audio) // 2 * 2], dtype="<i2")
    return bool(samples.size) and bool(np.abs(samples.astype(np.int32)).max() > AUDIBLE)


def _seconds(frame: TTSAudioRawFrame) -> float:
    return len(frame.audio) / 2 / frame.sample_rate
