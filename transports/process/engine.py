"""The media engine, placed in a process of its own; see decision 0008.

::

    ProcessEngine --- Connection --- socket, memory, eventfd --- MediaHost --- InlineEngine
     ProcessStream ------------------ a slot's rings ----------- HostedStream - InlineStream

When the media process ends by itself, its streams fail and it is started again, at once and then at
growing intervals; meanwhile no stream can be opened, and :attr:`ProcessEngine.problem` says so.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Protocol

from loguru import logger

from transports.errors import MediaUnavailable, TransportError
from transports.params import RtpParams, StreamOptions
from transports.process.channel import socket_pair
from transports.process.child import MediaProcess
from transports.process.connection import Connection
from transports.process.stream import ProcessStream
from transports.rtp.stats import Deviations, Totals
from transports.udp.clock import REMEMBERED_TICKS

__all__ = ["ProcessEngine", "WayIn", "supervised_engine"]

SLOTS_SPARE = 16
"""Beyond the port pairs: streams that were closed a moment ago."""
SLOTS_LIMIT = 1024

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
"""Seconds between two attempts to reach a media process."""

CLOSE_SECONDS = 1.0
"""How long the last counters of closed streams may take."""

ENDED = "the media process has ended and is being started again"


class WayIn(Protocol):
    """How to reach a media process."""

    async def start(self) -> socket.socket:
        """Return a socket to it, starting it if that is ours to do.

        Raises:
            OSError: It cannot be reached.
        """

    async def end(self) -> None:
        """See to its end, now that its socket is closed."""


def supervised_engine(params: RtpParams) -> "ProcessEngine":
    """Return an engine that starts a media process of its own, and watches it."""
    pairs = (params.port_max - params.port_min) // 2 + 1
    return ProcessEngine(MediaProcess(params), slots=min(pairs + SLOTS_SPARE, SLOTS_LIMIT))


class ProcessEngine:
    """See :class:`transports.media.MediaEngine`, whose contract this keeps.

    Attributes:
        on_orphaned: Told the ports of the calls of a user that has ended. They go on with noise
            until :meth:`close_orphan` or :meth:`adopt`, for half a minute; supervisor only.

    Args:
        way_in: How to reach the media process, at the start and after each end.
        slots: How many streams there is room for.
    """

    def __init__(self, way_in: WayIn, *, slots: int) -> None:
        self.on_orphaned: Callable[[Sequence[int]], None] | None = None
        self._way_in = way_in
        self._slots = slots
        self._connection: Connection | None = None
        self._broken: list[ProcessStream] = []  # failed with an earlier connection, not closed yet
        self._ended = Totals()
        self._lateness = Deviations(REMEMBERED_TICKS)
        self._after_hearing: list[Callable[[], None]] = []
        self._restarting: asyncio.Task[None] | None = None
        self._restarts = 0
        self._closed = False

    @property
    def streams(self) -> Sequence[ProcessStream]:
        """The open streams, oldest first."""
        return (*self._broken, *self._living())

    @property
    def totals(self) -> Totals:
        """Counters of all streams so far, those that were closed included."""
        closing = () if self._connection is None else self._connection.closing
        return self._ended.plus(stream.stats for stream in (*self.streams, *closing))

    @property
    def lateness(self) -> Deviations:
        """How late the ticks of the media process came, in seconds."""
        return self._lateness

    @property
    def scheduling(self) -> str:
        """How the operating system ranks the media process."""
        return "unknown" if self._connection is None else self._connection.scheduling

    @property
    def restarts(self) -> int:
        """How often the media process has ended by itself, and was to be started again."""
        return self._restarts

    @property
    def problem(self) -> str | None:
        """Why no stream can be opened now, ``None`` when all is well."""
        return ENDED if self._connection is None or self._connection.ended else None

    def after_hearing(self, then: Callable[[], None]) -> None:
        """Call ``then`` every 20 ms, when all streams have heard."""
        self._after_hearing.append(then)

    async def start(self) -> None:
        """Start the media process, or reach the one that runs.

        Raises:
            PortsExhausted: No stream could be opened: the port range is used up.
            AddressUnavailable: Nor one: the address to bind is not one of this machine.
            MediaUnavailable: It ended at once, or does not answer; or we are closed meanwhile.
        """
        try:
            await self._connect()
        except OSError as error:
            raise MediaUnavailable(f"the media process cannot be reached: {error}") from error

    async def close(self) -> None:
        """Close all streams, and end the media process if it is ours. Idempotent."""
        self._closed = True
        if self._restarting is not None:
            self._restarting.cancel()
            await asyncio.wait({self._restarting})
            self._restarting = None
        for stream in self.streams:
            stream.close()
        await self._disconnect()

    async def open_stream(self, options: StreamOptions | None = None) -> ProcessStream:
        """Bind a port pair for a call. It sends nothing before ``connect()``.

        Args:
            options: What was agreed on with the peer; the configured codec alone unless given.

        Raises:
            PortsExhausted: The port range is used up.
            AddressUnavailable: The address to bind is not one of this machine.
            MediaUnavailable: The media process has ended, and is being started again.
        """
        return await self._reached().open_stream(options or StreamOptions())

    async def adopt(self, port: int) -> ProcessStream:
        """Go on with an orphan: what was written for it is gone, its counters are not.

        Raises:
            MediaUnavailable: There is no such orphan, or no media process.
        """
        return await self._reached().adopt(port)

    def close_orphan(self, port: int) -> None:
        """End an orphan."""
        self._reached().end_orphan(port)

    def admit(self) -> socket.socket:
        """Let another process use the media process.

        Returns:
            A socket for it to inherit; close it here then.

        Raises:
            MediaUnavailable: The media process has ended, and is being started again.
        """
        connection = self._reached()
        ours, theirs = socket_pair()
        connection.admit(ours)
        ours.close()
        return theirs

    def _reached(self) -> Connection:
        if self._closed:
            raise MediaUnavailable("the media engine does not run")
        if self._connection is None or self._connection.ended:
            raise MediaUnavailable(ENDED)
        return self._connection

    def _living(self) -> Sequence[ProcessStream]:
        return () if self._connection is None else tuple(self._connection.streams.values())

    async def _connect(self) -> None:
        sock = await self._way_in.start()
        try:
            connection = await self._reach(sock)
        except BaseException:
            sock.close()
            await self._way_in.end()
            raise
        self._broken += self._living()
        self._connection = connection
        if self._closed:
            await self._disconnect()
            raise MediaUnavailable("the media engine was closed meanwhile")
        logger.bind(scheduling=connection.scheduling).info("media.process_ready")

    async def _reach(self, sock: socket.socket) -> Connection:
        """Return a connection to a media process that runs, or none."""
        connection = Connection(
            sock,
            self._slots,
            on_tick=self._on_tick,
            on_closed=self._on_closed,
            on_orphaned=self._on_orphaned,
            on_end=self._on_end,
        )
        try:
            await connection.ready()
        except BaseException:
            await connection.close(0)
            raise
        return connection

    async def _disconnect(self) -> None:
        if self._connection is not None:
            await self._connection.close(CLOSE_SECONDS)
            await self._way_in.end()

    def _on_tick(self, lateness: Sequence[float]) -> None:
        for seconds in lateness:
            self._lateness.add(seconds)
        for then in self._after_hearing:
            then()

    def _on_closed(self, stream: ProcessStream) -> None:
        if stream in self._broken:
            self._broken.remove(stream)
        self._ended = self._ended.plus([stream.stats])

    def _on_orphaned(self, ports: Sequence[int]) -> None:
        logger.bind(ports=ports).warning("media.user_ended")
        if self.on_orphaned is not None:
            self.on_orphaned(ports)

    def _on_end(self) -> None:
        """Start it again, unless it never ran, or an attempt is being made."""
        logger.error("media.process_ended")
        if self._closed or self._connection is None:
            return
        if self._restarting is not None and not self._restarting.done():
            return
        self._restarts += 1
        self._restarting = asyncio.ensure_future(self._restart())

    async def _restart(self) -> None:
        await self._way_in.end()
        pause = FIRST_PAUSE
        while True:
            try:
                await self._connect()
            except (OSError, RuntimeError, TransportError) as error:  # or no thread to start it
                logger.error("media.process_not_started: {}", error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                return
