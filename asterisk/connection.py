"""The event connection to Asterisk: made, watched, made again, with the reason when it is not.

SHELL over :class:`asterisk.ari.client.AriClient`.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NoReturn

from loguru import logger

from asterisk.ari.backoff import Backoff
from asterisk.ari.client import AriClient
from asterisk.ari.diagnosis import ConnectionState, occupied, replaced
from asterisk.ari.events import ApplicationReplaced, AriEvent, UserEvent
from asterisk.errors import AriDisconnected, AriRefused, AsteriskError
from asterisk.ownership import Owner, Ownership
from asterisk.params import AriParams

STABLE_SECONDS: Final = 60.0
"""A connection that held this long makes the next backoff begin anew."""

REPLACED_ATTEMPTS: Final = 5
"""How often we take the application back from another client before we leave it to the other."""

REPLACED_LIMIT_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """How the connection to Asterisk is.

    Attributes:
        state: ``connected`` means that calls can arrive.
        reason: What is wrong and how to mend it, one text; empty when nothing is.
        since: When this began, in UTC.
    """

    state: ConnectionState
    reason: str
    since: datetime


class _Replaced(Exception):
    """Another client took our application."""


class _Occupied(Exception):
    """Another process of ours has the application."""

    def __init__(self, owner: Owner) -> None:
        super().__init__(str(owner))
        self.owner = owner


class Connection:
    """Keeps one application registered.

    Args:
        client: Speaks to Asterisk; opened and closed by the owner.
        params: How patient to be.
        ownership: Says whether another process has the application already.
        on_event: Called with each event, in order; must not block.
        on_change: Called after each change of :attr:`status`.

    Attributes:
        status: How the connection is.
        times_replaced: How often another client took our application lately.
    """

    def __init__(
        self,
        client: AriClient,
        params: AriParams,
        ownership: Ownership,
        *,
        on_event: Callable[[AriEvent], None],
        on_change: Callable[[GatewayStatus], None],
    ) -> None:
        self.status = GatewayStatus("connecting", "", datetime.now(UTC))
        self.times_replaced = 0
        self._client = client
        self._params = params
        self._ownership = ownership
        self._on_event = on_event
        self._on_change = on_change

    async def stay(self) -> NoReturn:
        """Connect, dispatch events, back off and connect again, until cancelled."""
        backoff = Backoff(
            first=self._params.backoff_first,
            limit=self._params.backoff_limit,
            randomness=random.Random(),  # noqa: S311 - jitter, not a secret
        )
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await self._listen()
            except _Replaced:
                if loop.time() - began > STABLE_SECONDS:
                    self.times_replaced = 0
                await self._stand_back()
                continue
            except _Occupied as error:
                self.times_replaced = 0  # by one of ours, who does not fight
                await self._stand_by(error.owner)
                continue
            except AriDisconnected as error:
                self.turn("unreachable", str(error))
            except AriRefused as error:
                self.turn("refused", str(error))
            except AsteriskError as error:
                self.turn("refused", f"{error}. Is ARI_URL really an Asterisk?")
            if loop.time() - began > STABLE_SECONDS:
                backoff.reset()
                self.times_replaced = 0
            await asyncio.sleep(backoff.next_delay())

    def turn(self, state: ConnectionState, reason: str) -> None:
        """Take on a state; told and logged when it is a new one."""
        if (state, reason) == (self.status.state, self.status.reason):
            return
        self.status = GatewayStatus(state, reason, datetime.now(UTC))
        level = "INFO" if state in {"connected", "closed"} else "WARNING"
        logger.bind(state=state, reason=reason).log(level, f"ari.{state}")
        self._on_change(self.status)

    async def _listen(self) -> None:
        """Connect and dispatch events; ends with an error, never by itself.

        Writing is tried first: with a read-only account calls would arrive and stay silent,
        while without us they reach the dialplan's fallback. An application that another process
        has is left to it, calls and all.
        """
        await self._client.check_write()
        if owner := await self._ownership.other():
            raise _Occupied(owner)
        async with self._client.listen() as events:
            self.turn("connected", "")
            async for event in events:
                if isinstance(event, ApplicationReplaced):
                    raise _Replaced
                if isinstance(event, UserEvent):
                    await self._ownership.answer(self._client, event)
                self._on_event(event)

    async def _stand_by(self, owner: Owner) -> None:
        """Leave the application to a process that lives; ask again in a moment."""
        found = occupied(self._params.app, str(owner))
        self.turn(found.state, f"{found.reason}. {found.fix}")
        await asyncio.sleep(self._params.backoff_limit)

    async def _stand_back(self) -> None:
        """Leave the application to whoever took it: for a while, in the end for good."""
        delay = min(REPLACED_LIMIT_SECONDS, self._params.replaced_retry * 2**self.times_replaced)
        self.times_replaced += 1
        found = replaced(self._params.app, delay)
        if self.times_replaced > REPLACED_ATTEMPTS:
            self.turn("replaced", f"{found.reason}. Given up: restart this one to take it back.")
            await asyncio.get_running_loop().create_future()
        self.turn("replaced", f"{found.reason}. {found.fix}")
        await asyncio.sleep(delay)
