"""A caller's phone hands the call over to somebody else (SIP's REFER), as the application decides.

SHELL over :mod:`asterisk.ari.refer`. The caller stays with the assistant until the successor has
answered; then the successor is in the caller's place, and the phone is told to hang up. Asterisk
lets the application decide where the channel says so (``TRANSFER_HANDLING``).
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from loguru import logger

from asterisk.ari import events, requests
from asterisk.ari.call import LegEnd
from asterisk.ari.consultation import Unanswered, why_unanswered
from asterisk.ari.events import AriEvent, ChannelTransfer
from asterisk.ari.refer import PENDING, Action, Event, State, advance, place_of, shown_name
from asterisk.ari.requests import Request, TransferState
from asterisk.errors import AriDisconnected, AriRefused, AsteriskError
from asterisk.params import TARGET_VARIABLE
from asterisk.sender import Sender

ANSWER_GRACE_SECONDS: Final = 3.0
"""How much longer than it rings a successor may take to say that it does not any more."""

FAREWELL_SECONDS: Final = 2.0
"""How long a phone that was told 200 may take to hang up: RFC 5589 has it do so at once."""

TOLD: Final[dict[Action, TransferState]] = {
    Action.TELL_ANSWERED: "channel_answered",
    Action.TELL_UNAVAILABLE: "channel_unavailable",
    Action.TELL_DECLINED: "channel_declined",
}


@dataclass(frozen=True, slots=True)
class Succession:
    """Whom and what a REFER is about.

    Attributes:
        app: Our application.
        arguments: With which the successor enters it, as a caller of the same number does.
        context: Where the phone's numbers are looked up; empty where it may not hand over.
        caller_number: Shown to the successor; empty when withheld.
        successor_id: Channel of the successor, chosen by us.
        bridge_id: Bridge in which caller and external channel are.
        limit_seconds: So long the successor's channel lives at most, whatever becomes of us.
    """

    app: str
    arguments: tuple[str, ...]
    context: str
    caller_number: str
    successor_id: str
    bridge_id: str
    limit_seconds: int


class Refer:
    """One REFER: :meth:`accept` it or :meth:`decline` it.

    Attributes:
        to: Whom the phone names; of an attended transfer, who is at the other end.
        state: Where it is.
        failed: Resolves when the caller stays, with the reason; never raises.

    Args:
        wish: What the phone asked for.
        succession: Whom it is about.
        sender: Does requests.
        spawn: Runs what outlives the call.
        replace: Makes the successor the caller.
        caller_left: Told of the end of a caller who did not wait for what comes of it.
    """

    def __init__(
        self,
        wish: ChannelTransfer,
        succession: Succession,
        *,
        sender: Sender,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        replace: Callable[[], None],
        caller_left: Callable[[LegEnd], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.to = shown_name(wish)
        self.state = State.ASKED
        self.failed: asyncio.Future[Unanswered] = loop.create_future()
        self._wish = wish
        self._caller_id = wish.channel.id
        self._succession = succession
        self._sender = sender
        self._spawn = spawn
        self._replace = replace
        self._caller_left = caller_left
        self._answered: asyncio.Future[None] = loop.create_future()
        self._caller_gone: asyncio.Future[LegEnd] = loop.create_future()

    @property
    def is_pending(self) -> bool:
        """Whether nothing has come of it yet."""
        return self.state in PENDING

    async def accept(self, ring_seconds: int) -> Unanswered | None:
        """Call the successor and have it take the caller's place; caller and assistant go on.

        Args:
            ring_seconds: So long it rings.

        Returns:
            None when the successor is the caller now, else why not.
        """
        endpoint = place_of(self._wish, self._succession.context)
        if not endpoint:
            return await self.decline()
        if Action.CALL_SUCCESSOR not in self._move(Event.ACCEPT):
            return await self.failed
        try:
            async with asyncio.timeout(ring_seconds + ANSWER_GRACE_SECONDS):
                await self._sender.send(self._call(endpoint, ring_seconds))
                either: set[asyncio.Future[Any]] = {self._answered, self.failed}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            await self._give_up(Unanswered.NO_ANSWER)
        except (AriRefused, AriDisconnected) as error:
            logger.bind(error=str(error)).warning("call.successor_not_called")
            await self._give_up(Unanswered.UNREACHABLE)
        if self.state is State.ANSWERED:
            await self._take_place()
        return None if self.state is State.ACCEPTED else await self.failed

    async def decline(self) -> Unanswered:
        """Tell the phone that it may not; the call goes on as it is."""
        await self._give_up(Unanswered.REFUSED)
        return await self.failed

    async def close(self) -> None:
        """Let the successor go unless it is the caller; never raises because of Asterisk."""
        await self._give_up(Unanswered.HUNG_UP)

    def outlives(self, end: LegEnd) -> bool:
        """Take note that the caller left; returns whether the call waits for the successor.

        Phones may hang up as soon as their REFER is accepted, and leave the rest to us.
        """
        if self.state not in {State.CALLING, State.ANSWERED}:
            return False
        if not self._caller_gone.done():
            self._caller_gone.set_result(end)
        return True

    def receive(self, event: AriEvent) -> bool:
        """Take in an event; returns whether it was of one who is not the caller."""
        match event:
            case events.UnknownEvent() | events.UserEvent() | events.ApplicationReplaced():
                return False
            case events.Dial() | events.BridgeDestroyed() | events.ChannelTransfer():
                return False
            case _ if event.channel.id == self._succession.successor_id:
                return self._of_successor(event)
            case _ if event.channel.id == self._caller_id and self.state is State.ACCEPTED:
                if isinstance(event, events.StasisEnd) and not self._caller_gone.done():
                    self._caller_gone.set_result(LegEnd("caller"))
                return True
            case _:
                return False

    def _of_successor(self, event: AriEvent) -> bool:
        if self.state is State.ACCEPTED:
            return False
        match event:
            case events.StasisStart():
                self._successor_answered()
            case events.ChannelDestroyed(cause=cause):
                self._successor_left(cause)
            case events.StasisEnd():
                self._successor_left(None)
            case _:
                pass
        return True

    def _successor_answered(self) -> None:
        """Take note of the answer; it may come after all, where calling was slower than giving up.

        Whoever answers too late is hung up on: nobody would speak.
        """
        if Action.REPORT_ANSWER in self._move(Event.SUCCESSOR_ANSWERED):
            self._answered.set_result(None)
        elif self.state is State.REFUSED:
            self._spawn(self._let_go())

    async def _let_go(self) -> None:
        await self._quietly(requests.hang_up(self._succession.successor_id))

    def _successor_left(self, cause: int | None) -> None:
        why = why_unanswered(cause, has_answered=self.state is not State.CALLING)
        actions = self._move(Event.SUCCESSOR_LEFT)
        if actions:
            self._spawn(self._refuse(actions, why))

    def _call(self, endpoint: str, ring_seconds: int) -> Request:
        about = self._succession
        variables = {"TIMEOUT(absolute)": str(about.limit_seconds)}
        if self._wish.connected is not None:
            variables[TARGET_VARIABLE] = self._wish.connected.name
        return requests.originate(
            about.successor_id,
            endpoint,
            app=about.app,
            originator=self._caller_id,
            caller=about.caller_number,
            ring_seconds=ring_seconds,
            arguments=about.arguments,
            variables=variables,
        )

    async def _take_place(self) -> None:
        """Exchange the two in the bridge; on a refusal the caller is put back."""
        about = self._succession
        await self._quietly(requests.remove_channel(about.bridge_id, self._caller_id))
        joined = await self._quietly(requests.add_channels(about.bridge_id, (about.successor_id,)))
        actions = self._move(Event.REPLACE) if joined else ()
        if Action.REPLACE_CALLER in actions:
            self._replace()
            await self._tell(actions)
            self._spawn(self._see_off())
            return
        await self._quietly(requests.add_channels(about.bridge_id, (self._caller_id,)))
        await self._give_up(Unanswered.UNREACHABLE)

    async def _see_off(self) -> None:
        """Hang up on the phone that handed over, if it does not do so itself."""
        await asyncio.wait({self._caller_gone}, timeout=FAREWELL_SECONDS)
        if not self._caller_gone.done():
            await self._quietly(requests.hang_up(self._caller_id))

    async def _give_up(self, why: Unanswered) -> None:
        await self._refuse(self._move(Event.GIVE_UP), why)

    async def _refuse(self, actions: tuple[Action, ...], why: Unanswered) -> None:
        if not actions:
            return
        if Action.HANG_UP_SUCCESSOR in actions:
            await self._quietly(requests.hang_up(self._succession.successor_id))
        await self._tell(actions)
        if not self.failed.done():
            self.failed.set_result(why)
        if self._caller_gone.done():
            self._caller_left(self._caller_gone.result())

    async def _tell(self, actions: tuple[Action, ...]) -> None:
        for action in actions:
            if state := TOLD.get(action):
                await self._quietly(requests.transfer_progress(self._caller_id, state))

    async def _quietly(self, request: Request) -> bool:
        """Do a request whose channel may have left; that is told by an event."""
        try:
            await self._sender.send(request)
        except AsteriskError as error:
            logger.bind(error=str(error)).debug("call.refer_request_failed")
            return False
        return True

    def _move(self, event: Event) -> tuple[Action, ...]:
        self.state, actions = advance(self.state, event)
        return actions
