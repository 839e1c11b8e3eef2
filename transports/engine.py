"""Which media engine to use: the choice of a placement, and the names that go with any."""

from transports.inline.engine import InlineEngine
from transports.media import MediaEngine, MediaStream
from transports.params import RtpParams
from transports.process.engine import supervised_engine
from transports.rtp.events import ArrivedAudio, PlayedFrame
from transports.rtp.stats import StreamStats

__all__ = [
    "ArrivedAudio",
    "MediaEngine",
    "MediaStream",
    "PlayedFrame",
    "StreamStats",
    "make_engine",
]


def make_engine(params: RtpParams) -> MediaEngine:
    """Return an engine of the placement that ``params`` names; start it before use.

    ::

        make_engine(RtpParams(placement="inline"))     on this loop
        make_engine(RtpParams(placement="process"))    in a process that start() starts; Linux

    Args:
        params: Placement, addresses, ports, codec and playout delay.
    """
    if params.placement == "process":
        return supervised_engine(params)
    return InlineEngine(params)
