"""An Asterisk with one call, for the tests of a leg."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support.scripted_asterisk import Asterisk, new_leg


@pytest.fixture
async def asterisk() -> AsyncIterator[Asterisk]:
    scripted = Asterisk()
    scripted.leg = new_leg(scripted)
    yield scripted
    await asyncio.gather(*scripted.tasks, return_exceptions=True)
