"""Waiting for what tells nobody when it has come about: a counter, a file, another process."""

import asyncio
from collections.abc import Callable
from typing import Final

LOOK_SECONDS: Final = 0.005


async def until(condition: Callable[[], object], within: float = 5.0) -> None:
    """Return once a condition holds; it is looked at every 5 ms, and so must not block.

    What holds for less than that may be missed.

    Args:
        condition: Holds when it returns something true.
        within: Seconds that it is given.

    Raises:
        TimeoutError: It did not hold in time.
    """
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(LOOK_SECONDS)
