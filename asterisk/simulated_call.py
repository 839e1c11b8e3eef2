"""Those who call through a simulated Asterisk: they press keys, hand the call over and hang up."""

import asyncio
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from asterisk.params import TRANSFER_HANDLING
from asterisk.simulated_channel import ExternalMedia, Json, SimulatedChannel

DECLINED: Final = "channel_declined"
"""What Asterisk answers itself where a caller may not hand the call over (603)."""


class Exchange(Protocol):
    """What a caller needs of Asterisk."""

    def emit(self, channel: SimulatedChannel, kind: str, body: Json) -> None:
        """Send an event to the application that a channel is in."""

    def end_caller(self, call: "SimulatedCall", end: "SimulatedEnd", request: Json) -> None:
        """End a caller's channel."""


@dataclass(frozen=True, slots=True)
class SimulatedEnd:
    """How a simulated call ended.

    Attributes:
        who: ``caller``, ``application``, ``fallback`` (the dialplan took it) or ``restart``.
        sip_status: What an unanswered caller was told; 200 after a call that was answered.
    """

    who: Literal["caller", "application", "fallback", "restart"]
    sip_status: int


class SimulatedCall:
    """The caller's side of a call, for a test, a demo or a bench.

    Attributes:
        answered: Resolves when the application answers.
        joined: Resolves with the external channel that the caller is bridged with.
        ended: Resolves when the call is over; never raises.
        digits_heard: What the application played to the caller.
        handed_over: Whether the application gave the caller back to the dialplan.
        heard_ringing: Whether the application had it ring.
        hears_ringing: Whether it still does.
        refer_progress: What it was told of a hand-over that it asked for, by ARI's names.
    """

    def __init__(self, channel: SimulatedChannel, asterisk: Exchange) -> None:
        loop = asyncio.get_running_loop()
        self.channel = channel
        self.answered: asyncio.Future[None] = loop.create_future()
        self.joined: asyncio.Future[ExternalMedia] = loop.create_future()
        self.ended: asyncio.Future[SimulatedEnd] = loop.create_future()
        self.digits_heard = ""
        self.handed_over = False
        self.heard_ringing = False
        self.hears_ringing = False
        self.refer_progress: asyncio.Queue[str] = asyncio.Queue()
        self._asterisk = asterisk

    def press(self, digit: str, duration_ms: int = 100) -> None:
        """Press and release a key."""
        channel = self.channel
        self._asterisk.emit(
            channel,
            "ChannelDtmfReceived",
            {"digit": digit, "duration_ms": duration_ms, "channel": channel.json()},
        )

    def hang_up(self) -> None:
        """Leave; before the answer it is a CANCEL."""
        if not self.ended.done():
            answered = self.channel.state == "Up"
            self._asterisk.end_caller(
                self,
                SimulatedEnd("caller", 200 if answered else 487),
                {} if answered else {"cause": 127, "tech_cause": 487},
            )

    def refer(self, destination: str, *, other: SimulatedChannel | None = None) -> None:
        """Ask to be replaced by somebody else (SIP's REFER).

        Args:
            destination: Whom to call, as the phone writes it.
            other: Who is at the other end of a second call of this phone's, for an attended
                transfer; ``refer_progress`` tells what comes of either.
        """
        channel = self.channel
        if channel.variables.get(TRANSFER_HANDLING) != "ari-only":
            self.refer_progress.put_nowait(DECLINED)
            return
        wish: Json = {"requested_destination": {"destination": destination}}
        if other is not None:
            wish["requested_destination"]["protocol_id"] = "second@127.0.0.1"
            wish["connected_channel"] = other.json()
        body = {"refer_to": wish, "referred_by": {"source_channel": channel.json()}}
        self._asterisk.emit(channel, "ChannelTransfer", body)
