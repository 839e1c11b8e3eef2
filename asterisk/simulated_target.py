"""Those whom a simulated Asterisk calls for the application, and who answer or do not."""

import asyncio
import itertools
from collections.abc import Mapping
from typing import Final

from asterisk.params import CONNECT_CONTEXT, TARGET_VARIABLE
from asterisk.simulated_channel import Json, SimulatedChannel
from asterisk.simulation import Refusal, Simulation

NO_ANSWER: Final = 19
"""Q.850 code of one who rang in vain."""


class SimulatedTarget:
    """One who is called.

    Attributes:
        channel: As Asterisk keeps it.
        endpoint: What was called, as ``Local/100@voiceai-attended/n``.
        ended: Resolves with a Q.850 code when the call is over.
        connected: Whether the dialplan has connected it with the caller.
    """

    def __init__(
        self,
        channel: SimulatedChannel,
        endpoint: str,
        app: str,
        arguments: tuple[str, ...],
        asterisk: Simulation,
    ) -> None:
        self.channel = channel
        self.endpoint = endpoint
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.connected = False
        self._app = app
        self._arguments = arguments
        self._asterisk = asterisk
        channel.on_end = self._end

    def answer(self) -> None:
        """Pick up."""
        channel = self.channel
        self._stop_ringing()
        channel.state, channel.application, channel.arguments = "Up", self._app, self._arguments
        body = {"args": list(channel.arguments), "channel": channel.json()}
        self._asterisk.emit(channel, "StasisStart", body)

    def hang_up(self, cause: int = 16) -> None:
        """Leave, or refuse."""
        if not self.ended.done():
            self._asterisk.end_media(self.channel.id, cause)

    def _end(self, cause: int) -> None:
        self._stop_ringing()
        channel = self.channel
        if channel.state != "Up":  # in no application: the one that called is told all the same
            channel.application = self._app
            body = {"cause": cause, "cause_txt": "", "channel": channel.json()}
            self._asterisk.emit(channel, "ChannelDestroyed", body)
        if not self.ended.done():
            self.ended.set_result(cause)

    def _stop_ringing(self) -> None:
        if self.channel.limit:
            self.channel.limit.cancel()
            self.channel.limit = None


class Targets:
    """All who were called.

    Attributes:
        called: In order.
        refuses: Whether nobody can be called, as where the trunk is not there.
    """

    def __init__(self, asterisk: Simulation) -> None:
        self.called: list[SimulatedTarget] = []
        self.refuses = False
        self._asterisk = asterisk
        self._changed = asyncio.Event()
        self._numbers = itertools.count()

    async def next(self) -> SimulatedTarget:
        """Wait until somebody else is called."""
        count = len(self.called)
        while len(self.called) == count:
            self._changed.clear()
            await self._changed.wait()
        return self.called[-1]

    def originate(
        self, channel_id: str, query: Mapping[str, str], variables: Mapping[str, str]
    ) -> Json:
        """Call somebody; rings until answered, refused or given up."""
        endpoint = query.get("endpoint", "")
        if (
            self.refuses
            or channel_id in self._asterisk.channels
            or not endpoint.startswith("Local/")
        ):
            raise Refusal(500, "Allocation failed")
        place = endpoint.removesuffix("/n")
        name = f"{place}-{next(self._numbers):08x};1"
        channel = SimulatedChannel(channel_id, name, "Down", variables=dict(variables))
        self._asterisk.channels[channel_id] = channel
        arguments = tuple(query.get("appArgs", "").split(","))
        target = SimulatedTarget(channel, endpoint, query["app"], arguments, self._asterisk)
        channel.limit = asyncio.get_running_loop().call_later(
            float(query.get("timeout", "30")), target.hang_up, NO_ANSWER
        )
        self.called.append(target)
        self._changed.set()
        return channel.json()

    def connect(self, caller: SimulatedChannel, context: str | None) -> None:
        """Do what the dialplan does with a caller who is put through: ``Bridge()``."""
        name = caller.variables.get(TARGET_VARIABLE)
        if context != CONNECT_CONTEXT or name is None:
            return
        for target in self.called:
            if target.channel.name == name and not target.ended.done():
                target.connected = True
                self._asterisk.leave(target.channel)
