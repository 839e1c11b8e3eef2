"""Asterisk's REST interface over the network: requests out, events in.

SHELL: owns the HTTP connections and the websocket, decides nothing. The only file here that
imports aiohttp's client.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final, Self
from uuid import uuid4

import aiohttp
from aiohttp import WSMsgType
from loguru import logger

from asterisk.ari import diagnosis, requests
from asterisk.ari.diagnosis import Diagnosis
from asterisk.ari.events import AriEvent, parse_event
from asterisk.ari.requests import Request
from asterisk.errors import AriDisconnected, AriProtocolError, AriRefused
from asterisk.params import AriParams

KEEPALIVE_SECONDS: Final = 10.0
"""Idle connections are dropped before Asterisk (15 s by default) drops them under a request."""

MAX_EVENT_BYTES: Final = 1 << 20


class AriClient:
    """A connection to one Asterisk. Use as an async context manager.

    Attributes:
        malformed_events: Messages that were not events, dropped.
    """

    def __init__(self, params: AriParams) -> None:
        self.malformed_events = 0
        self._params = params
        self._url = params.url.rstrip("/") + "/ari"
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        password = self._params.password.get_secret_value()
        self._session = aiohttp.ClientSession(
            headers={"Authorization": aiohttp.encode_basic_auth(self._params.username, password)},
            timeout=aiohttp.ClientTimeout(total=self._params.request_timeout),
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_SECONDS),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._session:
            await self._session.close()
        self._session = None

    async def send(self, request: Request) -> object:
        """Do one request.

        Returns:
            The decoded JSON of the answer; None where Asterisk answers with nothing.

        Raises:
            AriDisconnected: No connection, or no answer in time.
            AriRefused: Asterisk answered with an error status.
            AriProtocolError: The answer is not JSON.
        """
        session = self._open_session()
        try:
            async with session.request(
                request.method,
                self._url + request.path,
                params=list(request.query),
                json=request.body,
            ) as response:
                text = await response.text(encoding="utf-8", errors="replace")
        except (aiohttp.ClientError, OSError) as error:
            raise _disconnected(self._explain(error)) from error
        is_json = response.content_type == "application/json"
        if response.status >= 400:
            raise self._refused(request, response.status, is_json=is_json, text=text)
        if not text:
            return None
        try:
            decoded: object = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise AriProtocolError(f"the answer to {request} is not JSON") from error
        return decoded

    async def check_write(self) -> None:
        """Find out whether the account may write, by creating a bridge and deleting it.

        Raises:
            AriDisconnected: No connection, or no answer in time.
            AriRefused: It may not, or the interface is not complete; the error tells the fix.
        """
        bridge_id = f"voiceai-probe-{uuid4().hex}"
        await self.send(requests.create_bridge(bridge_id))
        await self.send(requests.delete_bridge(bridge_id))

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[AsyncIterator[AriEvent]]:
        """Register the application and receive its events until the block is left.

        The events end with ``AriDisconnected``, never silently.

        Raises:
            AriDisconnected: No connection, or no answer in time.
            AriRefused: The handshake was refused; the error tells the fix.
        """
        session = self._open_session()
        path = "/events"
        try:
            async with asyncio.timeout(self._params.request_timeout):
                websocket = await session.ws_connect(
                    self._url + path,
                    params={"app": self._params.app, "subscribeAll": "false"},
                    heartbeat=self._params.heartbeat,
                    max_msg_size=MAX_EVENT_BYTES,
                )
        except aiohttp.WSServerHandshakeError as error:
            found = self._diagnose(error.status, path, is_json=False, message=error.message)
            raise AriRefused(error.status, found.reason, found.fix) from error
        except (aiohttp.ClientError, OSError) as error:
            raise _disconnected(self._explain(error)) from error
        async with websocket:
            yield self._events(websocket)

    async def _events(self, websocket: aiohttp.ClientWebSocketResponse) -> AsyncIterator[AriEvent]:
        async for message in websocket:
            if message.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
                continue
            try:
                yield parse_event(message.data)
            except AriProtocolError as error:
                self.malformed_events += 1
                logger.bind(error=str(error)).warning("ari.malformed_event")
        failure = websocket.exception()
        detail = str(failure) if failure else f"close code {websocket.close_code}"
        raise _disconnected(diagnosis.connection_lost(detail))

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise AriDisconnected("the client is closed")
        return self._session

    def _explain(self, error: Exception) -> Diagnosis:
        if isinstance(error, TimeoutError):
            return diagnosis.no_answer(self._params.url, self._params.request_timeout)
        cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
        if isinstance(cause, ConnectionRefusedError):
            return diagnosis.nobody_listens(self._params.url)
        return diagnosis.no_route(self._params.url, str(error) or type(error).__name__)

    def _diagnose(self, status: int, path: str, *, is_json: bool, message: str) -> Diagnosis:
        return diagnosis.refused(
            status, path, is_json=is_json, message=message, username=self._params.username
        )

    def _refused(self, request: Request, status: int, *, is_json: bool, text: str) -> AriRefused:
        message = text
        if is_json:
            try:
                body = json.loads(text)
            except (ValueError, RecursionError):
                body = None
            if isinstance(body, dict):
                message = str(body.get("message") or body.get("error") or text)
        if status in {401, 403} or not is_json or message == "Resource not found":
            found = self._diagnose(status, request.path, is_json=is_json, message=message)
            return AriRefused(status, found.reason, found.fix)
        return AriRefused(status, f"{request}: {status} {message}")


def _disconnected(found: Diagnosis) -> AriDisconnected:
    return AriDisconnected(found.reason, found.fix)
