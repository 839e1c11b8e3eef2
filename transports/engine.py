"""The media engine, placed inline: all streams of a process on one event loop and one clock.

::

    UdpEndpoint --receive--> RtpSession --frame, every tick--> subscribers
    write() ---------------> RtpSession --packet, every tick-> UdpEndpoint

On a tick the packets of all streams leave first; then all streams play. So what subscribers do
with a frame delays nobody's packets.
"""

import random
from collections.abc import Sequence

from transports.audio.g711 import Codec
from transports.params import RtpParams
from transports.rtp.events import FRAME_SECONDS, PlayedFrame
from transports.rtp.stats import Deviations, StreamStats, Totals
from transports.stream import MediaStream
from transports.udp.clock import MediaClock
from transports.udp.ports import PortPair, PortPairs

__all__ = ["MediaEngine", "MediaStream", "PlayedFrame", "StreamStats"]


class MediaEngine:
    """Opens streams and keeps them in time.

    Args:
        params: Addresses, ports, codec and playout delay.
    """

    def __init__(self, params: RtpParams) -> None:
        self._params = params
        self._streams: list[MediaStream] = []
        self._ended = Totals()
        pairs = (params.port_max - params.port_min) // 2 + 1
        self._ports = PortPairs(
            params.bind_host,
            params.port_min,
            params.port_max,
            start=random.SystemRandom().randrange(pairs),
        )
        self._clock = MediaClock(self._on_tick, interval=FRAME_SECONDS)

    @property
    def streams(self) -> Sequence[MediaStream]:
        """The open streams, oldest first."""
        return tuple(self._streams)

    @property
    def totals(self) -> Totals:
        """Counters of all streams so far, those that were closed included."""
        return self._ended.plus(stream.stats for stream in self._streams)

    @property
    def lateness(self) -> Deviations:
        """How late the clock's ticks came, in seconds: the event loop's own delay."""
        return self._clock.lateness

    async def start(self) -> None:
        """Start the media clock on the running loop.

        Raises:
            PortsExhausted: No stream could be opened: the port range is used up.
            AddressUnavailable: Nor one: the address to bind is not one of this machine.
        """
        self._ports.close(self._ports.open())
        self._clock.start()

    async def close(self) -> None:
        """Close all streams and stop the clock. Idempotent."""
        self._clock.close()
        for stream in self.streams:
            stream.close()

    async def open_stream(self, codec: Codec | None = None) -> MediaStream:
        """Bind a port pair for a call. It sends nothing before ``connect()``.

        Args:
            codec: What to send; the configured codec unless given.

        Raises:
            PortsExhausted: The port range is used up.
            AddressUnavailable: The address to bind is not one of this machine.
        """
        stream = MediaStream(
            host=self._params.host,
            codec=self._params.codec if codec is None else codec,
            playout_delay=self._params.playout_delay_ms / 1000,
            pair=self._ports.open(),
            on_close=self._release,
        )
        self._streams.append(stream)
        return stream

    def _release(self, stream: MediaStream, pair: PortPair) -> None:
        self._streams.remove(stream)
        self._ended = self._ended.plus([stream.stats])
        self._ports.close(pair)

    def _on_tick(self, deadline: float, due: int) -> None:
        streams = self.streams
        for stream in streams:
            stream.send_due(deadline, due)
        for stream in streams:
            stream.play_due(due)
