"""Mistral's voices (Voxtral), through Pipecat's service."""

import base64
import functools
import importlib
import importlib.util
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import numpy as np
from pipecat.frames.frames import ErrorFrame, Frame, TTSAudioRawFrame
from pipecat.processors.frame_processor import FrameProcessor

from pipelines import speech
from pipelines.decimator import Decimator, to_pcm
from pipelines.fallback.reason import reason_of
from pipelines.findings import Finding
from pipelines.resources import Resources
from pipelines.services.entry import Request, ServiceEntry
from pipelines.services.openai import SILENCE_SECONDS, ModelName
from pipelines.services.voice import Pace, WordTeller
from pipelines.spec import PipelineSpec, Spec

MODULE = "pipecat.services.mistral.tts"


class MistralTtsParams(Spec):
    """Parameters of the synthesis ``mistral``.

    Attributes:
        voice: Id of one of Mistral's voices, or of your own.
    """

    model: ModelName = "voxtral-mini-tts-2603"
    voice: ModelName


@functools.cache
def _voice_class() -> Any:
    """Return Pipecat's class with ours over it; importing it takes half a second."""
    module: Any = importlib.import_module(MODULE)

    class MistralVoice(WordTeller, module.MistralTTSService):  # type: ignore[misc]
        """Streams at 8 kHz, and guesses when words are heard: Mistral does not tell."""

        def __init__(self, client: Any, **given: Any) -> None:
            super().__init__(push_text_frames=False, **given)
            self._client = client
            self._pace = Pace()

        async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
            """Speak a text.

            Args:
                text: One sentence or several.
                context_id: Of the turn it belongs to.

            Yields:
                Audio at 8 kHz as it arrives, or an error.
            """
            await self.start_tts_usage_metrics(text)
            await self.add_word_timestamps(self._pace.word_times(text, context_id), context_id)
            decimator, samples = Decimator(), 0
            try:
                async with await self._client.audio.speech.complete_async(
                    input=text,
                    model=self._settings.model,
                    voice_id=self._settings.voice,
                    response_format="pcm",
                    stream=True,
                ) as events:
                    async for event in events:
                        data = getattr(event.data, "audio_data", None)
                        if data is None:
                            continue
                        await self.stop_ttfb_metrics()
                        floats = np.frombuffer(base64.b64decode(data), dtype="<f4")
                        piece = decimator.feed(floats)
                        samples += len(piece)
                        yield _frame(to_pcm(piece), context_id)
                piece = decimator.finish()
                samples += len(piece)
                yield _frame(to_pcm(piece), context_id)
                self._pace.said(text, samples / speech.TELEPHONE_RATE)
            except Exception as error:  # noqa: BLE001 - httpx's, the SDK's and broken audio
                yield ErrorFrame(error=reason_of(error))

    return MistralVoice


def _frame(pcm: bytes, context_id: str) -> TTSAudioRawFrame:
    return TTSAudioRawFrame(pcm, speech.TELEPHONE_RATE, 1, context_id=context_id)


def _check(resources: Resources, _params: Any, _spec: PipelineSpec) -> Finding | None:
    if importlib.util.find_spec("mistralai") is None:
        fix = "install it: pip install 'voiceai[mistral]'"
        return Finding("mistralai is not installed", fix=fix)
    if resources.secrets.mistral_api_key is None:
        return Finding("Mistral has no key", fix="set MISTRAL_API_KEY")
    return None


def _key(resources: Resources) -> str:
    key = resources.secrets.mistral_api_key
    return key.get_secret_value() if key else ""


def _client(resources: Resources) -> Any:
    """Return the SDK's client, shared by all conversations: its connection is open."""
    server = resources.secrets.mistral_server

    def make() -> Any:
        transport = httpx.AsyncClient(timeout=SILENCE_SECONDS, follow_redirects=True)
        resources.on_aclose(transport.aclose)
        client_class: Any = importlib.import_module("mistralai.client").Mistral
        return client_class(
            api_key=_key(resources),
            server_url=server,
            async_client=transport,
        )

    return resources.engine(f"mistral speech {server}", make)


def _load(resources: Resources, _params: MistralTtsParams, _spec: PipelineSpec) -> None:
    _voice_class()
    _client(resources)


def _make(request: Request) -> FrameProcessor:
    service, params = _voice_class(), request.params
    made: FrameProcessor = service(
        _client(request.resources),
        api_key=_key(request.resources),
        sample_rate=speech.TELEPHONE_RATE,
        settings=service.Settings(model=params.model, voice=params.voice),
    )
    return made


MISTRAL_TTS = ServiceEntry(
    make=_make, params=MistralTtsParams, check=_check, load=_load, is_remote=True
)
