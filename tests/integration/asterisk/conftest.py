"""A simulated Asterisk and a gateway that is connected to it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from asterisk.gateway import Gateway
from asterisk.leg import Leg
from asterisk.simulator import AsteriskSimulator
from tests.support.gateways import ServeCalls

QUICK = {
    "backoff_first": 0.01,
    "backoff_limit": 0.05,
    "request_timeout": 2.0,
    "join_timeout": 0.5,
    "close_timeout": 0.3,
    "owner_answer": 0.05,
    "replaced_retry": 0.05,
}
"""Patience of the tests, in seconds."""


@pytest.fixture(params=["before", "after"])
async def simulator(request: pytest.FixtureRequest) -> AsyncIterator[AsteriskSimulator]:
    """An Asterisk whose external channels come up before, and one where they do so after."""
    async with AsteriskSimulator(external_start=request.param) as running:
        yield running


@asynccontextmanager
async def running_gateway(
    simulator: AsteriskSimulator, on_call: Callable[[Leg], Awaitable[None]], **changes: Any
) -> AsyncIterator[Gateway]:
    """A gateway that is ready for calls; closed, and its task ended, afterwards."""
    gateway = Gateway(simulator.params(**QUICK | changes), on_call=on_call)
    task = asyncio.create_task(gateway.run())
    try:
        async with asyncio.timeout(5):
            await gateway.wait_ready()
        yield gateway
    finally:
        async with asyncio.timeout(5):
            await gateway.close()
            await task


@pytest.fixture
def serving() -> ServeCalls:
    """Return :func:`running_gateway`, to be entered with a simulator and a handler of calls."""
    return running_gateway
