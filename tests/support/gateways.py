"""Callers, handlers of calls and fixtures of the gateway's tests."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Protocol, TypeAlias

from asterisk.gateway import Gateway
from asterisk.leg import Leg
from asterisk.params import AriParams
from asterisk.simulator import AsteriskSimulator

NUMBER: Final = "4920189098723"

Connect: TypeAlias = Callable[[AriParams, str], Awaitable[Gateway]]
"""Starts a gateway and waits until it is in a state."""


class ServeCalls(Protocol):
    """Runs a gateway that is ready for calls, until the block is left."""

    def __call__(
        self,
        simulator: AsteriskSimulator,
        on_call: Callable[[Leg], Awaitable[None]],
        **changes: Any,
    ) -> AbstractAsyncContextManager[Gateway]:
        """Enter with a simulator, a handler of calls and what differs in ``AriParams``."""


def nothing_left(simulator: AsteriskSimulator) -> bool:
    """Tell whether Asterisk has neither a channel nor a bridge."""
    return not simulator.simulation.channels and not simulator.simulation.bridges


async def talk(leg: Leg) -> None:
    """Answer, open the media, talk until the call ends."""
    await asyncio.gather(leg.prepare_media("127.0.0.1", 14000, "alaw"), leg.answer())
    await leg.join()
    await leg.ended
