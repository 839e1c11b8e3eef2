"""Calling somebody for a caller who waits, and putting the caller through.

SHELL over :mod:`asterisk.ari.consultation`. The caller hears ringing meanwhile; the external
channel stays in the bridge, so that the assistant can speak to the target alone. In the end
the rendered dialplan connects the two: then neither is in our application, and what becomes of
us is of no interest to their call.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from loguru import logger

from asterisk.ari import events, requests
from asterisk.ari.consultation import Action, Event, State, Unanswered, advance, why_unanswered
from asterisk.ari.events import AriEvent
from asterisk.ari.requests import Request
from asterisk.errors import AriDisconnected, AriRefused, AsteriskError
from asterisk.params import (
    ATTENDED_CONTEXT,
    CONNECT_CONTEXT,
    TARGET_VARIABLE,
)

ANSWER_GRACE_SECONDS: Final = 3.0
"""How much longer than it rings a target may take to say that it does not any more."""

TAKEN_SECONDS: Final = 3.0
"""How long the dialplan may take to connect caller and target: milliseconds are usual."""


Ask = Callable[[Request], Awaitable[object]]
"""Does one request; raises the errors of ``asterisk.errors``."""


@dataclass(frozen=True, slots=True)
class Parties:
    """Whom and what a consultation is about.

    Attributes:
        app: Our application.
        caller_id: Channel of the caller.
        caller_number: Shown to the target; empty when withheld.
        target_id: Channel of the target, chosen by us.
        bridge_id: Bridge in which caller and external channel are.
    """

    app: str
    caller_id: str
    caller_number: str
    target_id: str
    bridge_id: str


class Consultation:
    """One attempt to put a caller through to somebody who is asked first.

    ::

        dial() -> None      admit(), the assistant speaks to the target, connect()
               -> Unanswered    take_back()

    Attributes:
        state: Where it is.
        failed: Resolves when it failed, with the reason; never raises.

    Args:
        parties: Whom it is about.
        ask_target: Does requests about the target.
        ask_caller: Likewise about the caller; raises ``CallEnded`` when the call is over.
        continue_caller: Gives the caller to the dialplan, in a context.
        spawn: Runs what goes on beside it.
    """

    def __init__(
        self,
        parties: Parties,
        *,
        ask_target: Ask,
        ask_caller: Ask,
        continue_caller: Callable[[str], Awaitable[None]],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.state = State.CALLING
        self.failed: asyncio.Future[Unanswered] = loop.create_future()
        self._answered: asyncio.Future[str] = loop.create_future()
        self._taken: asyncio.Future[None] = loop.create_future()
        self._parties = parties
        self._ask_target = ask_target
        self._ask_caller = ask_caller
        self._continue_caller = continue_caller
        self._spawn = spawn
        self._dialled = False
        self._admitted = False

    @property
    def is_pending(self) -> bool:
        """Whether nothing has come of it yet."""
        return self.state in {State.CALLING, State.ANSWERED, State.CONNECTING}

    async def dial(self, extension: str, ring_seconds: int) -> Unanswered | None:
        """Let the caller hear ringing, and call the target.

        Args:
            extension: In the rendered dialplan's context for this.
            ring_seconds: So long it rings.

        Returns:
            None when the target answered, else why not.

        Raises:
            CallEnded: The caller has left.
            AriRefused: Asterisk will not let the caller wait.
            AriDisconnected: Asterisk cannot be reached.
        """
        parties = self._parties
        await self._ask_caller(requests.remove_channel(parties.bridge_id, parties.caller_id))
        await self._ask_caller(requests.ring(parties.caller_id))
        self._dialled = True
        try:
            async with asyncio.timeout(ring_seconds + ANSWER_GRACE_SECONDS):
                await self._ask_target(
                    requests.originate(
                        parties.target_id,
                        f"Local/{extension}@{ATTENDED_CONTEXT}/n",
                        app=parties.app,
                        originator=parties.caller_id,
                        caller=parties.caller_number,
                        ring_seconds=ring_seconds,
                    )
                )
                either: set[asyncio.Future[Any]] = {self._answered, self.failed}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            await self._give_up(Unanswered.NO_ANSWER)
        except (AriRefused, AriDisconnected) as error:
            logger.bind(error=str(error)).warning("call.target_not_dialled")
            await self._give_up(Unanswered.UNREACHABLE)
        return self.failed.result() if self.failed.done() else None

    async def admit(self) -> None:
        """Let the target hear the assistant, alone; what the target says goes nowhere.

        Raises:
            AriRefused: The target has left, and ``failed`` will say so.
            AriDisconnected: Asterisk cannot be reached.
        """
        parties = self._parties
        request = requests.add_channels(parties.bridge_id, (parties.target_id,), mute=True)
        await self._ask_target(request)
        self._admitted = True

    async def connect(self) -> bool:
        """Put the caller through; the call is over for us then.

        Returns:
            Whether it was done; if not, ``failed`` says why.

        Raises:
            CallEnded: The caller has left.
            AriRefused: Asterisk will not move the caller.
            AriDisconnected: Asterisk cannot be reached.
        """
        if not self._answered.done() or self.state is not State.ANSWERED:
            return False
        parties = self._parties
        target = self._answered.result()
        if self._admitted:
            request = requests.remove_channel(parties.bridge_id, parties.target_id)
            with contextlib.suppress(AriRefused):  # it has left: told in a moment
                await self._ask_target(request)
        await self._ask_caller(requests.stop_ringing(parties.caller_id))
        await self._ask_caller(requests.set_variable(parties.caller_id, TARGET_VARIABLE, target))
        if Action.CONNECT_CALLER not in self._move(Event.CONNECT):
            return False
        await self._continue_caller(CONNECT_CONTEXT)
        return True

    async def take_back(self) -> None:
        """Let the target go, and let caller and assistant hear each other again.

        Raises:
            CallEnded: The caller has left.
            AriRefused: Asterisk will not join them.
            AriDisconnected: Asterisk cannot be reached.
        """
        await self._give_up(Unanswered.NO_ANSWER)
        parties = self._parties
        await self._ask_caller(requests.stop_ringing(parties.caller_id))
        await self._ask_caller(requests.add_channels(parties.bridge_id, (parties.caller_id,)))

    async def close(self) -> None:
        """Hang up the target unless the dialplan has it; never raises because of Asterisk."""
        if self.state is State.CONNECTING:
            await asyncio.wait({self._taken}, timeout=TAKEN_SECONDS)
        await self._give_up(Unanswered.HUNG_UP)

    def receive(self, event: AriEvent) -> bool:
        """Take in an event; returns whether it was of the target's channel."""
        target_id = self._parties.target_id
        match event:
            case events.StasisStart(channel=channel) if channel.id == target_id:
                self._target_answered(channel.name)
            case events.ChannelDestroyed(channel=channel, cause=cause) if channel.id == target_id:
                self._left(cause)
            case events.StasisEnd(channel=channel) if channel.id == target_id:
                self._left(None)
            case _:
                return False
        return True

    def _target_answered(self, channel_name: str) -> None:
        """Take note of the answer; it may come after all, where calling was slower than giving up.

        Whoever answers too late is hung up on: nobody would speak.
        """
        if Action.REPORT_ANSWER in self._move(Event.TARGET_ANSWERED):
            self._answered.set_result(channel_name)
        elif self.state is State.FAILED:
            self._spawn(self._let_go())

    def _left(self, cause: int | None) -> None:
        why = why_unanswered(cause, has_answered=self.state is not State.CALLING)
        actions = self._move(Event.TARGET_LEFT)
        self._report(actions, why)
        if Action.REPORT_TAKEN in actions and not self._taken.done():
            self._taken.set_result(None)

    async def _give_up(self, why: Unanswered) -> None:
        actions = self._move(Event.GIVE_UP)
        self._report(actions, why)
        if Action.HANG_UP_TARGET not in actions or not self._dialled:
            return
        await self._let_go()

    async def _let_go(self) -> None:
        try:
            await self._ask_target(requests.hang_up(self._parties.target_id))
        except AriRefused:
            return  # it has gone
        except AsteriskError as error:  # the next comparison of channels finds it
            logger.bind(error=str(error)).warning("call.target_left_behind")

    def _report(self, actions: tuple[Action, ...], why: Unanswered) -> None:
        if Action.REPORT_FAILURE in actions and not self.failed.done():
            self.failed.set_result(why)

    def _move(self, event: Event) -> tuple[Action, ...]:
        self.state, actions = advance(self.state, event)
        return actions
