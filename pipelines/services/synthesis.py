"""Synthesis by a voice on this machine, sentence by sentence."""

from collections.abc import AsyncGenerator

from loguru import logger
from pipecat.frames.frames import ErrorFrame, Frame, TTSAudioRawFrame
from pipecat.services.settings import TTSSettings

from pipelines import speech
from pipelines.errors import ServiceUnavailable
from pipelines.resources import Resources, Voice
from pipelines.rules import sentences
from pipelines.services.voice import WordTeller

PIECE_BYTES = speech.TELEPHONE_RATE
"""Half a second, so that an interruption has little to throw away."""


class LocalSynthesis(WordTeller):
    """Speaks with a shared voice; tells when each word is heard.

    Without word times Pipecat adds a sentence to the context once all of it was played, and
    an answer that is interrupted leaves no trace. Local voices give no times, so each word
    gets a share of its sentence by its letters: right to about a word.

    Args:
        voice: The shared voice.
        resources: Whose synthesis thread and cache are used.
        language: BCP 47 tag.
    """

    def __init__(self, voice: Voice, resources: Resources, *, language: str) -> None:
        super().__init__(
            push_start_frame=True,
            push_stop_frames=True,
            push_text_frames=False,
            sample_rate=speech.TELEPHONE_RATE,
            settings=TTSSettings(model=voice.name, voice=voice.name, language=language),
        )
        self._voice = voice
        self._resources = resources
        self._spoken_context: str | None = None
        self._spoken_seconds = 0.0

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Speak a text.

        Args:
            text: One sentence or several.
            context_id: Of the turn it belongs to.

        Yields:
            Audio at 8 kHz, at most half a second each, or an error.
        """
        if self._spoken_context != context_id:
            self._spoken_context, self._spoken_seconds = context_id, 0.0
        for sentence in sentences(text):
            try:
                pcm = await self._resources.speech(self._voice, sentence)
            except (ServiceUnavailable, OSError, RuntimeError) as error:
                logger.bind(voice=self._voice.name).error("tts.failed: {}", error)
                yield ErrorFrame(error=f"speech synthesis failed: {error}")
                return
            if not pcm:
                continue
            await self.start_tts_usage_metrics(sentence)
            duration = speech.seconds(pcm)
            times = speech.word_times(sentence, duration, self._spoken_seconds)
            self._spoken_seconds += duration
            await self.add_word_timestamps(times, context_id)
            for start in range(0, len(pcm), PIECE_BYTES):
                piece = pcm[start : start + PIECE_BYTES]
                rate = speech.TELEPHONE_RATE
                yield TTSAudioRawFrame(piece, rate, 1, context_id=context_id)
