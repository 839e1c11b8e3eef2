"""A small language model on this machine."""

from pathlib import Path

import pytest

from pipelines.builder import Conversation
from pipelines.loader import load_library, resolve
from pipelines.params import ModelParams
from pipelines.resources import Resources
from pipelines.warm import warm
from tests.integration.pipelines.conftest import Say
from tests.integration.pipelines.telephone import Telephone, call


async def test_smollm2_answers_a_caller(tmp_path: Path, say: Say) -> None:
    spec = resolve(load_library()["local-llm-en"]).spec.model_copy(update={"greeting": ""})
    resources = Resources(params=ModelParams(cache_dir=tmp_path))
    try:
        wrong = await warm(resources, [spec])
        if wrong:
            pytest.skip(str(wrong[spec.name][0]))

        async def caller(conversation: Conversation, telephone: Telephone) -> None:
            await telephone.speak(conversation, say("What is the capital of France?"))
            await telephone.until(lambda: telephone.assistant, seconds=30)

        _, telephone = await call(spec, resources, caller)
    finally:
        await resources.aclose()

    assert len(telephone.assistant[0][0].split()) > 1
