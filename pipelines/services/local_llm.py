"""A small language model on this machine: llama.cpp's server in the process (``xllamacpp``).

SmolLM2 with 135 million parameters speaks fluent English and makes things up: a demonstration.
"""

import importlib
import importlib.util
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.openai.llm import OpenAILLMService
from pydantic import Field

from pipelines.errors import ServiceUnavailable
from pipelines.findings import Finding
from pipelines.models import SMOLLM2
from pipelines.resources import Resources
from pipelines.services.entry import Request, ServiceEntry
from pipelines.services.openai import (
    NO_KEY,
    ChatParams,
    OpenAiChat,
    chat_settings,
    shared_client,
)
from pipelines.spec import PipelineSpec

CONTEXT_TOKENS = 4096
MODEL_NAME = "local"
ERRORS = 1
"""llama.cpp writes nothing less to standard error, which a conversation may be on."""


class LocalLlmParams(ChatParams):
    """Parameters of the service ``local-llm``."""

    model: None = None
    max_tokens: int | None = Field(default=80, ge=1, le=1000)


class LlamaServer:
    """llama.cpp's server on a free loopback port, one thread.

    Raises:
        ServiceUnavailable: The package or the model file is missing, or it does not load.
    """

    def __init__(self, model: Path) -> None:
        try:
            library: Any = importlib.import_module("xllamacpp")
        except (ImportError, OSError) as error:
            raise ServiceUnavailable(_no_library()) from error
        params = library.CommonParams()
        params.model.path = str(model)
        params.model_alias = {MODEL_NAME}
        params.hostnames = ["127.0.0.1"]
        params.port = 0
        params.n_ctx = CONTEXT_TOKENS
        params.n_parallel = 1
        params.cpuparams.n_threads = 1
        params.cpuparams_batch.n_threads = 1
        params.verbosity = ERRORS
        try:
            self._server: Any = library.Server(params)
        except RuntimeError as error:
            raise ServiceUnavailable(Finding(f"{model} does not load: {error}")) from error
        self.base_url = f"{str(self._server.listening_address).rstrip('/')}/v1"


def _model(resources: Resources) -> Path:
    if resources.params.llm_file:
        return resources.params.llm_file
    return SMOLLM2.resolve() / next(iter(SMOLLM2.files))


def _engine(resources: Resources) -> LlamaServer:
    return resources.engine("local-llm", lambda: LlamaServer(_model(resources)))


def _no_library() -> Finding:
    fix = "install it: pip install 'voiceai[local-llm]'"
    return Finding("xllamacpp is not installed", fix=fix)


def _check(resources: Resources, _params: LocalLlmParams, _spec: PipelineSpec) -> Finding | None:
    if importlib.util.find_spec("xllamacpp") is None:
        return _no_library()
    file = resources.params.llm_file
    if file is None:
        return SMOLLM2.check()
    return None if file.is_file() else Finding(f"there is no model file {file}")


def _load(resources: Resources, _params: LocalLlmParams, _spec: PipelineSpec) -> None:
    _client(resources)


def _client(resources: Resources) -> AsyncOpenAI:
    return shared_client(resources, NO_KEY, _engine(resources).base_url)


def _make(request: Request) -> FrameProcessor:
    settings = {**chat_settings(request), "model": MODEL_NAME}
    return OpenAiChat(_client(request.resources), OpenAILLMService.Settings(**settings))


LOCAL_LLM = ServiceEntry(make=_make, params=LocalLlmParams, check=_check, load=_load)
