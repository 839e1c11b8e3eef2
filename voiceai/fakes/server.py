"""An HTTP server on the loopback interface that can vanish and come back at the same port."""

import asyncio
from collections.abc import Iterable
from typing import Final, Self

from aiohttp import web
from aiohttp.typedefs import Handler

from voiceai.fakes.endpoint import Endpoint

__all__ = ["HOST", "LocalServer", "Provider"]

HOST: Final = "127.0.0.1"
MAX_REQUEST_BYTES: Final = 32 * 1024 * 1024
SHUTDOWN_SECONDS: Final = 0.1


class LocalServer:
    """The server; a context manager.

    Attributes:
        port: The one it listens on, or listened on last.
    """

    def __init__(self, routes: Iterable[web.AbstractRouteDef], port: int = 0) -> None:
        """Remember what is served.

        Args:
            routes: What is served.
            port: 0 takes a free one.
        """
        self.port = port
        self._routes = list(routes)
        self._runner: web.AppRunner | None = None
        self._open: set[asyncio.BaseTransport] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"http://{HOST}:{self.port}"

    @property
    def websocket_url(self) -> str:
        """Its address, without a path, for websockets."""
        return f"ws://{HOST}:{self.port}"

    async def start(self) -> None:
        """Listen; after `stop` at the same port again.

        Raises:
            OSError: The port is taken.
        """
        app = web.Application(client_max_size=MAX_REQUEST_BYTES, middlewares=[self._noting])
        app.add_routes(self._routes)
        self._runner = web.AppRunner(
            app, handler_cancellation=True, shutdown_timeout=SHUTDOWN_SECONDS, access_log=None
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self.port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Reset all connections and refuse new ones, as a killed server does."""
        runner, self._runner = self._runner, None
        self.hang_up()
        if runner:
            await runner.cleanup()

    def hang_up(self) -> None:
        """Reset the connections of all requests in progress; new ones are taken."""
        for transport in list(self._open):
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()

    @web.middleware
    async def _noting(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("gone before it was answered")
        self._open.add(transport)
        try:
            return await handler(request)
        except ConnectionError:  # the script reset the connection, or the client left
            return web.Response()
        finally:
            self._open.discard(transport)


class Provider:
    """A provider of services on a server of this machine; a context manager.

    Attributes:
        server: What listens; `stop` and `start` it, or let it `hang_up`.
        endpoints: All that it has, to let them fail together.
    """

    def __init__(
        self, routes: Iterable[web.AbstractRouteDef], endpoints: Iterable[Endpoint], port: int
    ) -> None:
        """Prepare the server.

        Args:
            routes: What is served.
            endpoints: How that behaves, and what it was asked.
            port: 0 takes a free one.
        """
        self.server = LocalServer(routes, port)
        self.endpoints = tuple(endpoints)

    async def __aenter__(self) -> Self:
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.stop()
