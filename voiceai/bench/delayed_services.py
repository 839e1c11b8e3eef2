"""Recognition, language model and voice of ``bench capacity``: they wait as a cloud's do.

The same classes serve both pipelines that are compared. None of them computes anything.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import numpy as np
from pipecat.frames.frames import Frame, LLMContextFrame, TranscriptionFrame, TTSAudioRawFrame
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.settings import STTSettings, TTSSettings
from pipecat.services.stt_service import SegmentedSTTService
from pipecat.services.tts_service import TTSService
from pipecat.transcriptions.language import Language
from pipecat.utils.time import time_now_iso8601

from pipelines.rules import Reply
from pipelines.services.scripted import ResponderService
from voiceai.bench.capacity_step import LLM_SECONDS, STT_SECONDS, TTS_SECONDS

__all__ = ["ANSWER_SECONDS", "DelayedModel", "DelayedRecognition", "DelayedVoice"]

SAMPLE_RATE_HZ = 8000
SENTENCE_SECONDS = 2.0
ANSWER = "One. Two."
ANSWER_SECONDS = 2 * SENTENCE_SECONDS
PIECE_BYTES = 1600
"""A tenth of a second, as clouds send it."""
LOUD_RMS = 3000
SPEECH = (
    np.random.default_rng(3)
    .normal(0, LOUD_RMS, int(SENTENCE_SECONDS * SAMPLE_RATE_HZ))
    .astype("<i2")
    .tobytes()
)


class DelayedRecognition(SegmentedSTTService):
    """Understands the same of every segment, after a while.

    Args:
        audio_passthrough: Whether the audio goes on through the pipeline.
    """

    def __init__(self, *, audio_passthrough: bool) -> None:
        super().__init__(
            audio_passthrough=audio_passthrough,
            sample_rate=SAMPLE_RATE_HZ,
            ttfs_p99_latency=STT_SECONDS,
            settings=STTSettings(model="delayed", language=Language("en-US")),
        )

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        """Wait, and yield the transcript."""
        del audio
        await asyncio.sleep(STT_SECONDS)
        yield TranscriptionFrame("I would like to make an appointment.", "", time_now_iso8601())


class DelayedModel(ResponderService):
    """Gives the same answer of two sentences, after a while."""

    def __init__(self) -> None:
        super().__init__(name="delayed")

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Wait before a context is answered."""
        if isinstance(frame, LLMContextFrame):
            await asyncio.sleep(LLM_SECONDS)
        await super().process_frame(frame, direction)

    def reply(self, heard: str | None) -> Reply:
        """Return the answer."""
        del heard
        return Reply(ANSWER)


class DelayedVoice(TTSService):
    """Says every sentence as two seconds of loud noise, after a while, faster than real time."""

    def __init__(self) -> None:
        settings: Any = TTSSettings(model="delayed", voice="delayed", language=Language("en-US"))
        super().__init__(
            push_start_frame=True,
            push_stop_frames=True,
            sample_rate=SAMPLE_RATE_HZ,
            settings=settings,
        )

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Wait, and yield the noise in pieces."""
        del text
        await asyncio.sleep(TTS_SECONDS)
        for start in range(0, len(SPEECH), PIECE_BYTES):
            piece = SPEECH[start : start + PIECE_BYTES]
            yield TTSAudioRawFrame(piece, SAMPLE_RATE_HZ, 1, context_id=context_id)
