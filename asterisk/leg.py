"""One call: the caller's channel, and the external channel and the bridge that we add to it.

SHELL over :mod:`asterisk.ari.call`: carries out the actions of its table, feeds it the events.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final
from uuid import uuid4

from asterisk.ari import events, requests
from asterisk.ari.call import ALIVE, TRANSITIONS, Action, Event, LegEnd, State, advance
from asterisk.ari.events import AriEvent, Channel
from asterisk.ari.naming import Naming
from asterisk.ari.requests import HangupCause, Request
from asterisk.consultation import Consultation
from asterisk.errors import AriDisconnected, AriProtocolError, AriRefused, CallEnded
from asterisk.external_media import ExternalMedia
from asterisk.params import HANDOVER_VARIABLE, AriParams, FormatName
from asterisk.sender import GONE, Sender, discard
from asterisk.transfers import Transfers

TIME_LIMIT: Final = "TIMEOUT(absolute)"
"""Seconds that a channel has from when it is set; 0 for no limit.

The rendered dialplan sets it before the application has the caller: a net for a call that
everybody forgot, and nothing that should end the caller's talk with somebody else.
"""

END_GRACE_SECONDS: Final = 0.5
"""How long the event may take that explains why a request failed."""


class Leg:
    """A call of ours, from its arrival until everything of it is given back.

    Attributes:
        call_id: Our own id, 32 hexadecimal digits.
        channel_id: Asterisk's id of the caller's channel; another once the caller's phone has
            handed the call over.
        channel_name: Asterisk's name of it, as ``PJSIP/trunk-00000001``; empty where unknown.
        number: The dialled number; empty when the trunk told none.
        caller: The caller's number; empty when withheld.
        caller_name: The caller's display name.
        adopted: Found in our application, waiting, when we connected: a process before this one
            died with the call. It may be answered already, and its start is unknown.
        on_dtmf: Called with each key the caller presses and how long it was held, in ms.
        hears_caller: Says whether the caller's audio still arrives. While it does, the call goes on
            however long Asterisk's control interface is out of reach.
        ended: Resolves when the call is over, with who ended it and why; never raises.
        state: Where the call is.
        ids: Of all channels of the call, and of the bridge.
        transfers: To somebody else.
        unlisted_events: Events that changed nothing; Asterisk's race, so a few are normal.
        left_behind: Whether the caller is still in our application after :meth:`release`, because
            Asterisk could not be told to hang up.
    """

    def __init__(
        self,
        channel: Channel,
        arguments: Sequence[str],
        *,
        params: AriParams,
        sender: Sender,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        adopted: bool = False,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.call_id = uuid4().hex
        self.channel_id = channel.id
        self.number = _number(channel, arguments)
        self.caller = channel.caller_number
        self.caller_name = channel.caller_name
        self.adopted = adopted
        self.on_dtmf: Callable[[str, int], None] | None = None
        self.hears_caller: Callable[[], bool] = lambda: False
        self.ended: asyncio.Future[LegEnd] = loop.create_future()
        self.state = State.ANSWERED if channel.state == "Up" else State.RINGING
        self.unlisted_events = 0
        self.left_behind = False
        naming = Naming(params.app, params.instance)
        self.external_id = naming.external(self.call_id)
        self.bridge_id = naming.bridge(self.call_id)
        self.target_id = naming.target(self.call_id)
        self.successor_id = naming.successor(self.call_id)
        self.ids = [
            channel.id,
            self.external_id,
            self.bridge_id,
            self.target_id,
            self.successor_id,
        ]
        self._params = params
        self._sender = sender
        self._spawn = spawn
        self._media = ExternalMedia(
            self.external_id,
            self.bridge_id,
            params=params,
            sender=sender,
            call_ended=self.ended,
        )
        self._caller_dropped = False
        self._handing_over: asyncio.Future[None] | None = None
        self._releasing: asyncio.Task[None] | None = None
        self.channel_name = channel.name
        self.transfers = Transfers(self, params=params, sender=sender, spawn=spawn)

    @property
    def media_is_up(self) -> bool:
        """Whether the external channel is in our application."""
        return self._media.is_up

    async def ring(self) -> None:
        """Let the caller hear ringing where that is possible: the answer takes a while.

        Raises:
            CallEnded: The caller has left.
        """
        if self.state is State.RINGING:
            with contextlib.suppress(AriRefused, AriDisconnected):
                await self._ask(requests.ring(self.channel_id))

    async def answer(self) -> None:
        """Answer the caller; does nothing when the call is answered already.

        Raises:
            CallEnded: The caller has left.
            AriDisconnected: Asterisk cannot be reached.
            AriRefused: Asterisk will not answer the channel.
        """
        if Action.ANSWER_CALLER in self._move(Event.ANSWER):
            await self._ask(requests.answer(self.channel_id))
            self._move(Event.ANSWERED)
        self._still_on()

    async def prepare_media(self, host: str, port: int, codec: FormatName) -> tuple[str, int]:
        """Open the external channel and the bridge; both are silent until :meth:`join`.

        May run while the caller still rings, and beside :meth:`answer`.

        Args:
            host: Numeric address at which our RTP socket listens.
            port: Its port.
            codec: What Asterisk is to send.

        Returns:
            Address to which we send our RTP.

        Raises:
            CallEnded: The caller left meanwhile.
            AriDisconnected: Asterisk cannot be reached, or the channel did not come up in time.
            AriRefused: Asterisk will not open the channel or the bridge.
        """
        if self._media.is_opened:
            raise RuntimeError("prepare_media() may be called once per call")
        if Action.OPEN_MEDIA not in self._move(Event.PREPARE_MEDIA):
            self._still_on()
            raise RuntimeError(f"prepare_media() in state {self.state}")
        self._spawn(self.transfers.allow(self.channel_name))
        return await self._media.open(host, port, codec)

    async def join(self) -> None:
        """Let caller and external channel hear each other.

        Raises:
            CallEnded: The caller or the external channel left meanwhile.
            AriDisconnected: Asterisk cannot be reached.
            AriRefused: Asterisk will not bridge them.
        """
        if not self.media_is_up or Action.BRIDGE not in self._move(Event.JOIN):
            self._still_on()
            raise RuntimeError(f"join() in state {self.state}: answer and prepare_media come first")
        both = (self.channel_id, self.external_id)
        await self.ask_or_end(requests.add_channels(self.bridge_id, both))
        self._move(Event.JOINED)

    async def open_media(self, host: str, port: int, codec: FormatName) -> tuple[str, int]:
        """Do :meth:`prepare_media`, then :meth:`join`."""
        address = await self.prepare_media(host, port, codec)
        await self.join()
        return address

    async def hangup(self, cause: HangupCause = HangupCause.NORMAL) -> None:
        """End the call; an unanswered caller gets the SIP status of ``cause``.

        Does nothing when the caller has left. Asterisk out of reach is logged, not raised: the
        next comparison of channels cleans up.
        """
        end = LegEnd("us", int(cause), cause.name)
        if Action.HANG_UP_CALLER in self._move(Event.HANG_UP, end):
            await self._drop_caller(cause)

    async def send_dtmf(self, digits: str) -> None:
        """Play digits to the caller.

        Raises:
            CallEnded: The caller has left.
            AriDisconnected: Asterisk cannot be reached.
            AriRefused: Asterisk will not play them.
        """
        self._still_on()
        await self._ask(requests.send_dtmf(self.channel_id, digits))

    async def continue_in_dialplan(
        self,
        context: str | None = None,
        extension: str | None = None,
        priority: int | None = None,
    ) -> None:
        """Give the caller back to the dialplan, with all time; the call is over for us then.

        Without a place, the rendered dialplan goes on in the context ``voiceai-fallback``; a
        dialplan of one's own goes on behind its ``Stasis()``, with ``VOICEAI_HANDOVER`` set.

        Raises:
            CallEnded: The caller has left.
            AriDisconnected: Asterisk cannot be reached.
            AriRefused: Asterisk will not move the channel.
        """
        if Action.CONTINUE_CALLER not in self._move(Event.HAND_OVER, LegEnd("handover")):
            self._still_on()
        settled = self._handing_over = asyncio.get_running_loop().create_future()
        try:
            await self.transfers.disallow()
            with contextlib.suppress(AriRefused):  # func_timeout is not loaded: no limit either
                await self._ask(requests.set_variable(self.channel_id, TIME_LIMIT, "0"))
            if context is None:
                await self._ask(
                    requests.set_variable(self.channel_id, HANDOVER_VARIABLE, "fallback")
                )
            await self._ask(
                requests.continue_in_dialplan(self.channel_id, context, extension, priority)
            )
        except CallEnded:
            raise
        except BaseException:
            self._move(Event.HANDOVER_FAILED)
            raise
        finally:
            settled.set_result(None)

    def consult(self) -> Consultation:
        """Begin to put the caller through to somebody who is asked first; one at a time.

        Raises:
            CallEnded: The caller has left.
        """
        self._still_on()
        return self.transfers.consult()

    async def rtp_statistics(self) -> dict[str, Any]:
        """Read Asterisk's view of the caller's audio: loss, jitter, round trip, MES.

        Raises:
            CallEnded: The caller has left.
            AriDisconnected: Asterisk cannot be reached.
            AriRefused: The channel carries no RTP.
            AriProtocolError: The answer is not an object.
        """
        self._still_on()
        try:
            found = await self._sender.send(requests.rtp_statistics(self.channel_id))
        except AriRefused:
            self._still_on()
            raise
        if not isinstance(found, dict):
            raise AriProtocolError("rtp_statistics is not an object")
        return found

    async def release(self) -> None:
        """Give everything back: external channel, bridge, and the caller who is still there.

        Idempotent. Goes on when the waiting task is cancelled; never raises because of Asterisk.
        A hand-over that is under way comes first: if it fails, the caller is still ours.
        """
        if self._releasing is None:
            self._releasing = self._spawn(self._give_back())
        await asyncio.shield(self._releasing)

    def receive(self, event: AriEvent) -> None:
        """Take in an event of one of the call's :attr:`ids`."""
        if not self.transfers.receive(event, is_talking=self.state is State.TALKING):
            self._take_in(event)

    def _take_in(self, event: AriEvent) -> None:
        match event:
            case events.StasisStart(channel=channel) if channel.id == self.external_id:
                self._media.enter()
            case events.ChannelStateChange(channel=channel) if channel.id == self.channel_id:
                if channel.state == "Up":
                    self._move(Event.ANSWERED)
            case events.ChannelDtmfReceived(channel=channel) if channel.id == self.channel_id:
                if Action.REPORT_DIGIT in self._move(Event.DIGIT_PRESSED):
                    self._report_digit(event.digit, event.duration_ms)
            case events.ChannelHangupRequest() | events.ChannelDestroyed() | events.StasisEnd():
                self._channel_left(event)
            case events.ChannelLeftBridge(channel=channel) if channel.id == self.external_id:
                self.media_lost("it left the bridge")
            case events.BridgeDestroyed():
                self.media_lost("the bridge was destroyed")
            case _:
                pass

    def caller_lost(self, end: LegEnd) -> None:
        """Take note that the caller's channel is not there, or not ours, any more."""
        if not self.transfers.outlives(end):
            self._move(Event.CALLER_LEFT, end)

    def replace_caller(self, channel_id: str, channel_name: str) -> None:
        """Take another for the caller from now on."""
        self.channel_id, self.channel_name = channel_id, channel_name
        self.ids.append(channel_id)

    def media_lost(self, text: str) -> None:
        """Take note that the external channel or the bridge is of no use any more."""
        timed_out = self._media.has_timed_out
        end = LegEnd("timeout", text="the limit of a call") if timed_out else None
        self._move(Event.MEDIA_LOST, end or LegEnd("media", text=f"external channel: {text}"))

    def asterisk_lost(self, text: str) -> None:
        """Take note that Asterisk is gone, and the call with it."""
        self._move(Event.ASTERISK_LOST, LegEnd("asterisk", text=text))

    def _channel_left(
        self, event: events.ChannelHangupRequest | events.ChannelDestroyed | events.StasisEnd
    ) -> None:
        cause = None if isinstance(event, events.StasisEnd) else event.cause
        if isinstance(event, events.ChannelHangupRequest) and event.is_shutdown:
            self.asterisk_lost("is being stopped")
        elif event.channel.id == self.channel_id:
            self.caller_lost(LegEnd("caller", cause, "hung up"))
        elif event.channel.id == self.external_id:
            self.media_lost("it ended")

    def _move(self, event: Event, end: LegEnd | None = None) -> tuple[Action, ...]:
        if (self.state, event) not in TRANSITIONS:
            self.unlisted_events += 1
        self.state, actions = advance(self.state, event)
        if Action.REPORT_END in actions and not self.ended.done():
            self.ended.set_result(end or LegEnd("us"))
        return actions

    def _still_on(self) -> None:
        if self.state not in ALIVE:
            raise CallEnded(self.ended.result())

    def _report_digit(self, digit: str, duration_ms: int) -> None:
        if self.on_dtmf:
            asyncio.get_running_loop().call_soon(self.on_dtmf, digit, duration_ms)

    async def _ask(self, request: Request) -> object:
        """Do a request on the caller's channel; its absence ends the call."""
        try:
            return await self._sender.send(request)
        except AriRefused as error:
            if error.status not in GONE:
                raise
            self.caller_lost(LegEnd("caller", text=error.reason))
            self._still_on()
            raise

    async def ask_or_end(self, request: Request) -> object:
        """Do a request that fails when the caller or the external channel has just left."""
        try:
            return await self._sender.send(request)
        except AriRefused:
            await asyncio.wait({self.ended}, timeout=END_GRACE_SECONDS)
            self._still_on()
            raise

    async def _drop_caller(self, cause: HangupCause) -> None:
        if not self._caller_dropped:
            request = requests.hang_up(self.channel_id, cause)
            self._caller_dropped = await discard(self._sender, request, call_id=self.call_id)

    async def _give_back(self) -> None:
        if self._handing_over:
            await asyncio.wait({self._handing_over})
        actions = self._move(Event.RELEASE, LegEnd("us"))
        async with asyncio.TaskGroup() as group:
            group.create_task(self.transfers.close())
            if Action.HANG_UP_CALLER in actions:
                group.create_task(self._drop_caller(HangupCause.NORMAL))
            if Action.DELETE_MEDIA in actions:
                group.create_task(self._media.give_back(call_id=self.call_id))
        self.left_behind = Action.HANG_UP_CALLER in actions and not self._caller_dropped


def _number(channel: Channel, arguments: Sequence[str]) -> str:
    """The second argument of ``Stasis(app,inbound,NUMBER)``, else the dialplan's extension."""
    if len(arguments) > 1 and arguments[1]:
        return arguments[1]
    return channel.extension if any(map(str.isdigit, channel.extension)) else ""
