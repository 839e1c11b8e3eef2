"""Azure Speech, through Pipecat: recognition and synthesis at 8 kHz."""

import asyncio
import functools
import importlib
import importlib.util
import threading
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pipecat.frames.frames import Frame, InterimTranscriptionFrame, TranscriptionFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pydantic import Field, StringConstraints

from pipelines.findings import Finding
from pipelines.params import Secrets
from pipelines.resources import Resources
from pipelines.services.entry import Request, ServiceEntry
from pipelines.services.voice import WordTeller
from pipelines.spec import PipelineSpec, Spec
from pipelines.speech import TELEPHONE_RATE

STT_MODULE = "pipecat.services.azure.stt"
TTS_MODULE = "pipecat.services.azure.tts"
VOICES = {"de": "de-DE-KatjaNeural", "en": "en-US-JennyNeural"}
"""Of languages whose pipeline names none."""

Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+%._:-]{1,64}$")]


Phrase = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class AzureSttParams(Spec):
    """Parameters of the recognition ``azure``.

    Attributes:
        silence_ms: Silence inside a phrase after which Azure gives its final text.
        profanity: ``raw``, ``masked`` or ``removed``.
        phrases: Names and terms that callers are likely to say.
    """

    silence_ms: int | None = Field(default=None, ge=100, le=5000)
    profanity: Literal["raw", "masked", "removed"] = "raw"
    phrases: Annotated[tuple[Phrase, ...], Field(max_length=500)] = ()


class AzureTtsParams(Spec):
    """Parameters of the synthesis ``azure``; all as Azure's SSML has them.

    Attributes:
        voice: Such as ``de-DE-KatjaNeural``; by the language unless given.
        rate: Such as ``1.1`` or ``fast``.
        pitch: Such as ``+5%``.
        style: Such as ``cheerful``, of voices that have it.
    """

    voice: Word | None = None
    rate: Word | None = None
    pitch: Word | None = None
    volume: Word | None = None
    style: Word | None = None


def _check(resources: Resources, _params: Any, spec: PipelineSpec) -> Finding | None:
    del spec
    secrets = resources.secrets
    if importlib.util.find_spec("azure") is None or not _has_sdk():
        fix = "install it: pip install 'voiceai[azure]'"
        return Finding("azure-cognitiveservices-speech is not installed", fix=fix)
    if secrets.azure_speech_key is None:
        return Finding("Azure Speech has no key", fix="set AZURE_SPEECH_KEY")
    if not (secrets.azure_speech_region or secrets.azure_speech_endpoint):
        fix = "set AZURE_SPEECH_REGION, such as westeurope, or AZURE_SPEECH_ENDPOINT"
        return Finding("Azure Speech has no region", fix=fix)
    return None


def _has_sdk() -> bool:
    try:
        return importlib.util.find_spec("azure.cognitiveservices.speech") is not None
    except ModuleNotFoundError:
        return False


def _login(secrets: Secrets) -> dict[str, Any]:
    key = secrets.azure_speech_key
    login: dict[str, Any] = {"api_key": key.get_secret_value() if key else ""}
    if secrets.azure_speech_endpoint:
        return {**login, "private_endpoint": secrets.azure_speech_endpoint}
    return {**login, "region": secrets.azure_speech_region}


def _load_stt(_resources: Resources, _params: Any, _spec: PipelineSpec) -> None:
    _ears_class()


def _load_tts(_resources: Resources, _params: Any, _spec: PipelineSpec) -> None:
    _voice_class()


@functools.cache
def _ears_class() -> Any:
    """Return Pipecat's class with ours over it; importing it takes a second."""
    azure: Any = importlib.import_module(STT_MODULE).AzureSTTService
    grammar: Any = importlib.import_module("azure.cognitiveservices.speech").PhraseListGrammar

    class AzureEars(azure):  # type: ignore[misc]
        """Azure's recognition, told what is likely to be said."""

        _speech_recognizer: Any
        _audio_stream: Any

        def __init__(self, *, phrases: Sequence[str], **given: Any) -> None:
            super().__init__(**given)
            self._phrases = phrases
            self._in_order = asyncio.Lock()

        async def _connect(self) -> None:
            await super()._connect()
            if self._speech_recognizer and self._phrases:
                likely = grammar.from_recognizer(self._speech_recognizer)
                for phrase in self._phrases:
                    likely.addPhrase(phrase)

        async def _disconnect(self) -> None:
            """Stop in a thread of its own: with a server that hangs the SDK waits 10 s for it."""
            recognizer, self._speech_recognizer = self._speech_recognizer, None
            stream, self._audio_stream = self._audio_stream, None
            if recognizer:
                threading.Thread(target=_stop, args=(recognizer, stream), name="azure").start()

        async def push_frame(
            self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM
        ) -> None:
            """Push texts in the order in which the SDK told them, each from a task of its own."""
            if isinstance(frame, InterimTranscriptionFrame | TranscriptionFrame):
                async with self._in_order:
                    await super().push_frame(frame, direction)
            else:
                await super().push_frame(frame, direction)

    return AzureEars


def _stop(recognizer: Any, stream: Any) -> None:
    for signal in (recognizer.recognizing, recognizer.recognized, recognizer.canceled):
        signal.disconnect_all()
    stream.close()
    recognizer.stop_continuous_recognition_async().get()


def _make_stt(request: Request) -> FrameProcessor:
    service = _ears_class()
    params: AzureSttParams = request.params
    settings = service.Settings(
        language=request.spec.language,
        profanity=params.profanity,
        segmentation_silence_timeout_ms=params.silence_ms,
    )
    made: FrameProcessor = service(
        **_login(request.resources.secrets),
        phrases=params.phrases,
        sample_rate=TELEPHONE_RATE,
        audio_passthrough=False,
        settings=settings,
    )
    return made


@functools.cache
def _voice_class() -> Any:
    """Return Pipecat's class with ours over it; importing it takes a second."""
    azure: Any = importlib.import_module(TTS_MODULE).AzureTTSService

    class AzureVoice(WordTeller, azure):  # type: ignore[misc]
        """Azure's voices, which tell their words to a chain."""

        async def cleanup(self) -> None:
            """Stop listening to the SDK's threads, which would outlive the call."""
            synthesizer: Any = self._speech_synthesizer
            if synthesizer:
                for signal in (
                    synthesizer.synthesizing,
                    synthesizer.synthesis_completed,
                    synthesizer.synthesis_canceled,
                    synthesizer.synthesis_word_boundary,
                ):
                    signal.disconnect_all()
            await super().cleanup()  # type: ignore[no-untyped-call]

    return AzureVoice


def _make_tts(request: Request) -> FrameProcessor:
    service = _voice_class()
    given = request.params.model_dump(exclude_none=True)
    given.setdefault("voice", VOICES.get(request.spec.language_code, VOICES["en"]))
    settings = service.Settings(language=request.spec.language, **given)
    made: FrameProcessor = service(
        **_login(request.resources.secrets), sample_rate=TELEPHONE_RATE, settings=settings
    )
    return made


AZURE_STT = ServiceEntry(
    make=_make_stt,
    params=AzureSttParams,
    check=_check,
    load=_load_stt,
    ends_utterances=True,
    is_remote=True,
)
AZURE_TTS = ServiceEntry(
    make=_make_tts, params=AzureTtsParams, check=_check, load=_load_tts, is_remote=True
)
