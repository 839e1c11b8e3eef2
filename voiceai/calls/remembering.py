"""What a prompt is told of a caller who has called before (``history: {calls: 3}``)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from loguru import logger

from pipelines.spec import PipelineSpec
from voiceai.errors import StoreUnavailable
from voiceai.store.conversations import Earlier, as_prompt

EarlierCalls: TypeAlias = Callable[[str, str, int], Awaitable[Sequence[Earlier]]]
"""Caller, assistant's id, how many -> the last conversations, newest first."""

PATIENCE_SECONDS = 0.3
"""So long a call waits for what its caller said in earlier ones."""


async def no_earlier_calls(_caller: str, _assistant_id: str, _calls: int) -> Sequence[Earlier]:
    """Remember nobody."""
    return ()


async def with_history(
    spec: PipelineSpec, caller: str, assistant_id: str, earlier_calls: EarlierCalls
) -> PipelineSpec:
    """Add the caller's earlier calls to the prompt, where the pipeline asks for that.

    Without a number of the caller's, or a database that answers in time, nothing is added.
    """
    if not spec.history.calls or not caller:
        return spec
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            earlier = await earlier_calls(caller, assistant_id, spec.history.calls)
    except (StoreUnavailable, TimeoutError) as error:
        logger.warning("call.history_unknown: {}", error or "the database is slow")
        return spec
    quoted = as_prompt(earlier)
    if not quoted:
        return spec
    return spec.model_copy(update={"prompt": f"{spec.prompt}\n\n{quoted}".strip()})
