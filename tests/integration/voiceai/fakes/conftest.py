"""Mistral's own client, at a module's own fake and without the certificates it has no use for."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.support.fakes import KEY
from voiceai.fakes.mistral import MistralFake

TIMEOUT_MS = 10_000


@pytest.fixture
async def sdk(fake: MistralFake) -> AsyncIterator[Any]:
    module = pytest.importorskip("mistralai.client")
    with httpx.Client(verify=False) as plain:  # noqa: S501 - to HTTP on this machine
        async with (
            httpx.AsyncClient(verify=False) as client,  # noqa: S501 - likewise
            module.Mistral(
                api_key=KEY,
                server_url=fake.url,
                timeout_ms=TIMEOUT_MS,
                client=plain,
                async_client=client,
            ) as made,
        ):
            yield made
