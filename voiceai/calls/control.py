"""What a conversation may do to its call, done with Asterisk."""

import asyncio
import contextlib

from asterisk.leg import Leg
from pipelines.ports import AttendedTransfer
from voiceai.calls.outcome import EndReason

CONSULTATIONS_LIMIT = 2
"""Attended transfers that may wait: one under way, and one that the model asked for meanwhile."""


class LegControl:
    """``pipelines.ports.CallControl`` and ``transports.pipecat_transport.DigitSender`` for a leg.

    Ending the call is only noted here: the pipeline ends behind what was said, and the call's
    session hangs up once the last word has been played.

    Attributes:
        ending: Why the conversation wants to end the call; None while it does not.
        handed_to: Where the caller goes then, None to hang up.
        consultations: Whom to ask for the caller, one after the other.
    """

    def __init__(self, leg: Leg) -> None:
        self._leg = leg
        self.ending: EndReason | None = None
        self.handed_to: str | None = None
        self.consultations: asyncio.Queue[AttendedTransfer] = asyncio.Queue(CONSULTATIONS_LIMIT)

    async def hangup(self) -> None:
        """Hang up once what was said has been played."""
        self.ending = EndReason.ASSISTANT_HUNG_UP

    async def transfer(self, to: str) -> None:
        """Give the caller to the dialplan at extension ``to`` once what was said was played."""
        self.ending = EndReason.TRANSFERRED
        self.handed_to = to

    async def consult(self, transfer: AttendedTransfer) -> None:
        """Have the session ask another for the caller; one too many is dropped."""
        with contextlib.suppress(asyncio.QueueFull):
            self.consultations.put_nowait(transfer)

    async def send_digits(self, digits: str) -> None:
        """Send DTMF to the caller's side."""
        await self._leg.send_dtmf(digits)
