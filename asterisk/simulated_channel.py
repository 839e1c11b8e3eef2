"""A channel of a simulated Asterisk, in ARI's shape, and where its audio would go. No sockets."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from asterisk.params import FormatName

MEDIA_ADDRESS: Final = ("127.0.0.1", 9)
"""Where nobody listens: the default for Asterisk's end of the audio."""

Json = dict[str, Any]


@dataclass(slots=True, eq=False)
class SimulatedChannel:
    """A channel as Asterisk keeps it."""

    id: str
    name: str
    state: str
    caller: str = ""
    caller_name: str = ""
    application: str | None = None
    arguments: tuple[str, ...] = ()
    bridge_id: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    limit: asyncio.TimerHandle | None = None
    on_end: Callable[[int], None] | None = None

    def json(self) -> Json:
        """Return the channel in ARI's shape."""
        stasis = self.application is not None
        data = ",".join((self.application or "", *self.arguments))
        return {
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "protocol_id": "",
            "caller": {"name": self.caller_name, "number": self.caller},
            "connected": {"name": "", "number": ""},
            "accountcode": "",
            "dialplan": {
                "context": "voiceai-inbound",
                "exten": "s",
                "priority": 11,
                "app_name": "Stasis" if stasis else "AppDial2",
                "app_data": data if stasis else "(Outgoing Line)",
            },
            "creationtime": "2026-11-22T20:31:44.890+0000",
            "language": "en",
        }


@dataclass(slots=True, eq=False)
class ExternalMedia:
    """An external channel: where Asterisk would send the caller's audio.

    Attributes:
        host: Where the application listens for RTP.
        port: Its port.
        codec: Audio format on this leg.
        address: Where Asterisk's end would listen (``UNICASTRTP_LOCAL_*``).
    """

    channel: SimulatedChannel
    host: str
    port: int
    codec: FormatName
    address: tuple[str, int] = MEDIA_ADDRESS
