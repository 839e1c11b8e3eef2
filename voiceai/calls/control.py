"""What a conversation may do to its call, done with Asterisk."""

from asterisk.leg import Leg
from voiceai.calls.outcome import EndReason


class LegControl:
    """``pipelines.ports.CallControl`` and ``transports.pipecat_transport.DigitSender`` for a leg.

    Ending the call is only noted here: the pipeline ends behind what was said, and the call's
    session hangs up once the last word has been played.

    Attributes:
        ending: Why the conversation wants to end the call; None while it does not.
        handed_to: Where the caller goes then, None to hang up.
    """

    def __init__(self, leg: Leg) -> None:
        self._leg = leg
        self.ending: EndReason | None = None
        self.handed_to: str | None = None

    async def hangup(self) -> None:
        """Hang up once what was said has been played."""
        self.ending = EndReason.ASSISTANT_HUNG_UP

    async def transfer(self, to: str) -> None:
        """Give the caller to the dialplan at extension ``to`` once what was said was played."""
        self.ending = EndReason.TRANSFERRED
        self.handed_to = to

    async def send_digits(self, digits: str) -> None:
        """Send DTMF to the caller's side."""
        await self._leg.send_dtmf(digits)
