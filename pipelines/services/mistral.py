"""Mistral, through Pipecat: its language models, and Voxtral's streaming recognition."""

import importlib
import importlib.util
from typing import Annotated, Any

from openai import AsyncOpenAI
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.mistral.llm import MistralLLMService, MistralLLMSettings
from pydantic import Field

from pipelines.findings import Finding
from pipelines.resources import Resources
from pipelines.services.entry import Request, ServiceEntry
from pipelines.services.openai import (
    ChatParams,
    ModelName,
    StreamedChat,
    chat_settings,
    shared_client,
)
from pipelines.spec import PipelineSpec, Spec
from pipelines.speech import TELEPHONE_RATE

BASE_URL = "https://api.mistral.ai/v1"
STT_MODULE = "pipecat.services.mistral.stt"


class MistralSttParams(Spec):
    """Parameters of the recognition ``mistral``.

    Attributes:
        delay_ms: A longer delay is more accurate.
    """

    model: ModelName | None = None
    delay_ms: Annotated[int, Field(ge=80, le=2400)] | None = None


def _check(resources: Resources, _params: Any, _spec: PipelineSpec) -> Finding | None:
    if resources.secrets.mistral_api_key is None:
        return Finding("Mistral has no key", fix="set MISTRAL_API_KEY")
    return None


def _check_stt(resources: Resources, params: Any, spec: PipelineSpec) -> Finding | None:
    if importlib.util.find_spec("mistralai") is None:
        fix = "install it: pip install 'voiceai[mistral]'"
        return Finding("mistralai is not installed", fix=fix)
    return _check(resources, params, spec)


def _key(resources: Resources) -> str:
    key = resources.secrets.mistral_api_key
    return key.get_secret_value() if key else ""


class MistralChat(StreamedChat, MistralLLMService):
    """Pipecat's service on a client that is shared."""

    def __init__(self, client: AsyncOpenAI, settings: MistralLLMSettings) -> None:
        self._shared_client = client
        super().__init__(api_key=client.api_key, settings=settings)

    def create_client(self, *_: Any, **__: Any) -> AsyncOpenAI:
        """Return the shared client."""
        return self._shared_client


def _client(resources: Resources) -> AsyncOpenAI:
    server = resources.secrets.mistral_server
    address = f"{server}/v1" if server else BASE_URL
    return shared_client(resources, _key(resources), address)


def _load_llm(resources: Resources, _params: ChatParams, _spec: PipelineSpec) -> None:
    _client(resources)


def _load_stt(_resources: Resources, _params: MistralSttParams, _spec: PipelineSpec) -> None:
    importlib.import_module(STT_MODULE)
    importlib.import_module("httpcore")  # or else the SDK's first client imports it


def _make_llm(request: Request) -> FrameProcessor:
    client = _client(request.resources)
    return MistralChat(client, MistralLLMService.Settings(**chat_settings(request)))


def _make_stt(request: Request) -> FrameProcessor:
    service = importlib.import_module(STT_MODULE).MistralSTTService
    params: MistralSttParams = request.params
    given = {"model": params.model} if params.model else {}
    made: FrameProcessor = service(
        api_key=_key(request.resources),
        base_url=request.resources.secrets.mistral_server,
        sample_rate=TELEPHONE_RATE,
        audio_passthrough=False,
        target_streaming_delay_ms=params.delay_ms,
        settings=service.Settings(language=request.spec.language_code, **given),
    )
    return made


MISTRAL_LLM = ServiceEntry(
    make=_make_llm,
    params=ChatParams,
    check=_check,
    load=_load_llm,
    calls_tools=True,
    is_remote=True,
)
MISTRAL_STT = ServiceEntry(
    make=_make_stt, params=MistralSttParams, check=_check_stt, load=_load_stt, is_remote=True
)
