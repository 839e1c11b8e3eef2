"""Those who listen to the events of a simulated Asterisk, by application.

SHELL: one websocket each.
"""

import asyncio

from aiohttp import web

from asterisk.simulated_channel import Json
from asterisk.simulation import Simulation


class _Listener:
    """One event websocket and what is still to be sent on it."""

    def __init__(self, app: str, websocket: web.WebSocketResponse) -> None:
        self.app = app
        self.websocket = websocket
        self.queue: asyncio.Queue[Json] = asyncio.Queue()


class Listeners:
    """All event connections.

    Args:
        asterisk: Whose applications they register.
    """

    def __init__(self, asterisk: Simulation) -> None:
        self._asterisk = asterisk
        self._listeners: list[_Listener] = []
        self._newcomer = asyncio.Event()

    def has(self, app: str) -> bool:
        """Whether somebody listens to an application."""
        return any(listener.app == app for listener in self._listeners)

    async def wait_for(self, app: str) -> None:
        """Wait until somebody listens to an application."""
        while not self.has(app):
            self._newcomer.clear()
            await self._newcomer.wait()

    def deliver(self, app: str, event: Json) -> None:
        """Send an event to who listens to an application."""
        for listener in self._listeners:
            if listener.app == app:
                listener.queue.put_nowait(event | {"application": app})

    def send_raw(self, text: str) -> None:
        """Send any text as an event to all."""
        for listener in self._listeners:
            listener.queue.put_nowait({"raw": text})

    async def drop(self) -> None:
        """Cut all connections."""
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            await listener.websocket.close()
            self._forget(listener.app)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection: the newest of an application hears, older ones stay silent."""
        app = request.query["app"]
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        for listener in list(self._listeners):
            if listener.app == app:  # it stays open, and silent
                self._listeners.remove(listener)
                listener.queue.put_nowait({"type": "ApplicationReplaced", "application": app})
        listener = _Listener(app, websocket)
        self._listeners.append(listener)
        self._newcomer.set()
        self._asterisk.applications.add(app)
        try:
            async with asyncio.TaskGroup() as group:
                writing = group.create_task(_write(listener))
                async for _ in websocket:
                    pass
                writing.cancel()
        finally:
            if listener in self._listeners:
                self._listeners.remove(listener)
                self._forget(app)
        return websocket

    def _forget(self, app: str) -> None:
        """Forget an application without a listener, unless it has channels."""
        channels = self._asterisk.channels.values()
        if not any(channel.application == app for channel in channels):
            self._asterisk.applications.discard(app)


async def _write(listener: _Listener) -> None:
    while True:
        event = await listener.queue.get()
        if "raw" in event:
            await listener.websocket.send_str(event["raw"])
        else:
            await listener.websocket.send_json(event)
