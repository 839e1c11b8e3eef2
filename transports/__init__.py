"""How it sounds: real-time RTP between Asterisk and a conversation.

``engine`` (all calls on one clock) opens a ``stream`` per call, which joins a ``udp`` endpoint to
an ``rtp`` session; ``audio`` is the signal code that a session uses. ``netem`` is a bad network for
tests. ``pipecat_transport`` and ``vad`` adapt a stream to Pipecat and are imported from there.
"""

from transports.audio.codec import Codec
from transports.engine import MediaEngine, MediaStream, make_engine
from transports.errors import AddressUnavailable, PacketError, PortsExhausted, TransportError
from transports.params import RtpParams, StreamOptions
from transports.rtp.events import PlayedFrame
from transports.rtp.stats import StreamStats

__all__ = [
    "AddressUnavailable",
    "Codec",
    "MediaEngine",
    "MediaStream",
    "PacketError",
    "PlayedFrame",
    "PortsExhausted",
    "RtpParams",
    "StreamOptions",
    "StreamStats",
    "TransportError",
    "make_engine",
]
