"""Which media engine to use: the choice of a placement, and the names that go with any."""

from transports.inline.engine import InlineEngine
from transports.media import MediaEngine, MediaStream
from transports.params import RtpParams
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
    """Return an engine of the placement that is configured; start it before use.

    Args:
        params: Addresses, ports, codec and playout delay.
    """
    return InlineEngine(params)
