"""The HTTP server: health, metrics, ``/calls``, ``/callers``, ``/assistants``."""

import hmac
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web
from loguru import logger
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from voiceai.errors import SchemaMismatch, SettingsError, StoreUnavailable
from voiceai.http.token import Access
from voiceai.store.answering import AssistantEntry
from voiceai.store.erasure import Erased
from voiceai.store.records import CallHistory, CallRecord
from voiceai.store.shapes import assistant_shape, call_shape, erased_shape, history_shape

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

OPEN_PATHS = frozenset({"/health/live", "/health/ready", "/metrics"})
"""Served without a token: what probes and scrapers read holds nothing of a call's content."""

MAX_CALLS = 1000
"""In one answer of ``GET /calls``."""


class History(Protocol):
    """What the API needs of the store."""

    async def calls(self, limit: int = 50) -> list[CallRecord]:
        """The newest calls."""

    async def call(self, call_id: str) -> CallHistory | None:
        """One call with its turns."""

    async def recording(self, call_id: str) -> Path | None:
        """The file of a call's recording."""

    async def delete_recording(self, call_id: str) -> bool:
        """Delete the recording of a call that is over; whether there was one."""

    async def erase(self, number: str) -> Erased:
        """Erase what is known of a caller."""

    async def assistants(self) -> list[AssistantEntry]:
        """Every assistant."""


class HttpServer:
    """Serves until it is closed.

    Args:
        access: Where to listen and the token that protects ``/calls``.
        port: 0 for any free one.
        readiness: Why we are not ready; empty when we are.
        warnings: What may fail later, though calls are taken now.
        registry: Metrics.
        history: Calls, and who answers them.
    """

    def __init__(
        self,
        access: Access,
        port: int,
        *,
        readiness: Callable[[], list[str]],
        registry: CollectorRegistry,
        history: History,
        warnings: Callable[[], list[str]] = list,
    ) -> None:
        self._access = access
        self._port = port
        self._readiness = readiness
        self._warnings = warnings
        self._registry = registry
        self._history = history
        self._application = web.Application(middlewares=[self._guard])
        self._application.add_routes(
            [
                web.get("/health/live", self._live),
                web.get("/health/ready", self._ready),
                web.get("/metrics", self._metrics),
                web.get("/calls", self._calls),
                web.get("/calls/{id}", self._call),
                web.get("/calls/{id}/recording", self._recording),
                web.delete("/calls/{id}/recording", self._delete_recording),
                web.delete("/callers/{number}", self._erase),
                web.get("/assistants", self._assistants),
                web.get("/assistants/{name}", self._assistant),
            ]
        )
        self._runner = web.AppRunner(self._application, access_log=None)

    @property
    def application(self) -> web.Application:
        """For further routes, before :meth:`start`."""
        return self._application

    @property
    def port(self) -> int:
        """The port that is served, known after :meth:`start`."""
        return int(self._runner.addresses[0][1]) if self._runner.addresses else self._port

    async def start(self) -> None:
        """Listen.

        Raises:
            SettingsError: The address is taken or not ours.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._access.host, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise SettingsError(
                f"HTTP_HOST={self._access.host} HTTP_PORT={self._port}: nobody can listen there: "
                f"{error}. Is it another voiceai? Example: HTTP_PORT=8081"
            ) from error
        logger.bind(host=self._access.host, port=self.port).info("http.listening")

    async def close(self) -> None:
        """Stop listening and end what is under way."""
        await self._runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Ask for the token, and answer errors as JSON."""
        if request.path not in OPEN_PATHS and not self._may_pass(request):
            headers = {"WWW-Authenticate": "Bearer"}
            return _error(401, "a bearer token is needed: the value of API_TOKEN", headers)
        try:
            return await handler(request)
        except web.HTTPException as exc:
            return _error(exc.status, exc.reason)
        except (StoreUnavailable, SchemaMismatch) as exc:
            return _error(503, str(exc))
        except Exception:  # noqa: BLE001 - the server's own supervisor: one request fails, not all
            logger.exception("http.failed: {} {}", request.method, request.path)
            return _error(500, "internal error; see the log")

    def _may_pass(self, request: web.Request) -> bool:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        given, wanted = token.strip().encode(), self._access.token.encode()
        return scheme.lower() == "bearer" and hmac.compare_digest(given, wanted)

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _ready(self, _: web.Request) -> web.Response:
        reasons = self._readiness()
        status = "unavailable" if reasons else "ok"
        body = {"status": status, "reasons": reasons, "warnings": self._warnings()}
        return web.json_response(body, status=503 if reasons else 200)

    async def _metrics(self, _: web.Request) -> web.Response:
        body = generate_latest(self._registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _calls(self, request: web.Request) -> web.Response:
        text = request.query.get("limit", "50")
        if not text.isdecimal() or not 1 <= int(text) <= MAX_CALLS:
            return _error(400, f"limit is a number from 1 to {MAX_CALLS}")
        return web.json_response([call_shape(r) for r in await self._history.calls(int(text))])

    async def _call(self, request: web.Request) -> web.Response:
        found = await self._history.call(request.match_info["id"])
        if found is None:
            return _error(404, "there is no call of this id")
        return web.json_response(history_shape(found))

    async def _recording(self, request: web.Request) -> web.StreamResponse:
        """Serve a recording, or a part of it; nobody may keep a copy on the way."""
        file = await self._history.recording(request.match_info["id"])
        if file is None:
            return _error(404, "there is no recording of this call")
        headers = {
            "Content-Type": "audio/wav",
            "Content-Disposition": f'inline; filename="{file.name}"',
            "Cache-Control": "no-store",
        }
        return web.FileResponse(file, headers=headers)

    async def _delete_recording(self, request: web.Request) -> web.Response:
        call_id = request.match_info["id"]
        found = await self._history.call(call_id)
        if found is not None and found.call.ended_at is None:
            return _error(409, "the call is not over")
        if not await self._history.delete_recording(call_id):
            return _error(404, "there is no recording of this call")
        return web.Response(status=204)

    async def _erase(self, request: web.Request) -> web.Response:
        number = request.match_info["number"]
        if not any(character.isdigit() for character in number):
            return _error(400, "this is not a telephone number")
        return web.json_response(erased_shape(await self._history.erase(number)))

    async def _assistants(self, _: web.Request) -> web.Response:
        entries = await self._history.assistants()
        return web.json_response([assistant_shape(entry) for entry in entries])

    async def _assistant(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        for entry in await self._history.assistants():
            if name in {entry.name, entry.id}:
                spec = entry.spec.model_dump(mode="json", exclude_none=True) if entry.spec else None
                return web.json_response({**assistant_shape(entry), "spec": spec})
        return _error(404, "there is no assistant of this name or id")


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    body: dict[str, Any] = {"error": message}
    return web.json_response(body, status=status, headers=headers)
