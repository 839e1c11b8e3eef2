"""All calls of one application: a task per call, and what belongs to no call cleared away.

SHELL over :mod:`asterisk.connection` and :mod:`asterisk.leg`.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

from loguru import logger

from asterisk.ari import events, requests
from asterisk.ari.call import ALIVE, LegEnd
from asterisk.ari.client import AriClient
from asterisk.ari.events import AriEvent, Channel, parse_bridge, parse_channel
from asterisk.ari.naming import Naming, is_media
from asterisk.ari.reconcile import Differences, Known, compare, stasis_arguments
from asterisk.ari.requests import HangupCause, Request
from asterisk.connection import Connection, GatewayStatus
from asterisk.errors import AriDisconnected, AriProtocolError, AsteriskError, CallEnded
from asterisk.leg import Leg
from asterisk.ownership import Ownership
from asterisk.params import AriParams

OFFLINE_INTERVAL_SECONDS: Final = 2.0
"""Between looks at our channels while the event connection is down but calls go on."""

LOST_SECONDS: Final = 30.0
"""Asterisk out of reach for this long: calls in it without audio are taken for dead."""

DEPARTED_REMEMBERED: Final = 1000
"""Callers of the past whom a list of channels, read a moment ago, may still name."""


class Gateway:
    """Takes the calls of a Stasis application.

    Args:
        params: Where Asterisk is.
        on_call: Runs in a task of its own for each call. When it returns or raises, everything
            of the call is given back to Asterisk; what it raises is logged and ends no other
            call. Each caller comes here, also one too many: refusing is up to it.

    ::

        run() -+- connection: check, listen, dispatch events, back off, again
               +- comparison: our calls against Asterisk's channels; ends, deletes, adopts
               +- one task per call
    """

    def __init__(self, params: AriParams, *, on_call: Callable[[Leg], Awaitable[None]]) -> None:
        self._params = params
        self._on_call = on_call
        self._naming = Naming(params.app, params.instance)
        self._client = AriClient(params)
        self._connection = Connection(
            self._client,
            params,
            Ownership(params),
            on_event=self._dispatch,
            on_change=self._connection_changed,
        )
        self._legs: dict[str, Leg] = {}  # by call id
        self._leg_of: dict[str, Leg] = {}  # by id of channel and bridge
        self._departed: deque[str] = deque(maxlen=DEPARTED_REMEMBERED)
        self._unwanted: deque[str] = deque(maxlen=DEPARTED_REMEMBERED)  # yet to be hung up
        self._started_at = ""  # Asterisk, as it says
        self._ready = asyncio.Event()
        self._compare_now = asyncio.Event()
        self._closing = asyncio.Event()
        self._stopped = asyncio.Event()
        self._stopped.set()
        self._calls: asyncio.TaskGroup | None = None
        self._releases: asyncio.TaskGroup | None = None
        self._call_tasks: set[asyncio.Task[None]] = set()

    @property
    def status(self) -> GatewayStatus:
        """How the connection is, with the reason and the fix."""
        return self._connection.status

    @property
    def legs(self) -> Sequence[Leg]:
        """Calls whose tasks run."""
        return tuple(self._legs.values())

    @property
    def malformed_events(self) -> int:
        """Messages of Asterisk that were not events, dropped."""
        return self._client.malformed_events

    async def run(self) -> None:
        """Connect and take calls; returns after :meth:`close`."""
        self._stopped.clear()
        try:
            async with (
                self._client,
                asyncio.TaskGroup() as self._releases,
                asyncio.TaskGroup() as self._calls,
            ):
                connection = self._calls.create_task(self._connection.stay())
                comparison = self._calls.create_task(self._compare_for_ever())
                await self._closing.wait()
                await self._end_calls()
                connection.cancel()
                comparison.cancel()
        finally:
            self._calls = self._releases = None
            self._connection.turn("closed", "")
            self._stopped.set()

    async def close(self) -> None:
        """End all calls in an orderly way, then disconnect."""
        self._closing.set()
        await self._stopped.wait()

    async def wait_ready(self) -> None:
        """Wait until calls can arrive and what an earlier process left is cleared away."""
        await self._ready.wait()

    async def check_write(self) -> None:
        """Find out whether our account may control calls, while :meth:`run` runs.

        Raises:
            AriDisconnected: Asterisk cannot be reached.
            AriRefused: It may not; the error tells the fix.
        """
        await self._client.check_write()

    def _connection_changed(self, status: GatewayStatus) -> None:
        self._compare_now.set()
        if status.state != "connected":
            self._ready.clear()

    def _dispatch(self, event: AriEvent) -> None:
        match event:
            case events.StasisStart(channel=channel) if is_media(channel):
                if leg := self._leg_of.get(channel.id):
                    leg.receive(event)
                elif self._naming.call_id(channel.id):  # its call ended before it came up
                    self._spawn(self._quietly(requests.hang_up(channel.id)))
            case events.StasisStart(channel=channel, replaces=former) if self._is_caller(former):
                self._replace(former, channel)
                self._leg_of[channel.id].receive(event)
            case events.StasisStart(channel=channel, arguments=arguments):
                self._begin(channel, arguments)
            case (
                events.UnknownEvent()
                | events.UserEvent()
                | events.ApplicationReplaced()
                | events.Dial()
            ):
                pass
            case events.BridgeDestroyed(bridge=bridge):
                if leg := self._leg_of.get(bridge.id):
                    leg.receive(event)
            case _:
                if leg := self._leg_of.get(event.channel.id):
                    leg.receive(event)

    def _is_caller(self, channel_id: str) -> bool:
        leg = self._leg_of.get(channel_id)
        return leg is not None and leg.channel_id == channel_id

    def _begin(self, channel: Channel, arguments: Sequence[str], *, adopted: bool = False) -> None:
        before = self._leg_of.get(channel.id)
        if self._calls is None or (before and before.state in ALIVE):
            return
        if self._at_other_end(channel):
            self._hang_up_on_ourselves(channel.id)
            return
        leg = Leg(
            channel,
            arguments,
            params=self._params,
            sender=self._client,
            spawn=self._spawn,
            adopted=adopted,
        )
        self._legs[leg.call_id] = leg
        for name in leg.ids:
            self._leg_of[name] = leg
        task = self._calls.create_task(self._run_call(leg), name=f"call-{leg.call_id}")
        self._call_tasks.add(task)
        task.add_done_callback(self._call_tasks.discard)

    def _replace(self, former: str, channel: Channel) -> None:
        """Have a call know its new caller, unless that is a call of ours."""
        self._leg_of[channel.id] = self._leg_of[former]
        if leg := self._at_other_end(channel):
            self._hang_up_on_ourselves(leg.channel_id)

    def _at_other_end(self, channel: Channel) -> Leg | None:
        """Return the call of ours that speaks with a channel: a phone handed it to our number.

        The two halves of a Local channel enter the application in either order.
        """
        name, _, half = channel.name.rpartition(";")
        other = {"1": f"{name};2", "2": f"{name};1"}.get(half)
        return next((leg for leg in self.legs if leg.channel_name == other), None)

    def _hang_up_on_ourselves(self, channel_id: str) -> None:
        logger.bind(channel=channel_id).warning("call.to_ourselves")
        self._spawn(self._quietly(requests.hang_up(channel_id)))

    async def _run_call(self, leg: Leg) -> None:
        with logger.contextualize(call_id=leg.call_id):
            arrived = {"number": leg.number, "caller": leg.caller, "adopted": leg.adopted}
            logger.bind(**arrived).info("call.arrived")
            try:
                if self._closing.is_set():
                    await leg.continue_in_dialplan()
                else:
                    await self._on_call(leg)
            except CallEnded as error:
                logger.bind(end=str(error.end)).debug("call.ended_early")
            except AsteriskError as error:
                logger.bind(error=str(error)).warning("call.failed")
                await leg.hangup(HangupCause.FAILURE)
            except Exception:  # noqa: BLE001 - a bug in one call ends that call and no other
                logger.exception("call.failed")
                await leg.hangup(HangupCause.FAILURE)
            finally:
                await leg.release()
                self._forget(leg)
                logger.bind(end=str(leg.ended.result())).info("call.released")

    def _forget(self, leg: Leg) -> None:
        self._legs.pop(leg.call_id, None)
        for name in leg.ids:
            if self._leg_of.get(name) is leg:
                del self._leg_of[name]
        if leg.channel_id != leg.ids[0]:  # its phone has handed the call over
            self._departed.append(leg.ids[0])
        if not leg.left_behind:
            self._departed.append(leg.channel_id)
        elif leg.ended.result().who == "us":
            self._unwanted.append(leg.channel_id)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        if self._releases is None:
            work.close()
            raise RuntimeError("the gateway does not run")
        return self._releases.create_task(work)

    async def _end_calls(self) -> None:
        await asyncio.gather(*(leg.hangup() for leg in self.legs))
        if self._call_tasks:
            _, late = await asyncio.wait(self._call_tasks, timeout=self._params.close_timeout)
            for task in late:
                task.cancel()

    async def _compare_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        reached_at = loop.time()
        while True:
            self._compare_now.clear()
            connected = self.status.state == "connected"
            try:
                if connected or self._legs:
                    await self._compare(owner=connected and not self._connection.times_replaced)
                reached_at = loop.time()
                if connected and self.status.state == "connected":
                    self._ready.set()
            except AriDisconnected:
                if loop.time() - reached_at > LOST_SECONDS:
                    for leg in self.legs:
                        if not leg.hears_caller():
                            leg.asterisk_lost(f"out of reach for {LOST_SECONDS:g} s")
            except AsteriskError as error:
                logger.bind(error=str(error)).warning("ari.comparison_failed")
            interval = self._params.reconcile_interval if connected else OFFLINE_INTERVAL_SECONDS
            await _wait(self._compare_now, interval)

    async def _compare(self, *, owner: bool) -> None:
        """Compare our calls with Asterisk's channels and bridges, and mend the differences.

        Args:
            owner: Nobody else uses this application, as far as we know: then what belongs to no
                call of ours is deleted, and callers who wait there become calls of ours.
        """
        known = [
            Known(leg.call_id, leg.channel_id, leg.external_id if leg.media_is_up else None)
            for leg in self.legs
        ]
        channels = _listed(await self._client.send(requests.list_channels()))
        bridges = _listed(await self._client.send(requests.list_bridges()))
        found = compare(
            [parse_channel(channel) for channel in channels],
            [parse_bridge(bridge) for bridge in bridges],
            known=known,
            naming=self._naming,
        )
        await self._end_lost(found)
        if owner:
            await self._clear_away(found)
            await self._adopt(found)

    async def _end_lost(self, found: Differences) -> None:
        end = LegEnd("caller", text="left while events were lost")
        if await self._has_restarted():
            end = LegEnd("asterisk", text="restarted")
        for call_id in found.callers_gone:
            if leg := self._legs.get(call_id):
                leg.caller_lost(end)
        for call_id in found.media_gone:
            if leg := self._legs.get(call_id):
                leg.media_lost("it ended while events were lost")

    async def _has_restarted(self) -> bool:
        info = await self._client.send(requests.asterisk_info())
        status = info.get("status") if isinstance(info, dict) else None
        started_at = str(status.get("startup_time")) if isinstance(status, dict) else ""
        before, self._started_at = self._started_at, started_at
        return bool(before) and before != started_at

    async def _clear_away(self, found: Differences) -> None:
        """Delete what belongs to no call; calls that began since the list was read keep theirs."""
        doomed = [
            *((name, requests.hang_up(name)) for name in found.orphan_channels),
            *((name, requests.delete_bridge(name)) for name in found.orphan_bridges),
        ]
        for name, request in doomed:
            if self._naming.call_id(name) not in self._legs:
                logger.bind(id=name).warning("ari.orphan_deleted")
                await self._quietly(request)

    async def _adopt(self, found: Differences) -> None:
        """Take callers who wait in our application with nobody as new calls.

        Hanging up on them would punish the caller for our crash; the pipeline greets anew. But
        one on whom we wanted to hang up when Asterisk did not listen is hung up on now.
        """
        for channel in found.waiting:
            if channel.id in self._leg_of or channel.id in self._departed:
                continue
            if channel.id in self._unwanted:
                await self._quietly(requests.hang_up(channel.id))
                continue
            await self._quietly(requests.subscribe(self._params.app, channel.id))
            self._begin(channel, stasis_arguments(channel)[1:], adopted=True)

    async def _quietly(self, request: Request) -> None:
        try:
            await self._client.send(request)
        except AsteriskError as error:
            logger.bind(error=str(error)).debug("ari.cleanup_failed")


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


def _listed(answer: object) -> list[object]:
    if not isinstance(answer, list):
        raise AriProtocolError("expected a list")
    return answer
