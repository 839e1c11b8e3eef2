"""The media half of a call: the external channel, which carries the audio, and the bridge.

SHELL; the life of the call is its leg's.
"""

import asyncio
from typing import Any

from asterisk.ari import requests
from asterisk.ari.call import LegEnd
from asterisk.ari.events import Channel, parse_channel
from asterisk.ari.reconcile import STASIS
from asterisk.errors import AriDisconnected, AriProtocolError, CallEnded
from asterisk.params import AriParams, FormatName
from asterisk.sender import Sender, discard


class ExternalMedia:
    """The external channel and the bridge of one call.

    Attributes:
        channel_id: Of the external channel.
        bridge_id: Of the bridge.

    Args:
        channel_id: Chosen by us.
        bridge_id: Likewise.
        params: Which application they belong to, and how long they may take.
        sender: Does requests.
        call_ended: Resolves when the call is over.
    """

    def __init__(
        self,
        channel_id: str,
        bridge_id: str,
        *,
        params: AriParams,
        sender: Sender,
        call_ended: "asyncio.Future[LegEnd]",
    ) -> None:
        self.channel_id = channel_id
        self.bridge_id = bridge_id
        self._params = params
        self._sender = sender
        self._call_ended = call_ended
        self._entered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._opened_at: float | None = None

    @property
    def is_up(self) -> bool:
        """Whether the external channel is in our application."""
        return self._entered.done()

    @property
    def is_opened(self) -> bool:
        """Whether :meth:`open` was called."""
        return self._opened_at is not None

    @property
    def has_timed_out(self) -> bool:
        """Whether the channel is as old as it may become."""
        if self._opened_at is None:
            return False
        lived = asyncio.get_running_loop().time() - self._opened_at
        return lived > self._params.max_call_seconds - 0.5

    def enter(self) -> None:
        """Take note that the external channel is in our application."""
        if not self._entered.done():
            self._entered.set_result(None)

    async def open(self, host: str, port: int, codec: FormatName) -> tuple[str, int]:
        """Open channel and bridge, silent until caller and channel are in the bridge.

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
        self._opened_at = asyncio.get_running_loop().time()
        external = requests.external_media(
            self.channel_id,
            app=self._params.app,
            host=host,
            port=port,
            codec=codec,
            limit_seconds=self._params.max_call_seconds,
        )
        answers = await asyncio.gather(
            self._sender.send(external),
            self._sender.send(requests.create_bridge(self.bridge_id)),
            return_exceptions=True,
        )
        for answer in answers:
            if isinstance(answer, BaseException):
                self._still_on()
                raise answer
        await self._until_entered()
        return await self._address(parse_channel(answers[0]))

    async def give_back(self, *, call_id: str) -> None:
        """Delete channel and bridge if they were opened; never raises because of Asterisk."""
        if self._opened_at is None:
            return
        doomed = requests.hang_up(self.channel_id), requests.delete_bridge(self.bridge_id)
        await asyncio.gather(*(discard(self._sender, one, call_id=call_id) for one in doomed))

    def _still_on(self) -> None:
        if self._call_ended.done():
            raise CallEnded(self._call_ended.result())

    async def _until_entered(self) -> None:
        either: set[asyncio.Future[Any]] = {self._entered, self._call_ended}
        await asyncio.wait(
            either,
            timeout=self._params.join_timeout,
            return_when=asyncio.FIRST_COMPLETED,
        )
        self._still_on()
        if self._entered.done():
            return
        channel = parse_channel(await self._sender.send(requests.get_channel(self.channel_id)))
        if channel.application != STASIS:
            raise AriDisconnected(
                f"the external channel did not enter {self._params.app!r} within "
                f"{self._params.join_timeout:g} s",
                "Is another client registered for this application?",
            )
        self.enter()

    async def _address(self, channel: Channel) -> tuple[str, int]:
        host = await self._variable(channel, "UNICASTRTP_LOCAL_ADDRESS")
        port = await self._variable(channel, "UNICASTRTP_LOCAL_PORT")
        if not port.isascii() or not port.isdigit():
            raise AriProtocolError(f"UNICASTRTP_LOCAL_PORT is {port!r}, expected a number")
        return host, int(port)

    async def _variable(self, channel: Channel, name: str) -> str:
        value: object = channel.variables.get(name)
        if value is None:
            answer = await self._sender.send(requests.get_variable(self.channel_id, name))
            value = answer.get("value") if isinstance(answer, dict) else None
        if not isinstance(value, str):
            raise AriProtocolError(f"{name} is not text")
        return value
