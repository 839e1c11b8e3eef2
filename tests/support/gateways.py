"""What the fixtures of the gateway's tests return."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeAlias

from asterisk.gateway import Gateway
from asterisk.leg import Leg
from asterisk.params import AriParams
from asterisk.simulator import AsteriskSimulator

Eventually: TypeAlias = Callable[[Callable[[], object]], Awaitable[None]]
"""Waits until a condition holds."""

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
