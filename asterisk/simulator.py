"""An Asterisk to call without Asterisk: its REST interface on loopback, for demo, bench and tests.

SHELL around :class:`asterisk.simulation.Simulation`. Knows no RTP: whoever wants sound opens a
socket at the address that it returns from ``media_address``.
"""

import asyncio
import base64
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Final, Literal, Self

from aiohttp import web
from pydantic import SecretStr

from asterisk.params import TRANSFER_CONTEXT_VARIABLE, AriParams
from asterisk.simulated_call import SimulatedCall
from asterisk.simulated_channel import ExternalMedia, Json, SimulatedChannel
from asterisk.simulated_listeners import Listeners
from asterisk.simulated_target import Targets
from asterisk.simulation import Refusal, Simulation

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

REQUESTS_REMEMBERED: Final = 1000


class AsteriskSimulator:
    """Asterisk's REST interface on a loopback port. Use as an async context manager.

    Args:
        app: Application that the make-believe dialplan names in ``Stasis(...)``.
        username: Account.
        password: Its password.
        external_start: Whether external channels enter the application before or after their
            request is answered.
        media_address: Called with each external channel; returns Asterisk's RTP address.

    Attributes:
        read_only: The account may only read.
        ari_enabled: False answers everything with the web server's HTML 404.
        requests: The latest ones, as ``"POST /channels/externalMedia"``.
        missing_modules: Modules that do not run.
        functions: What functions of the dialplan say, as ``{"DIALPLAN_EXISTS(default)": "1"}``;
            others are not loaded.
        endpoints: Of SIP, by name: what each is set to, as ``{"allow_transfer": "false"}``.
        before_request: Awaited before each request is carried out, with what ``requests`` would
            hold: makes a slow Asterisk.
        version: What ``asterisk/info`` says.
        simulation: The channels and bridges.
        targets: Whom the application called.
    """

    def __init__(
        self,
        *,
        app: str = "voice-ai",
        username: str = "voiceai",
        password: str = "simulated",  # noqa: S107 - the password of a make-believe Asterisk
        external_start: Literal["before", "after"] = "before",
        media_address: Callable[[ExternalMedia], tuple[str, int]] | None = None,
    ) -> None:
        self.app = app
        self.read_only = False
        self.ari_enabled = True
        self.requests: deque[str] = deque(maxlen=REQUESTS_REMEMBERED)
        self.missing_modules: set[str] = set()
        self.functions: dict[str, str] = {}
        self.endpoints: dict[str, dict[str, str]] = {}
        self.before_request: Callable[[str], Awaitable[None]] | None = None
        self.version = "22.10.1"
        self.simulation = Simulation(
            self._deliver, external_start=external_start, media_address=media_address
        )
        self.targets = Targets(self.simulation)
        self._username = username
        self._password = password
        self._port = 0
        self._listeners = Listeners(self.simulation)
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """Base address, as in ``ARI_URL``."""
        return f"http://127.0.0.1:{self._port}"

    def params(self, **changes: Any) -> AriParams:
        """Parameters with which a gateway reaches this Asterisk; ``changes`` win."""
        return AriParams.model_validate(
            {
                "url": self.url,
                "username": self._username,
                "password": SecretStr(self._password),
                "app": self.app,
                **changes,
            }
        )

    async def start(self) -> None:
        """Listen; on the same port as before when it listened before."""
        application = web.Application(middlewares=[self._gate])
        application.router.add_routes(self._routes())
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening; channels stay until :meth:`restart`."""
        await self.drop_websockets()
        if self._runner:
            await self._runner.cleanup()
        self._runner = None

    async def restart(self, *, seconds_down: float = 0.0) -> None:
        """Die with all calls, and come back."""
        await self.stop()
        self.simulation.restart()
        await asyncio.sleep(seconds_down)
        await self.start()

    async def drop_websockets(self) -> None:
        """Cut all event connections; channels, bridges and the web server stay."""
        await self._listeners.drop()

    def new_call(
        self, number: str, caller: str = "", caller_name: str = "", *, transfer_context: str = ""
    ) -> SimulatedCall:
        """Let somebody call a number.

        Args:
            number: Dialled.
            caller: Who calls; empty when withheld.
            caller_name: The caller's display name.
            transfer_context: Where numbers are looked up to which the phone hands a call over;
                empty where it may not.
        """
        call = self.simulation.new_call(
            self.app, number, caller, caller_name, registered=self._listeners.has(self.app)
        )
        if transfer_context:
            call.channel.variables[TRANSFER_CONTEXT_VARIABLE] = transfer_context
        return call

    def send_raw(self, text: str) -> None:
        """Send any text as an event to all listeners, to see what they make of it."""
        self._listeners.send_raw(text)

    async def wait_registered(self) -> None:
        """Wait until the application is registered."""
        await self._listeners.wait_for(self.app)

    def _deliver(self, app: str, event: Json) -> None:
        self._listeners.deliver(app, event)

    def _routes(self) -> list[web.RouteDef]:
        return [
            web.get("/ari/events", self._listeners.serve),
            web.get("/ari/asterisk/info", self._info),
            web.get("/ari/asterisk/modules/{name}", self._module),
            web.get("/ari/asterisk/config/dynamic/res_pjsip/endpoint/{name}", self._endpoint),
            web.get("/ari/endpoints/PJSIP", self._list_endpoints),
            web.get("/ari/applications/{app}", self._application),
            web.post("/ari/applications/{app}/subscription", self._application),
            web.post("/ari/events/user/{name}", self._user_event),
            web.get("/ari/channels", self._list_channels),
            web.post("/ari/channels/externalMedia", self._external_media),
            web.post("/ari/channels/create", self._create_channel),
            web.get("/ari/channels/{id}", self._get_channel),
            web.post("/ari/channels/{id}", self._originate),
            web.delete("/ari/channels/{id}", self._hang_up),
            web.post("/ari/channels/{id}/answer", self._answer),
            web.post("/ari/channels/{id}/ring", self._ring),
            web.delete("/ari/channels/{id}/ring", self._stop_ringing),
            web.post("/ari/channels/{id}/dtmf", self._dtmf),
            web.post("/ari/channels/{id}/transfer_progress", self._transfer_progress),
            web.post("/ari/channels/{id}/continue", self._continue),
            web.get("/ari/channels/{id}/variable", self._get_variable),
            web.post("/ari/channels/{id}/variable", self._set_variable),
            web.get("/ari/channels/{id}/rtp_statistics", self._rtp_statistics),
            web.get("/ari/bridges", self._list_bridges),
            web.post("/ari/bridges/{id}", self._create_bridge),
            web.delete("/ari/bridges/{id}", self._delete_bridge),
            web.post("/ari/bridges/{id}/addChannel", self._add_channels),
            web.post("/ari/bridges/{id}/removeChannel", self._remove_channel),
        ]

    @web.middleware
    async def _gate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        name = f"{request.method} {request.path.removeprefix('/ari')}"
        self.requests.append(name)
        if self.before_request:
            await self.before_request(name)
        if not self.ari_enabled:
            return web.Response(status=404, text="<html>Not Found</html>", content_type="text/html")
        credentials = f"{self._username}:{self._password}".encode()
        expected = f"Basic {base64.b64encode(credentials).decode()}"
        if request.headers.get("Authorization") != expected:
            return _message(401, "Authentication required")
        if self.read_only and request.method != "GET":
            return _message(403, "Write access denied")
        try:
            return await handler(request)
        except Refusal as refusal:
            return _message(refusal.status, refusal.message)
        except web.HTTPNotFound:
            return _message(404, "Resource not found")

    async def _user_event(self, request: web.Request) -> web.Response:
        app = request.query["application"]
        if app not in self.simulation.applications:
            raise Refusal(404, "Application not found")
        name, body = request.match_info["name"], await request.json()
        said = {**body.get("variables", {}), "eventname": name}
        self._deliver(app, {"type": "ChannelUserevent", "eventname": name, "userevent": said})
        return web.Response(status=204)

    async def _info(self, _: web.Request) -> web.Response:
        started_at = f"2026-11-22T20:26:{self.simulation.boots:02}.088+0000"
        return web.json_response(
            {"system": {"version": self.version}, "status": {"startup_time": started_at}}
        )

    async def _module(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name.removesuffix(".so") in self.missing_modules:
            raise Refusal(404, "Module could not be found in running modules")
        return web.json_response({"name": name, "status": "Running"})

    async def _list_endpoints(self, _: web.Request) -> web.Response:
        if "res_ari_endpoints" in self.missing_modules:
            raise Refusal(404, "Resource not found")
        listed = [{"technology": "PJSIP", "resource": name} for name in self.endpoints]
        return web.json_response(listed)

    async def _endpoint(self, request: web.Request) -> web.Response:
        settings = self.endpoints[request.match_info["name"]]
        pairs = [{"attribute": name, "value": value} for name, value in settings.items()]
        return web.json_response(pairs)

    async def _application(self, request: web.Request) -> web.Response:
        app = request.match_info["app"]
        if app not in self.simulation.applications:
            raise Refusal(404, "Application not found")
        inside = [c.id for c in self.simulation.channels.values() if c.application == app]
        return web.json_response({"name": app, "channel_ids": inside, "bridge_ids": []})

    async def _list_channels(self, _: web.Request) -> web.Response:
        return web.json_response([c.json() for c in self.simulation.channels.values()])

    async def _get_channel(self, request: web.Request) -> web.Response:
        return web.json_response(self.simulation.channel(request.match_info["id"]).json())

    async def _external_media(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else {}
        return web.json_response(
            self.simulation.external_media(
                request.query,
                body.get("variables", {}),
                registered=self._listeners.has(request.query.get("app", "")),
            )
        )

    async def _hang_up(self, request: web.Request) -> web.Response:
        cause = int(request.query.get("reason_code", "16"))
        self.simulation.hang_up(request.match_info["id"], cause)
        return web.Response(status=204)

    async def _answer(self, request: web.Request) -> web.Response:
        self.simulation.answer(request.match_info["id"])
        return web.Response(status=204)

    async def _ring(self, request: web.Request) -> web.Response:
        channel = self.simulation.in_stasis(request.match_info["id"])
        if call := self.simulation.calls.get(channel.id):
            call.heard_ringing = call.hears_ringing = True
        return web.Response(status=204)

    async def _stop_ringing(self, request: web.Request) -> web.Response:
        channel = self.simulation.in_stasis(request.match_info["id"])
        if call := self.simulation.calls.get(channel.id):
            call.hears_ringing = False
        return web.Response(status=204)

    async def _create_channel(self, request: web.Request) -> web.Response:
        query = request.query
        app = query["app"]
        channel = SimulatedChannel(query["channelId"], query["endpoint"], "Down", application=app)
        if self._listeners.has(app):
            self.simulation.channels[channel.id] = channel
            self.simulation.emit(channel, "StasisStart", {"args": [], "channel": channel.json()})
        return web.json_response(channel.json())

    async def _originate(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else {}
        variables = body.get("variables", {})
        return web.json_response(
            self.targets.originate(request.match_info["id"], request.query, variables)
        )

    async def _transfer_progress(self, request: web.Request) -> web.Response:
        channel = self.simulation.in_stasis(request.match_info["id"])
        if call := self.simulation.calls.get(channel.id):
            call.refer_progress.put_nowait(request.query["states"])
        return web.Response(status=204)

    async def _dtmf(self, request: web.Request) -> web.Response:
        channel = self.simulation.in_stasis(request.match_info["id"])
        if call := self.simulation.calls.get(channel.id):
            call.digits_heard += request.query.get("dtmf", "")
        return web.Response(status=204)

    async def _continue(self, request: web.Request) -> web.Response:
        channel = self.simulation.in_stasis(request.match_info["id"])
        self.simulation.continue_in_dialplan(channel.id)
        self.targets.connect(channel, request.query.get("context"))
        return web.Response(status=204)

    async def _get_variable(self, request: web.Request) -> web.Response:
        variables = self.simulation.channel(request.match_info["id"]).variables
        name = request.query["variable"]
        found = variables.get(name, self.functions.get(name))
        if found is None and name.endswith(")"):
            raise Refusal(500, "Unable to read provided function")
        if found is None:
            raise Refusal(404, "Provided variable was not found")
        return web.json_response({"value": found})

    async def _set_variable(self, request: web.Request) -> web.Response:
        channel = self.simulation.channel(request.match_info["id"])
        channel.variables[request.query["variable"]] = request.query.get("value", "")
        return web.Response(status=204)

    async def _rtp_statistics(self, request: web.Request) -> web.Response:
        channel = self.simulation.channel(request.match_info["id"])
        if channel.id in self.simulation.media:
            raise Refusal(404, "RTP info not found")
        return web.json_response({"rxcount": 0, "rxploss": 0, "rxjitter": 0.0, "rtt": 0.0})

    async def _list_bridges(self, _: web.Request) -> web.Response:
        bridges = [self.simulation.bridge_json(name) for name in self.simulation.bridges]
        return web.json_response(bridges)

    async def _create_bridge(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        self.simulation.bridges.setdefault(name, [])
        return web.json_response(self.simulation.bridge_json(name))

    async def _delete_bridge(self, request: web.Request) -> web.Response:
        self.simulation.delete_bridge(request.match_info["id"])
        return web.Response(status=204)

    async def _add_channels(self, request: web.Request) -> web.Response:
        channels = request.query["channel"].split(",")
        self.simulation.add_channels(request.match_info["id"], channels)
        return web.Response(status=204)

    async def _remove_channel(self, request: web.Request) -> web.Response:
        self.simulation.remove_channel(request.match_info["id"], request.query["channel"])
        return web.Response(status=204)


def _message(status: int, text: str) -> web.Response:
    return web.json_response({"message": text}, status=status)
