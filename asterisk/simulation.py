"""A make-believe Asterisk: channels, bridges and what happens to them. No sockets, no RTP.

It does what Asterisk 22.10 was seen to do, in the shapes that it was seen to use, for the part
of the interface that we use. :mod:`asterisk.simulator` puts it on the network.
"""

import asyncio
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from typing import Final, Literal

from asterisk.params import FORMATS, HANDOVER_VARIABLE
from asterisk.simulated_call import SimulatedCall, SimulatedEnd
from asterisk.simulated_channel import ExternalMedia, Json, SimulatedChannel

SIP_STATUS: Final[Mapping[int, int]] = {
    1: 404, 16: 603, 17: 486, 18: 408, 19: 480, 21: 403, 22: 410, 34: 503, 38: 500, 58: 488,
}  # fmt: skip
"""What an unanswered caller is told for a Q.850 code."""

AFTER_SECONDS: Final = 0.005
"""How long after the answer to its request an external channel enters its application."""


class Refusal(Exception):
    """An HTTP error that Asterisk answers with."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Simulation:
    """Channels, bridges, applications.

    Args:
        deliver: Called with an application's name and an event for it.
        external_start: Whether an external channel enters its application before or after
            its request is answered; Asterisk does both.
        media_address: Called with each new external channel; returns where Asterisk's end of
            the audio listens. A bench opens its RTP socket there.
    """

    def __init__(
        self,
        deliver: Callable[[str, Json], None],
        *,
        external_start: Literal["before", "after"] = "before",
        media_address: Callable[[ExternalMedia], tuple[str, int]] | None = None,
    ) -> None:
        self.channels: dict[str, SimulatedChannel] = {}
        self.bridges: dict[str, list[str]] = {}
        self.calls: dict[str, SimulatedCall] = {}
        self.media: dict[str, ExternalMedia] = {}
        self.applications: set[str] = set()
        self.boots = 1
        self.external_start = external_start
        self._deliver = deliver
        self._media_address = media_address
        self._numbers = itertools.count()

    def emit(self, channel: SimulatedChannel, kind: str, body: Json) -> None:
        """Send an event to the application that a channel is in."""
        if channel.application is not None:
            self._deliver(channel.application, {"type": kind, **body})

    def new_call(
        self, app: str, number: str, caller: str, caller_name: str, *, registered: bool
    ) -> SimulatedCall:
        """Let a caller ring; without a listener for ``app`` the dialplan's fallback takes it."""
        index = next(self._numbers)
        channel = SimulatedChannel(
            f"1795379504.{index}", f"PJSIP/trunk-{index:08x}", "Ring", caller, caller_name
        )
        call = SimulatedCall(channel, self)
        if not registered:
            call.ended.set_result(SimulatedEnd("fallback", 503))
            return call
        self.channels[channel.id] = channel
        self.calls[channel.id] = call
        channel.application, channel.arguments = app, ("inbound", number)
        body = {"args": list(channel.arguments), "channel": channel.json()}
        self.emit(channel, "StasisStart", body)
        return call

    def end_caller(self, call: SimulatedCall, end: SimulatedEnd, request: Json) -> None:
        """End a caller's channel; ``request`` is added to its ChannelHangupRequest."""
        channel = call.channel
        self.emit(channel, "ChannelHangupRequest", {**request, "channel": channel.json()})
        self.leave(channel)
        self.channels.pop(channel.id, None)
        self.calls.pop(channel.id, None)
        call.ended.set_result(end)

    def restart(self) -> None:
        """Lose everything, as Asterisk does when it is killed; no events."""
        for call in self.calls.values():
            call.ended.set_result(SimulatedEnd("restart", 0))
        for channel in self.channels.values():
            if channel.limit:
                channel.limit.cancel()
        for held in (self.channels, self.bridges, self.calls, self.media):
            held.clear()
        self.applications.clear()
        self.boots += 1

    def channel(self, channel_id: str) -> SimulatedChannel:
        """Find a channel; 404 when there is none."""
        if channel_id not in self.channels:
            raise Refusal(404, "Channel not found")
        return self.channels[channel_id]

    def in_stasis(self, channel_id: str) -> SimulatedChannel:
        """Find a channel that an application controls; 409 when the dialplan does."""
        channel = self.channel(channel_id)
        if channel.application is None:
            raise Refusal(409, "Channel not in Stasis application")
        return channel

    def answer(self, channel_id: str) -> None:
        """Answer a caller."""
        channel = self.in_stasis(channel_id)
        if channel.state != "Up":
            channel.state = "Up"
            self.emit(channel, "ChannelStateChange", {"channel": channel.json()})
        if (call := self.calls.get(channel_id)) and not call.answered.done():
            call.answered.set_result(None)

    def hang_up(self, channel_id: str, cause: int) -> None:
        """Hang a channel up, as the application asks."""
        channel = self.channel(channel_id)
        if call := self.calls.get(channel_id):
            status = 200 if channel.state == "Up" else SIP_STATUS.get(cause, 603)
            self.end_caller(call, SimulatedEnd("application", status), {"cause": 32, "soft": True})
        else:
            self.end_media(channel_id)

    def end_media(self, channel_id: str, cause: int = 16) -> None:
        """End an external channel, as its time limit does, or a target's."""
        channel = self.channel(channel_id)
        application = channel.application
        self.leave(channel)
        self.channels.pop(channel_id, None)
        self.media.pop(channel_id, None)
        if channel.limit:
            channel.limit.cancel()
        if channel.on_end:
            channel.on_end(cause)
        if application is not None:
            body = {"cause": cause, "cause_txt": "", "channel": channel.json()}
            self._deliver(application, {"type": "ChannelDestroyed", **body})

    def continue_in_dialplan(self, channel_id: str) -> None:
        """Let a caller go on in the dialplan, which ends the call: nobody is behind it here."""
        channel = self.in_stasis(channel_id)
        self.leave(channel)
        self.channels.pop(channel_id)
        if call := self.calls.pop(channel_id, None):
            call.handed_over = bool(channel.variables.get(HANDOVER_VARIABLE))
            status = 200 if channel.state == "Up" else 503
            call.ended.set_result(SimulatedEnd("fallback", status))

    def external_media(
        self, query: Mapping[str, str], variables: Mapping[str, str], *, registered: bool
    ) -> Json:
        """Open an external channel."""
        host, port = _external_host(query.get("external_host", ""))
        codec = query.get("format", "")
        if not codec:
            raise Refusal(400, "format cannot be empty")
        channel_id = query.get("channelId") or f"1795379504.{next(self._numbers)}"
        if codec not in FORMATS or channel_id in self.channels:
            raise Refusal(500, "Internal Server Error")
        channel = SimulatedChannel(
            channel_id,
            f"UnicastRTP/{host}:{port}-0x7f594c005960",
            "Down",
            variables=dict(variables),
        )
        media = ExternalMedia(channel, host, port, FORMATS[codec])
        if self._media_address:
            media.address = self._media_address(media)
        shape = channel.json()
        shape["channelvars"] = {
            "UNICASTRTP_LOCAL_ADDRESS": media.address[0],
            "UNICASTRTP_LOCAL_PORT": str(media.address[1]),
        }
        channel.variables |= shape["channelvars"]
        if registered:
            self.channels[channel_id], self.media[channel_id] = channel, media
            self._enter(media, query["app"])
        return shape

    def add_channels(self, bridge_id: str, channel_ids: Sequence[str]) -> None:
        """Put channels into a bridge."""
        if bridge_id not in self.bridges:
            raise Refusal(404, "Bridge not found")
        if any(name not in self.channels for name in channel_ids):
            raise Refusal(400, "Channel not found")
        channels = [self.channels[name] for name in channel_ids]
        if any(channel.application is None for channel in channels):
            raise Refusal(422, "Channel not in Stasis application")
        for channel in channels:
            channel.bridge_id = bridge_id
            self.bridges[bridge_id].append(channel.id)
            body = {"bridge": self.bridge_json(bridge_id), "channel": channel.json()}
            self.emit(channel, "ChannelEnteredBridge", body)
        inside = self.bridges[bridge_id]
        media = next((self.media[name] for name in inside if name in self.media), None)
        for name in inside:
            call = self.calls.get(name)
            if call and media and not call.joined.done():
                call.joined.set_result(media)

    def remove_channel(self, bridge_id: str, channel_id: str) -> None:
        """Take a channel out of a bridge; it stays in its application."""
        channel = self.in_stasis(channel_id)
        if channel.bridge_id != bridge_id:
            raise Refusal(422, "Channel not in this bridge")
        self._unbridge(channel)

    def delete_bridge(self, bridge_id: str) -> None:
        """Delete a bridge; the channels in it stay."""
        if bridge_id not in self.bridges:
            raise Refusal(404, "Bridge not found")
        shape = self.bridge_json(bridge_id)
        applications = set()
        for name in self.bridges.pop(bridge_id):
            channel = self.channels[name]
            channel.bridge_id = None
            applications.add(channel.application)
            body = {"bridge": shape, "channel": channel.json()}
            self.emit(channel, "ChannelLeftBridge", body)
        for application in applications:
            if application is not None:
                self._deliver(application, {"type": "BridgeDestroyed", "bridge": shape})

    def bridge_json(self, bridge_id: str) -> Json:
        """Return a bridge in ARI's shape."""
        return {
            "id": bridge_id,
            "technology": "simple_bridge",
            "bridge_type": "mixing",
            "bridge_class": "stasis",
            "creator": "Stasis",
            "name": bridge_id,
            "channels": list(self.bridges.get(bridge_id, [])),
            "creationtime": "2026-11-22T20:31:45.192+0000",
            "video_mode": "talker",
        }

    def _enter(self, media: ExternalMedia, app: str) -> None:
        loop = asyncio.get_running_loop()
        channel = media.channel

        def start() -> None:
            if channel.id not in self.channels:
                return
            channel.state, channel.application = "Up", app
            self.emit(channel, "ChannelStateChange", {"channel": channel.json()})
            self.emit(channel, "StasisStart", {"args": [], "channel": channel.json()})

        if self.external_start == "before":
            start()
        else:
            loop.call_later(AFTER_SECONDS, start)
        if limit := channel.variables.get("TIMEOUT(absolute)"):
            channel.limit = loop.call_later(float(limit), self.end_media, channel.id)

    def leave(self, channel: SimulatedChannel) -> None:
        """Take a channel out of its bridge and its application."""
        self._unbridge(channel)
        self.emit(channel, "StasisEnd", {"channel": channel.json()})
        channel.application = None

    def _unbridge(self, channel: SimulatedChannel) -> None:
        if channel.bridge_id is not None:
            self.bridges[channel.bridge_id].remove(channel.id)
            body = {"bridge": self.bridge_json(channel.bridge_id), "channel": channel.json()}
            channel.bridge_id = None
            self.emit(channel, "ChannelLeftBridge", body)


def _external_host(text: str) -> tuple[str, int]:
    match = re.fullmatch(r"\[?(?P<host>[^\]]+?)\]?:(?P<port>\d+)", text)
    if not match:
        raise Refusal(400, "external_host must be host:port")
    try:
        ip_address(match["host"])
    except ValueError as error:
        raise Refusal(500, "Internal Server Error") from error
    return match["host"], int(match["port"])
