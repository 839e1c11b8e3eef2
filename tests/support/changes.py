"""What a store makes of rows that change: who answers, what is wrong, what is kept."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from tests.support.waiting import until
from voiceai.store.repository import Store

NUMBER = "4920189098723"

Serve = Callable[..., contextlib.AbstractAsyncContextManager[Store]]
"""Runs a store until the block is left."""


async def greeting(store: Store, number: str = NUMBER) -> str:
    found = await store.assistant_for(number)
    assert found is not None
    return found.spec.greeting


async def invalid(store: Store, count: int = 1) -> None:
    """Wait until so many rows are known to be wrong."""
    await until(lambda: store.invalid_assistants == count)


async def versions_of(store: Store, name: str, count: int) -> list[Any]:
    """Wait until an assistant has so many versions; newest first."""
    async with asyncio.timeout(5):
        while True:
            found = await store.editor.versions(name)
            if len(found) == count:
                return found
            await asyncio.sleep(0.01)
