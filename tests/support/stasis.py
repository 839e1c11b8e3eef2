"""The least of an ARI application: says what enters Stasis, and sends requests. Not the product's.

It is a second opinion, so it shares no code with `asterisk.ari`.
"""

import asyncio
from types import TracebackType
from typing import Any, Self

import aiohttp

from asterisk.params import AriParams


class StasisReader:
    """A connected application; a context manager.

    Attributes:
        events: Every event so far, as Asterisk sent it.
    """

    def __init__(self, params: AriParams) -> None:
        self.events: list[dict[str, Any]] = []
        self._params = params
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    async def __aenter__(self) -> Self:
        account = aiohttp.encode_basic_auth(
            self._params.username, self._params.password.get_secret_value()
        )
        self._session = aiohttp.ClientSession(
            f"{self._params.url}/ari/", headers={"Authorization": account}
        )
        self._socket = await self._session.ws_connect("events", params={"app": self._params.app})
        return self

    async def __aexit__(
        self,
        _: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._socket:
            await self._socket.close()
        if self._session:
            await self._session.close()

    async def next_event(self, kind: str, within: float = 5.0) -> dict[str, Any]:
        """Return the next event of a kind; those before it are kept in `events`.

        Raises:
            TimeoutError: There was none.
        """
        assert self._socket
        async with asyncio.timeout(within):
            while True:
                event: dict[str, Any] = await self._socket.receive_json()
                self.events.append(event)
                if event["type"] == kind:
                    return event

    async def request(self, method: str, path: str, **parameters: str) -> Any:
        """Send a request and return the decoded answer, None for an empty one.

        Raises:
            aiohttp.ClientResponseError: Asterisk refused it.
        """
        assert self._session
        async with self._session.request(method, path, params=parameters) as response:
            response.raise_for_status()
            return await response.json() if response.status != 204 else None
