"""A language model that plays callers and judges conversations, where there is one."""

import asyncio
from collections.abc import Mapping
from typing import Any

from pipecat.services.llm_service import LLMService

from pipelines.errors import PipelineError
from pipelines.fallback.assemble import Candidate
from pipelines.registry import REGISTRY
from pipelines.resources import Resources
from pipelines.services.entry import Request
from pipelines.spec import PipelineSpec, ServiceSpec
from pipelines.validate import candidates_of

__all__ = ["Judge"]

MISTRAL: Mapping[str, Any] = {"service": "mistral", "model": "mistral-small-latest"}
NONE = (
    "needs a language model as a caller or a judge: set MISTRAL_API_KEY, "
    "or give Lab(judge={'service': 'openai', 'model': ..., 'base_url': ...})"
)


class Judge:
    """The model.

    Args:
        resources: Shared by all conversations.
        llm: As under ``llm:`` of a pipeline; None for nobody.
    """

    def __init__(self, resources: Resources, llm: Mapping[str, Any] | None) -> None:
        self._resources = resources
        self._llm = llm
        self._looked = asyncio.Lock()
        self._missing: str | None = None

    async def missing(self) -> str:
        """Return why there is none; empty if there is one, which is then loaded."""
        async with self._looked:
            if self._missing is None:
                self._missing = await self._look()
        return self._missing

    def model(self) -> LLMService[Any]:
        """Return a new service, which knows of no conversation yet."""
        spec, candidate = self._candidate()
        request = Request(spec, candidate.params, self._resources)
        made = candidate.entry.make(request)
        if not isinstance(made, LLMService):
            raise TypeError(f"{type(made).__name__} is no language model")
        return made

    async def _look(self) -> str:
        if self._llm is None:
            return NONE
        try:
            spec, candidate = self._candidate()
        except PipelineError as error:
            return str(error)
        found = candidate.entry.check(self._resources, candidate.params, spec)
        if found is not None:
            return str(found)
        entry, params = candidate.entry, candidate.params
        await self._resources.run("tts", entry.load, self._resources, params, spec)
        return ""

    def _candidate(self) -> tuple[PipelineSpec, Candidate]:
        spec = PipelineSpec(name="judge", llm=ServiceSpec.model_validate(self._llm))
        return spec, candidates_of(spec, "llm", REGISTRY)[0]
