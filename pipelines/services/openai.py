"""Any language model behind an OpenAI-compatible address, through Pipecat."""

import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, Any

from openai import AsyncOpenAI
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.openai.base_llm import BaseOpenAILLMService, OpenAILLMSettings
from pipecat.services.openai.llm import OpenAILLMService
from pydantic import Field, StringConstraints

from pipelines.findings import Finding
from pipelines.resources import Resources
from pipelines.services.entry import Request, ServiceEntry
from pipelines.spec import PipelineSpec, Spec
from pipelines.speculation import ModelAtWorkFrame, SpeculatingModel

NO_KEY = "none"
OPENAI_HOST = "api.openai.com"
SILENCE_SECONDS = 10.0
"""A caller does not wait longer for the next piece of an answer; the client's default is 600."""
RETRIES = 1

ModelName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Address = Annotated[str, StringConstraints(pattern=r"^https?://\S+$")]


class ChatParams(Spec):
    """Parameters of a chat model.

    Attributes:
        temperature: 0 always says the likeliest.
        max_tokens: Of one answer.
    """

    model: ModelName | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int | None = Field(default=None, ge=1, le=32_000)
    top_p: float | None = Field(default=None, gt=0, le=1)


class OpenAiParams(ChatParams):
    """Parameters of the service ``openai``.

    Attributes:
        base_url: Ends in ``/v1``; OpenAI's own, or what the operator set, unless given.
    """

    base_url: Address | None = None


def chat_settings(request: Request) -> dict[str, Any]:
    """Return what is given of the parameters, and the pipeline's prompt."""
    given = request.params.model_dump(exclude_none=True, exclude={"base_url"})
    return {**given, "system_instruction": request.spec.prompt or None}


def _check(resources: Resources, params: OpenAiParams, _spec: PipelineSpec) -> Finding | None:
    secrets = resources.secrets
    if secrets.openai_api_key or params.base_url or secrets.openai_base_url:
        return None
    return Finding("OpenAI has no key", fix="set OPENAI_API_KEY, or base_url of a server of yours")


def shared_client(resources: Resources, key: str, base_url: str | None) -> AsyncOpenAI:
    """Return the client of an address and key, used by all conversations.

    Making one reads the certificates and imports what its chat needs, 80 ms: load it off the
    loop. A shared one also has its connection open.
    """

    def make() -> AsyncOpenAI:
        client = AsyncOpenAI(
            api_key=key, base_url=base_url, timeout=SILENCE_SECONDS, max_retries=RETRIES
        )
        _ = client.chat.completions  # imported when it is first asked for
        resources.on_aclose(client.close)
        return client

    return resources.engine(f"chat {base_url} {hash(key)}", make)


class StreamedChat(SpeculatingModel, BaseOpenAILLMService):
    """A chat that tells its chain of tool calls on their way; to be mixed in ahead."""

    async def get_chat_completions(self, context: LLMContext) -> Any:
        """Ask."""
        return self._seen(await super().get_chat_completions(context))

    async def _seen(self, chunks: Any) -> AsyncIterator[Any]:
        try:
            async with contextlib.aclosing(aiter(chunks)) as pieces:
                async for chunk in pieces:
                    delta = chunk.choices[0].delta if chunk.choices else None
                    if delta and delta.tool_calls and self.is_in_chain:
                        await self.push_frame(ModelAtWorkFrame())
                    yield chunk
        finally:
            await chunks.close()


class OpenAiChat(StreamedChat, OpenAILLMService):
    """Pipecat's service on a client that is shared.

    Servers of others do not know the role ``developer``; theirs are messages of the user.
    """

    def __init__(self, client: AsyncOpenAI, settings: OpenAILLMSettings) -> None:
        self._shared_client = client
        self.supports_developer_role = client.base_url.host == OPENAI_HOST
        super().__init__(settings=settings)

    def create_client(self, *_: Any, **__: Any) -> AsyncOpenAI:
        """Return the shared client."""
        return self._shared_client


def _client(resources: Resources, params: OpenAiParams) -> AsyncOpenAI:
    secrets = resources.secrets
    key = secrets.openai_api_key.get_secret_value() if secrets.openai_api_key else NO_KEY
    return shared_client(resources, key, params.base_url or secrets.openai_base_url)


def _load(resources: Resources, params: OpenAiParams, _spec: PipelineSpec) -> None:
    _client(resources, params)


def _make(request: Request) -> FrameProcessor:
    client = _client(request.resources, request.params)
    return OpenAiChat(client, OpenAILLMService.Settings(**chat_settings(request)))


OPENAI = ServiceEntry(
    make=_make, params=OpenAiParams, check=_check, load=_load, calls_tools=True, is_remote=True
)
