"""How calls arrive: Asterisk's REST interface, its configuration, and an Asterisk to try with.

``gateway`` takes the calls of a Stasis application and runs a task per call; ``leg`` is one call;
``connection`` keeps the event connection up. They are shells around the cores in ``ari``: events,
requests, the life of a call, when to retry, what to clear away. ``config`` renders Asterisk's
files and checks what runs. ``simulator`` and ``simulation`` are an Asterisk without Asterisk;
``runtime``, ``process`` and ``unpack`` fetch and start a real, private one.
"""

from asterisk.ari.call import LegEnd, State
from asterisk.ari.requests import HangupCause
from asterisk.connection import GatewayStatus
from asterisk.errors import (
    AriDisconnected,
    AriProtocolError,
    AriRefused,
    AsteriskError,
    CallEnded,
)
from asterisk.gateway import Gateway
from asterisk.leg import Leg
from asterisk.params import AriParams, PhoneParams, RenderParams, TrunkParams

__all__ = [
    "AriDisconnected",
    "AriParams",
    "AriProtocolError",
    "AriRefused",
    "AsteriskError",
    "CallEnded",
    "Gateway",
    "GatewayStatus",
    "HangupCause",
    "Leg",
    "LegEnd",
    "PhoneParams",
    "RenderParams",
    "State",
    "TrunkParams",
]
