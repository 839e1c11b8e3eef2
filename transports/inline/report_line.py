"""RTCP of one stream: the odd port's socket, and reports at their times."""

import random
import socket
import time
from collections.abc import Callable

from transports.rtp.reports import Reports
from transports.rtp.session import RtpSession
from transports.rtp.source import Address
from transports.udp.endpoint import UdpEndpoint
from transports.udp.reading import OnArrival

__all__ = ["ReportLine"]


class ReportLine:
    """Hands reports on between a socket and their core. Decides nothing.

    Attributes:
        reports: The core, for its counters.

    Args:
        sock: Bound and non-blocking; stays the caller's to close.
        session: What is reported on.
        eager: Report from the beginning, not only to a peer that does.
        on_goodbye: Called when the peer says that it leaves.
        on_error: Called if that raises, or anything else here does.
    """

    __slots__ = ("_endpoint", "_on_error", "_on_goodbye", "_session", "reports")

    def __init__(
        self,
        sock: socket.socket,
        session: RtpSession,
        *,
        eager: bool,
        on_goodbye: Callable[[], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        self.reports = Reports(
            ssrc=session.sender.ssrc,
            random=random.SystemRandom(),
            now=time.monotonic(),
            wall_clock=time.time(),
            eager=eager,
        )
        self._session = session
        self._on_goodbye = on_goodbye
        self._on_error = on_error
        self._endpoint = UdpEndpoint(sock, self._receive, OnArrival())

    def connect(self, peer: Address) -> None:
        """Trust the host of the peer's RTP address."""
        self.reports.expect(peer, time.monotonic())

    def tick(self, now: float, due_at: float) -> None:
        """Report if it is time.

        Args:
            now: Monotonic seconds.
            due_at: When the next RTP packet is.
        """
        if self.reports.is_due(now) and self.reports.address is not None:
            session = self._session
            report = self.reports.report(now, session.transmission(now, due_at), session.reception)
            self._endpoint.send(report, self.reports.address)

    def close(self, now: float, due_at: float) -> None:
        """Say goodbye, if the peer was told anything before, and stop reading."""
        session = self._session
        self._endpoint.close()
        farewell = self.reports.goodbye(now, session.transmission(now, due_at), session.reception)
        if farewell is not None and self.reports.address is not None:
            self._endpoint.send(farewell, self.reports.address)

    def _receive(self, data: bytes, address: Address, now: float) -> None:
        try:
            if self.reports.receive(data, address, self._session.reception, now):
                self._on_goodbye()
        except Exception as error:  # noqa: BLE001  a broken call must not stop the others
            self._on_error(error)
