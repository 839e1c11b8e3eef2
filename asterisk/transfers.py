"""The transfers of one call: to somebody whom the assistant asks, or whom the caller's phone names.

SHELL over :class:`~asterisk.consultation.Consultation` and :class:`~asterisk.refer.Refer`, of which
a call has one at a time. Where a phone's REFER is left to Asterisk, that puts another channel into
the caller's place by itself; the call goes on with it all the same.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

from loguru import logger

from asterisk.ari import requests
from asterisk.ari.call import LegEnd
from asterisk.ari.events import (
    AriEvent,
    Channel,
    ChannelStateChange,
    ChannelTransfer,
    StasisEnd,
    StasisStart,
)
from asterisk.ari.requests import Request
from asterisk.consultation import Consultation, Parties
from asterisk.errors import AriRefused, AsteriskError
from asterisk.params import (
    TRANSFER_CONTEXT_VARIABLE,
    TRANSFER_HANDLING,
    AriParams,
)
from asterisk.refer import Refer, Succession
from asterisk.sender import Sender, discard

_CONTEXT: Final = re.compile(r"[A-Za-z0-9_.-]{1,79}")

PJSIP: Final = "PJSIP/"
"""How the names of those channels begin whose phones speak SIP."""


class TransferableCall(Protocol):
    """What a transfer needs of the call."""

    call_id: str
    number: str
    caller: str
    channel_id: str
    bridge_id: str
    target_id: str
    successor_id: str

    def replace_caller(self, channel_id: str, channel_name: str) -> None:
        """Go on with another as the caller."""

    def caller_lost(self, end: LegEnd) -> None:
        """End, because the caller has left."""

    async def ask_or_end(self, request: Request) -> object:
        """Do a request; raises ``CallEnded`` where it fails because the call is over."""

    async def continue_in_dialplan(
        self, context: str | None, extension: str | None, priority: int | None
    ) -> None:
        """Give the caller to the dialplan."""


class Transfers:
    """Those of one call.

    Attributes:
        context: Where the numbers of the caller's phone are looked up; empty where it may not hand
            the call over, or not yet.
        on_refer: Called with a REFER of the caller's phone, which it accepts or declines; without
            it each is declined.
        on_replaced: Called when another has taken the caller's place, with its number, as far as
            it is known.

    Args:
        call: Whose transfers these are.
        params: Which application it is in.
        sender: Does requests.
        spawn: Runs what outlives the call.
    """

    def __init__(
        self,
        call: TransferableCall,
        *,
        params: AriParams,
        sender: Sender,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        self.on_refer: Callable[[Refer], None] | None = None
        self.on_replaced: Callable[[str], None] = lambda _: None
        self._call = call
        self._params = params
        self._sender = sender
        self._spawn = spawn
        self.context = ""
        self._former: set[str] = set()  # callers who are to leave
        self._ringing: Channel | None = None  # took the caller's place, and has not answered
        self._consultation: Consultation | None = None
        self._refer: Refer | None = None

    async def allow(self, channel_name: str) -> None:
        """Have a REFER of the caller's phone decided here, if the phone may hand calls over.

        It may where its channel says in which context its numbers are looked up; of all others
        Asterisk takes care (``allow_transfer`` of the endpoint). Up to Asterisk 22.10 a phone that
        may can end Asterisk with a REFER that has ``Refer-Sub: false``, so strangers may not.
        """
        if not channel_name.startswith(PJSIP):
            return
        channel_id = self._call.channel_id
        try:
            found = await self._sender.send(
                requests.get_variable(channel_id, TRANSFER_CONTEXT_VARIABLE)
            )
            context = found.get("value") if isinstance(found, dict) else None
            if isinstance(context, str) and _CONTEXT.fullmatch(context):
                handling = requests.set_variable(channel_id, TRANSFER_HANDLING, "ari-only")
                await self._sender.send(handling)
                self.context = context
        except AriRefused:
            return  # it may not
        except AsteriskError as error:
            logger.bind(error=str(error)).debug("call.refer_not_allowed")

    async def disallow(self) -> None:
        """Leave a REFER to Asterisk again: the caller goes where nobody would decide."""
        if not self.context:
            return
        self.context = ""
        try:
            channel_id = self._call.channel_id
            await self._sender.send(requests.set_variable(channel_id, TRANSFER_HANDLING, "core"))
        except AsteriskError as error:
            logger.bind(error=str(error)).debug("call.refer_still_allowed")

    def consult(self) -> Consultation:
        """Begin to put the caller through to somebody who is asked first; one at a time."""
        call = self._call
        if self._refer and self._refer.is_pending:
            self._spawn(self._refer.close())
        parties = Parties(
            app=self._params.app,
            caller_id=call.channel_id,
            caller_number=call.caller,
            target_id=call.target_id,
            bridge_id=call.bridge_id,
        )
        self._consultation = Consultation(
            parties,
            ask_target=self._sender.send,
            ask_caller=call.ask_or_end,
            continue_caller=lambda context: call.continue_in_dialplan(context, "s", 1),
            spawn=self._spawn,
        )
        return self._consultation

    def receive(self, event: AriEvent, *, is_talking: bool) -> bool:
        """Take in an event; returns whether it was of a transfer and none of the call's own.

        Args:
            event: Of any channel of the call.
            is_talking: Whether caller and assistant hear each other.
        """
        match event:
            case ChannelTransfer(state=state):
                if state is None:
                    self._asked(event, may=is_talking)
                return True
            case StasisStart(replaces=former, channel=channel) if former == self._call.channel_id:
                self._ringing = channel
                self._replace(channel.id, channel.name)
                self._told_when_up(channel)
                return True
            case ChannelStateChange(channel=channel):
                self._told_when_up(channel)
            case StasisEnd(channel=channel) if channel.id in self._former:
                self._former.discard(channel.id)
            case _:
                pass
        return any(part.receive(event) for part in (self._consultation, self._refer) if part)

    def outlives(self, end: LegEnd) -> bool:
        """Return whether the call goes on although the caller left: a successor is on the way."""
        return self._refer is not None and self._refer.outlives(end)

    async def close(self) -> None:
        """Let go of everybody who is not the caller; never raises because of Asterisk."""
        await asyncio.gather(*(part.close() for part in (self._consultation, self._refer) if part))
        leaving = [requests.hang_up(name) for name in self._former]
        call_id = self._call.call_id
        await asyncio.gather(*(discard(self._sender, one, call_id=call_id) for one in leaving))

    def _replace(self, channel_id: str, channel_name: str = "") -> None:
        self._former.add(self._call.channel_id)
        self._call.replace_caller(channel_id, channel_name)

    def _told_when_up(self, channel: Channel) -> None:
        """Tell of a new caller, whom Asterisk called by itself, once it can hear something."""
        if self._ringing and self._ringing.id == channel.id and channel.state == "Up":
            self._ringing = None
            self._tell_replaced(channel.caller_number or channel.extension)

    def _accepted(self, refer: Refer) -> None:
        self._replace(self._call.successor_id)
        self._tell_replaced(refer.to)

    def _tell_replaced(self, number: str) -> None:
        asyncio.get_running_loop().call_soon(self.on_replaced, number)

    def _asked(self, event: ChannelTransfer, *, may: bool) -> None:
        call = self._call
        succession = Succession(
            app=self._params.app,
            arguments=("inbound", call.number),
            context=self.context,
            caller_number=call.caller,
            successor_id=call.successor_id,
            bridge_id=call.bridge_id,
            limit_seconds=self._params.max_call_seconds,
        )
        refer = Refer(
            event,
            succession,
            sender=self._sender,
            spawn=self._spawn,
            replace=lambda: self._accepted(refer),
            caller_left=call.caller_lost,
        )
        occupied = (
            (self._consultation and self._consultation.is_pending)
            or (self._refer and self._refer.is_pending)
            or event.channel.id != call.channel_id
        )
        logger.bind(to=refer.to, attended=event.is_attended).info("call.refer")
        if not may or occupied or not self.context or self.on_refer is None:
            self._spawn(_decline(refer))
            return
        self._refer = refer
        asyncio.get_running_loop().call_soon(self.on_refer, refer)


async def _decline(refer: Refer) -> None:
    await refer.decline()
