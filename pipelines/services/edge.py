"""Edge's voices, without a key: Microsoft's neural voices as its browser reads aloud with them.

One connection a sentence; MP3 at 24 kHz, decoded as it arrives; each word with its time.
"""

import asyncio
import importlib
import importlib.util
from collections.abc import AsyncGenerator
from typing import Annotated, Any

import numpy as np
from pipecat.frames.frames import ErrorFrame, Frame, TTSAudioRawFrame
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.settings import TTSSettings
from pydantic import StringConstraints

from pipelines import speech
from pipelines.decimator import Decimator, to_pcm
from pipelines.fallback.reason import reason_of
from pipelines.findings import Finding
from pipelines.mp3 import Mp3Stream
from pipelines.resources import Resources
from pipelines.services.entry import Request, ServiceEntry
from pipelines.services.voice import WordTeller
from pipelines.spec import PipelineSpec, Spec

VOICES = {"de": "de-DE-KatjaNeural", "en": "en-US-EmmaMultilingualNeural"}
"""Of languages whose pipeline names none."""

OWN_ADDRESS = "wss://speech.platform.bing.com"
TICKS_A_SECOND = 10_000_000
TOLERANCE_SECONDS = 0.15
COVERED = 0.8
"""So much of a text's letters is in the words that Edge tells of, or the connection broke."""

Percent = Annotated[str, StringConstraints(pattern=r"^[+-][0-9]{1,3}%$")]
Hertz = Annotated[str, StringConstraints(pattern=r"^[+-][0-9]{1,3}Hz$")]
VoiceName = Annotated[
    str, StringConstraints(pattern=r"^[a-z]{2,3}-[A-Za-z]{2,8}-[A-Za-z-]+Neural$")
]


class EdgeParams(Spec):
    """Parameters of the synthesis ``edge``.

    Attributes:
        voice: Such as ``de-DE-KatjaNeural``; by the language unless given.
        rate: Such as ``+10%``.
        pitch: Such as ``-5Hz``.
        volume: Such as ``+0%``.
    """

    voice: VoiceName | None = None
    rate: Percent = "+0%"
    pitch: Hertz = "+0Hz"
    volume: Percent = "+0%"


class EdgeVoice(WordTeller):
    """Speaks with one of Edge's voices.

    Args:
        params: Checked.
        voice: Its name.
        language: BCP 47 tag.
    """

    def __init__(self, params: EdgeParams, *, voice: str, language: str) -> None:
        super().__init__(
            push_start_frame=True,
            push_stop_frames=True,
            push_text_frames=False,
            sample_rate=speech.TELEPHONE_RATE,
            settings=TTSSettings(model="edge", voice=voice, language=language),
        )
        self._params = params
        self._voice = voice
        self._spoken_context: str | None = None
        self._spoken_seconds = 0.0

    def can_generate_metrics(self) -> bool:
        """Tell Pipecat that usage and the time to the first byte are measured."""
        return True

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Speak a text.

        Args:
            text: One sentence or several.
            context_id: Of the turn it belongs to.

        Yields:
            Audio at 8 kHz as it arrives, or an error.
        """
        if self._spoken_context != context_id:
            self._spoken_context, self._spoken_seconds = context_id, 0.0
        await self.start_tts_usage_metrics(text)
        stream, decimator, sent = Mp3Stream(), Decimator(), 0
        letters, end = 0, 0.0
        try:
            async for message in self._messages(text):
                if message["type"] == "audio":
                    if stream.feed(message["data"]):
                        samples = decimator.feed(await asyncio.to_thread(stream.decode))
                        sent += len(samples)
                        await self.stop_ttfb_metrics()
                        yield _frame(to_pcm(samples), context_id)
                elif message["type"] == "WordBoundary":
                    letters += _letters(message["text"])
                    end = (message["offset"] + message["duration"]) / TICKS_A_SECOND
                    at = self._spoken_seconds + message["offset"] / TICKS_A_SECOND
                    await self.add_word_timestamps([(message["text"], at)], context_id)
            rest = decimator.feed(await asyncio.to_thread(stream.decode))
            samples = np.concatenate([rest, decimator.finish()])
            yield _frame(to_pcm(samples), context_id)
            seconds = (sent + len(samples)) / speech.TELEPHONE_RATE
            self._spoken_seconds += seconds
            if seconds < end - TOLERANCE_SECONDS or letters < COVERED * _letters(text):
                yield ErrorFrame(error="broke off")  # of which the library says nothing
        except Exception as error:  # noqa: BLE001 - aiohttp's, edge-tts's and ours
            yield ErrorFrame(error=reason_of(error))

    def _messages(self, text: str) -> Any:
        return (
            _library()
            .Communicate(
                text,
                self._voice,
                rate=self._params.rate,
                pitch=self._params.pitch,
                volume=self._params.volume,
                boundary="WordBoundary",
            )
            .stream()
        )


def _letters(text: str) -> int:
    return sum(character.isalnum() for character in text)


def _frame(pcm: bytes, context_id: str) -> TTSAudioRawFrame:
    return TTSAudioRawFrame(pcm, speech.TELEPHONE_RATE, 1, context_id=context_id)


def _library() -> Any:
    return importlib.import_module("edge_tts")


def _check(_resources: Resources, _params: Any, _spec: PipelineSpec) -> Finding | None:
    missing = [name for name in ("edge_tts", "soundfile") if importlib.util.find_spec(name) is None]
    if missing:
        return Finding("edge-tts is not installed", fix="install it: pip install 'voiceai[edge]'")
    return None


def _load(resources: Resources, _params: EdgeParams, _spec: PipelineSpec) -> None:
    _library()
    importlib.import_module("soundfile")
    if address := resources.secrets.edge_tts_endpoint:
        communicate: Any = importlib.import_module("edge_tts.communicate")
        own = importlib.import_module("edge_tts.constants").WSS_URL
        communicate.WSS_URL = own.replace(OWN_ADDRESS, address.rstrip("/"))


def _make(request: Request) -> FrameProcessor:
    params: EdgeParams = request.params
    voice = params.voice or VOICES.get(request.spec.language_code, VOICES["en"])
    return EdgeVoice(params, voice=voice, language=request.spec.language)


EDGE = ServiceEntry(make=_make, params=EdgeParams, check=_check, load=_load, is_remote=True)
