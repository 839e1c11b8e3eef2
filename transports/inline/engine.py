"""The media engine, placed inline: all streams of a process on one event loop and one clock.

::

    Reading -----receive---> RtpSession --frame, every 20 ms--> listeners, subscribers
    write() ---------------> RtpSession --packet, every 20 ms-> UdpEndpoint

Two ticks alternate. Ten milliseconds before packets are made, all streams hear: what is decided
then, of a duck or a flush, is in those packets already. When they leave, nothing else is done. What
has come is read before the one and after the other.

Where nothing ordinary may run instead (SCHED_FIFO), packets are made just ahead of their deadline,
and wait for it. Elsewhere they leave when they are made: who waits gives the core away, and gets it
back some milliseconds later.
"""

import random
import time
from collections.abc import Callable, Sequence

from transports.errors import MediaUnavailable
from transports.inline.stream import InlineStream
from transports.params import RtpParams, StreamOptions
from transports.rtp.events import FRAME_SECONDS
from transports.rtp.stats import Deviations, Totals
from transports.scheduling import scheduling_class
from transports.udp.clock import MediaClock
from transports.udp.lead import MakingLead
from transports.udp.ports import PortPair, PortPairs
from transports.udp.reading import Reading, best_reading

__all__ = ["HEARING_LEAD", "InlineEngine"]

HEARING_LEAD = 0.01
"""Seconds from hearing to the making of packets: enough for the voice detector of many calls.

What is decided later is in the packet behind: of 50 calls' decisions half were, with half as long.
"""

PLAY_BURST = 25
"""Frames played at once after a stall. What was said in a longer one is not worth hearing late."""


class InlineEngine:
    """Opens streams and keeps them in time.

    Args:
        params: Addresses, ports, codec and playout delay.
    """

    def __init__(self, params: RtpParams) -> None:
        self._params = params
        self._streams: list[InlineStream] = []
        self._ended = Totals()
        pairs = (params.port_max - params.port_min) // 2 + 1
        self._ports = PortPairs(
            params.bind_host,
            params.port_min,
            params.port_max,
            start=random.SystemRandom().randrange(pairs),
        )
        self._reading: Reading | None = None  # while it runs
        self._clock = MediaClock(self._send, interval=FRAME_SECONDS)
        self._lead: MakingLead | None = None  # where packets are made ahead
        self._hearing = MediaClock(self._hear, interval=FRAME_SECONDS)
        self._after_hearing: list[Callable[[], None]] = []
        self._before_sending: list[Callable[[], None]] = []
        self._after_sending: list[Callable[[], None]] = []

    @property
    def streams(self) -> Sequence[InlineStream]:
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

    @property
    def scheduling(self) -> str:
        """How the operating system ranks the thread of the clock; ask on that thread."""
        return scheduling_class()

    @property
    def restarts(self) -> int:
        """How often the media process has ended: there is none."""
        return 0

    @property
    def problem(self) -> str | None:
        """Why no stream can be opened now: never, once started."""
        return None

    def after_hearing(self, then: Callable[[], None]) -> None:
        """Call ``then`` every 20 ms, when all streams have heard."""
        self._after_hearing.append(then)

    def around_sending(self, before: Callable[[], None], after: Callable[[], None]) -> None:
        """Call ``before`` when packets are due, and ``after`` when all have left.

        For the media process, which moves what was written in between.
        """
        self._before_sending.append(before)
        self._after_sending.append(after)

    async def start(self) -> None:
        """Start the media clock on the running loop.

        Raises:
            PortsExhausted: No stream could be opened: the port range is used up.
            AddressUnavailable: Nor one: the address to bind is not one of this machine.
        """
        self._ports.close(self._ports.open())
        self._reading = best_reading()
        if scheduling_class().startswith("SCHED_FIFO"):
            self._lead = MakingLead()
        now = time.monotonic()
        self._clock.start(now)
        self._hearing.start(now - HEARING_LEAD)

    async def close(self) -> None:
        """Close all streams and stop the clock. Idempotent."""
        self._clock.close()
        self._hearing.close()
        for stream in self.streams:
            stream.close()
        if self._reading is not None:
            self._reading.close()
            self._reading = None

    async def open_stream(self, options: StreamOptions | None = None) -> InlineStream:
        """Bind a port pair for a call. It sends nothing before ``connect()``.

        Args:
            options: What was agreed on with the peer; the configured codecs alone unless given.

        Raises:
            PortsExhausted: The port range is used up.
            AddressUnavailable: The address to bind is not one of this machine.
            MediaUnavailable: The engine was closed, or not started; or the system has no sockets.
        """
        if self._reading is None:
            raise MediaUnavailable("the media engine does not run")
        try:
            pair = self._ports.open()
            try:
                stream = self._stream(options or StreamOptions(), pair, self._reading)
            except BaseException:
                self._ports.close(pair)
                raise
        except OSError as error:
            raise MediaUnavailable(f"no sockets can be opened: {error}") from error
        self._streams.append(stream)
        return stream

    def _stream(self, options: StreamOptions, pair: PortPair, reading: Reading) -> InlineStream:
        codec, receive_codec = self._params.codecs(options)
        return InlineStream(
            host=self._params.host,
            codec=codec,
            receive_codec=receive_codec,
            options=options,
            playout_delay=self._params.playout_delay,
            pair=pair,
            reading=reading,
            on_close=self._release,
        )

    def _release(self, stream: InlineStream, pair: PortPair) -> None:
        self._streams.remove(stream)
        self._ended = self._ended.plus([stream.stats])
        self._ports.close(pair)

    def _send(self, deadline: float, due: int) -> None:
        """Make all packets first, then send them in one tight loop.

        Each leaves from its own stream's socket, since a peer expects audio from the port that it
        sends to (symmetric RTP, RFC 4961): ``sendmmsg`` sends from one socket only. Nor are the
        sockets connected: the kernel would then drop what comes from elsewhere before it is
        counted, and an ICMP error would end up at the next packet.
        """
        streams, begun = self.streams, time.monotonic()
        for then in self._before_sending:
            then()
        for stream in streams:
            stream.build_due(due)
        made = time.monotonic()
        if self._lead is not None and due == 1:  # what is late already waits no longer
            self._clock.wait(deadline)
        for stream in streams:
            stream.send_built(deadline)
        for stream in streams:
            if stream.tape is not None:
                stream.record_sent(deadline)
        for then in self._after_sending:
            then()
        if self._lead is not None and self._lead.follow(made - begun):
            self._clock.come_ahead(self._lead.seconds)
            self._hearing.come_ahead(self._lead.seconds)
        self._read(1)

    def _hear(self, deadline: float, due: int) -> None:
        """Read what has come, after a stall of ours too, before its turn has passed."""
        self._read(due)
        frames = min(due, PLAY_BURST)
        for stream in self.streams:
            stream.hear_due(frames, deadline + HEARING_LEAD)
        for then in self._after_hearing:
            then()

    def _read(self, due: int) -> None:
        assert self._reading is not None  # noqa: S101  there are no ticks before start()
        self._reading.sweep(due)
