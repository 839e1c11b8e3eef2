"""What a prompt is told of a caller who has called before."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from pipelines.spec import HistorySpec, PipelineSpec
from voiceai.calls import remembering
from voiceai.calls.remembering import with_history
from voiceai.errors import StoreUnavailable
from voiceai.store.conversations import Earlier

SPEC = PipelineSpec(name="a", prompt="Be brief.", history=HistorySpec(calls=3))
SAID = [Earlier(datetime(2026, 11, 20, tzinfo=UTC), (("caller", "An appointment, please."),))]


async def remembered(caller: str, assistant_id: str, calls: int) -> Sequence[Earlier]:
    assert (caller, assistant_id, calls) == ("+4917012", "1", 3)
    return SAID


async def test_the_prompt_goes_on_with_what_was_said() -> None:
    found = await with_history(SPEC, "+4917012", "1", remembered)

    assert found.prompt.startswith("Be brief.\n\nThis caller has called before.")
    assert "caller: An appointment, please." in found.prompt
    assert found.greeting == SPEC.greeting


async def test_nobody_is_asked_for_what_the_pipeline_does_not_want() -> None:
    async def forbidden(*_: object) -> Sequence[Earlier]:
        raise AssertionError

    without = SPEC.model_copy(update={"history": HistorySpec()})

    assert await with_history(without, "+4917012", "1", forbidden) == without
    assert await with_history(SPEC, "", "1", forbidden) == SPEC


async def test_a_database_that_is_away_or_slow_leaves_the_prompt_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remembering, "PATIENCE_SECONDS", 0.01)

    async def away(*_: object) -> Sequence[Earlier]:
        raise StoreUnavailable("away")

    async def slow(*_: object) -> Sequence[Earlier]:
        await asyncio.get_running_loop().create_future()
        return SAID

    assert await with_history(SPEC, "+4917012", "1", away) == SPEC
    assert await with_history(SPEC, "+4917012", "1", slow) == SPEC
