"""Recognition by a model on this machine, of whole segments of speech.

Pipecat's ``SegmentedSTTService`` keeps a segment however long it gets and finalises each
transcript it pushes, which would end a turn in the middle of a long one. This one recognises
long speech in pieces while it goes on, and pushes one transcript at its end, an empty one if
nothing was understood: the turn is over all the same.

It may work ahead: at a pause within speech the piece so far is recognised, and if nothing but
quiet follows, the text is there when the end of speech is certain. A sound without voice that
ends the last word behind the pause is heard as well: the piece is recognised once more.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np
import soxr
from loguru import logger
from numpy.typing import NDArray
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    EndWorkerFrame,
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    StartFrame,
    SystemFrame,
    TranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.settings import STTSettings
from pipecat.services.stt_service import STTService
from pipecat.transcriptions.language import Language
from pipecat.utils.time import time_now_iso8601

from pipelines import segmenter
from pipelines.errors import RecognitionFailed
from pipelines.resources import Resources
from pipelines.segmenter import Segmenter

MODEL_RATE = 16_000
MAX_BEHIND_SECONDS = 10.0
"""Of speech that waits for the piece at work, buffered speech included: an answer to what is
older comes too late."""
MAX_FAILURES = 2
"""Of the model, in a row: a call is not kept up that nobody listens to."""


class Recogniser(Protocol):
    """A local model, used from one thread."""

    def recognise(self, samples: NDArray[np.float32]) -> str:
        """Return the text of mono samples of -1..1 at 16 kHz, at most 11 seconds. Blocks."""
        ...


@dataclass
class CallerPausedFrame(SystemFrame):
    """The caller pauses within speech; goes no further than the recognition it is queued into."""


@dataclass(frozen=True, slots=True)
class _Guess:
    """What is recognised ahead: everything said up to a pause.

    Attributes:
        length: Bytes of the piece, without the silence behind it.
        text: To be the piece's; None if the model fails.
    """

    length: int
    text: asyncio.Task[str | None]

    def covers(self, piece: bytes, quiet_seconds: float) -> bool:
        """Whether a whole piece adds nothing to it but the quiet at its end."""
        said = len(piece) - len(segmenter.TRAILING_SILENCE)
        more = (said - self.length) / segmenter.BYTES_PER_SECOND
        return 0 <= more <= quiet_seconds


@dataclass(eq=False, slots=True)
class _Piece:
    """What is to be recognised next.

    Attributes:
        audio: Of it, with trailing silence; nothing once it was dropped.
        last: Whether speech ended with it.
        guess: Its text, if it was recognised ahead.
    """

    audio: bytes
    last: bool
    guess: asyncio.Task[str | None] | None = None

    @property
    def seconds(self) -> float:
        """Of speech that still waits for the model."""
        if self.guess or not self.audio:
            return 0.0
        return len(self.audio) / segmenter.BYTES_PER_SECOND - segmenter.TRAILING_SECONDS


class LocalRecognition(STTService):
    """Recognises what lies between the VAD's frames.

    Args:
        recogniser: The shared model.
        resources: Whose recognition thread is used.
        language: BCP 47 tag.
        model: Its name, for metrics.
        latency: Seconds from the end of speech to the transcript, 99 of 100 times.
        ahead: Whether to recognise at pauses, for a model that is faster than the rest of the
            wait for the end of speech.

    Attributes:
        dropped_seconds: Speech that came too late for the model, and was not recognised.
    """

    def __init__(
        self,
        recogniser: Recogniser,
        resources: Resources,
        *,
        language: str,
        model: str,
        latency: float,
        ahead: bool = False,
    ) -> None:
        super().__init__(
            audio_passthrough=False,
            ttfs_p99_latency=latency,
            settings=STTSettings(model=model, language=Language(language)),
        )
        self._recogniser = recogniser
        self._resources = resources
        self._segmenter = Segmenter()
        self._ahead = ahead
        self._guess: _Guess | None = None
        self.dropped_seconds = 0.0
        self._pieces: deque[_Piece] = deque()  # the first one is at work
        self._more = asyncio.Event()
        self._texts: list[str] = []
        self._task: asyncio.Task[None] | None = None

    async def start(self, frame: StartFrame) -> None:
        """Start recognising what will be queued."""
        await super().start(frame)
        self._task = self.create_task(self._recognise_pieces())

    async def stop(self, frame: EndFrame) -> None:
        """Stop; what is still queued is no longer of use."""
        await self._end()
        await super().stop(frame)

    async def cancel(self, frame: CancelFrame) -> None:
        """Stop at once."""
        await self._end()
        await super().cancel(frame)

    async def process_audio_frame(
        self, frame: InputAudioRawFrame, direction: FrameDirection
    ) -> None:
        """Keep the caller's audio; queue a piece when speech outgrows the model's window."""
        del direction
        audio = self._segmenter.feed(frame.audio)
        if audio is not None:
            await self._forget_guess()  # of a piece that is no more
            self._queue(_Piece(audio, last=False))
        elif self._guess and self._segmenter.sounded_and_over(self._guess.length):
            self._recognise_ahead()
        self._drop_late()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Begin and end segments where the VAD says so."""
        if isinstance(frame, CallerPausedFrame):
            self._recognise_ahead()
            return
        await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStartedSpeakingFrame):
            self._segmenter.start()
        elif isinstance(frame, VADUserStoppedSpeakingFrame):
            guess = self._guess
            whole = guess is not None and not self._segmenter.sounded_since(guess.length)
            audio = self._segmenter.stop()
            if guess and whole and guess.covers(audio, frame.stop_secs):
                self._guess = None
                self._queue(_Piece(audio, last=True, guess=guess.text))
            else:
                await self._forget_guess()
                self._queue(_Piece(audio, last=True))

    async def caller_paused(self) -> None:
        """Recognise what was said so far, in case that it was all; behind audio on its way."""
        if self._ahead:
            await self.queue_frame(CallerPausedFrame())

    def _recognise_ahead(self) -> None:
        audio = self._segmenter.so_far()
        if audio and self._resources.is_idle("stt"):
            length = len(audio) - len(segmenter.TRAILING_SILENCE)
            self._guess = _Guess(length, self.create_task(self._text_of(audio)))

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        """Recognise audio (16-bit mono at 8 kHz) outside a segment, for Pipecat's own use."""
        text = await self._text_of(audio)
        if text:
            yield TranscriptionFrame(text, "", time_now_iso8601(), finalized=True)

    def _queue(self, piece: _Piece) -> None:
        self._pieces.append(piece)
        self._more.set()

    def _drop_late(self) -> None:
        """Drop the oldest speech that waits until the rest is recent; a turn ends all the same."""
        waiting = list(islice(self._pieces, 1, None))
        behind = self._segmenter.seconds + sum(piece.seconds for piece in waiting)
        for piece in waiting:
            if behind <= MAX_BEHIND_SECONDS:
                return
            if seconds := piece.seconds:
                behind -= seconds
                self.dropped_seconds += seconds
                piece.audio = b""
                logger.bind(seconds=seconds, in_all=self.dropped_seconds).warning("stt.dropped")

    async def _recognise_pieces(self) -> None:
        failures = 0
        while failures < MAX_FAILURES:
            while not self._pieces:
                self._more.clear()
                await self._more.wait()
            piece = self._pieces[0]
            text: str | None = ""
            if piece.audio:
                text = await (piece.guess or self._text_of(piece.audio))
                failures = failures + 1 if text is None else 0
            await self._tell(text or "", last=piece.last)
            self._pieces.popleft()
        logger.error("stt.given_up")
        await self.push_frame(EndWorkerFrame(reason="recognition failed"))

    async def _tell(self, text: str, *, last: bool) -> None:
        """Push what was understood of the segment so far; the last time even if it is nothing."""
        if not text and not last:
            return
        self._texts.append(text)
        whole = segmenter.join(self._texts)
        if last:
            self._texts.clear()
        arguments: dict[str, Any] = {"language": self._settings.language}
        if last:
            frame: Frame = TranscriptionFrame(
                whole, "", time_now_iso8601(), finalized=True, **arguments
            )
        else:
            frame = InterimTranscriptionFrame(whole, "", time_now_iso8601(), **arguments)
        await self.push_frame(frame)

    async def _text_of(self, piece: bytes) -> str | None:
        """Return a piece's text; None if the model failed, which is logged.

        Nothing is raised, because Pipecat's tasks swallow it.
        """
        log = logger.bind(seconds=round(len(piece) / segmenter.BYTES_PER_SECOND, 2))
        await self.start_processing_metrics()
        started = time.perf_counter()
        try:
            text = await self._resources.run("stt", recognise, self._recogniser, piece)
        except RecognitionFailed as error:
            log.opt(exception=error).error("stt.failed: {}", error)
            return None
        finally:
            await self.stop_processing_metrics()
        log.bind(took_ms=round(1000 * (time.perf_counter() - started))).debug("stt.recognised")
        return text

    async def _forget_guess(self) -> None:
        guess, self._guess = self._guess, None
        if guess is not None:
            await self.cancel_task(guess.text)

    async def _end(self) -> None:
        await self._forget_guess()
        if self._task is not None:
            await self.cancel_task(self._task)
            self._task = None
        while self._pieces:
            if guess := self._pieces.popleft().guess:
                await self.cancel_task(guess)


def recognise(recogniser: Recogniser, pcm: bytes) -> str:
    """Recognise 16-bit mono at 8 kHz. Blocks.

    The whole piece is resampled at once: a stream resampler would add 80 ms.

    Raises:
        RecognitionFailed: Whatever the model raised.
    """
    samples = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768.0
    samples = soxr.resample(samples, 8000, MODEL_RATE, quality="HQ")
    try:
        return recogniser.recognise(samples).strip()
    except Exception as error:  # models raise classes of their own, of any kind
        raise RecognitionFailed(f"{type(error).__name__}: {error}") from error
