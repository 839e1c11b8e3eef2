"""What both ends tell one another of a stream's quality: RTCP, and when to send it (RFC 3550).

Two parties at 64 kbit/s never come near the share of bandwidth that section 6.2 grants RTCP (a
report of 120 bytes each would do every 0.6 s), so the minimum interval rules, and no count of
members and packet sizes is kept.
"""

from collections import Counter, deque
from typing import TYPE_CHECKING, Final, NamedTuple

from transports.errors import PacketError
from transports.rtp.events import SAMPLE_RATE
from transports.rtp.rtcp import (
    Goodbye,
    ReceiverReport,
    ReportBlock,
    RtcpPacket,
    SenderReport,
    SourceDescription,
    parse_compound,
    serialize_compound,
)
from transports.rtp.source import Address, Rejection

if TYPE_CHECKING:
    import random

__all__ = ["Reception", "Reports", "Transmission"]

INTERVAL: Final = 5.0
"""Seconds between two reports on average; half of it before the first (section 6.2)."""

COMPENSATION: Final = 1.21828
"""e - 3/2: what the randomised interval is divided by (section 6.3.1)."""

NTP_EPOCH: Final = 2208988800
"""Seconds from 1900 to 1970."""

MOST_PER_SECOND: Final = 20
"""Compounds that are looked at; a peer sends one in five seconds."""

REMEMBERED_REPORTS: Final = 16
"""Of our own, for the round trip: an answer to an older one says nothing new."""

CLOCKS_DIFFER: Final = 6554
"""Units of 1/65536 s, 0.1 s in all, by which a peer may say to have kept a report for longer than
we have been waiting: our clocks differ by so much, and more makes its answer worth nothing."""

HIGHEST_PORT: Final = 0xFFFF

CNAME_BITS: Final = 96
"""Of a name that means nothing outside this stream (RFC 7022 section 4.2)."""


class Transmission(NamedTuple):
    """What was sent so far.

    Attributes:
        timestamp: The RTP timestamp of this instant.
        packets: Sent.
        octets: Of payload.
    """

    timestamp: int
    packets: int
    octets: int


class Reception(NamedTuple):
    """What came so far from one source.

    Attributes:
        ssrc: The source.
        highest: Its highest sequence number, unwrapped.
        expected: Packets from its lowest number to the highest.
        received: Packets that came, duplicates included (appendix A.3).
        jitter_s: Interarrival jitter in seconds.
        clock_rate: Of its timestamps, in Hz.
    """

    ssrc: int
    highest: int
    expected: int
    received: int
    jitter_s: float
    clock_rate: int = SAMPLE_RATE


class Reports:
    """The RTCP of one stream. No socket, no clock: times are monotonic seconds, given as ``now``.

    Sends nothing before the peer is known, nor before it has sent a report, unless ``eager``.
    The wall clock is read once, so that a step of it does not look like a long way.

    Attributes:
        sent: Compounds made.
        received: Compounds accepted.
        rejected: Datagrams dropped, by reason.
        remote_lost: Packets of ours that the peer misses; ``None`` before it said so.
        remote_jitter_s: The interarrival jitter that the peer sees, in seconds; ``None`` before.
        round_trip_s: From us to the peer and back, in seconds, last measured; ``None`` before.

    Args:
        ssrc: Our own.
        random: For the name and the intervals.
        now: The time of ``wall_clock``, in monotonic seconds.
        wall_clock: Seconds since 1970.
        eager: Send from the beginning.
    """

    __slots__ = (
        "_cname",
        "_eager",
        "_heard",
        "_last_packets",
        "_left_with",
        "_next_at",
        "_peer",
        "_port",
        "_random",
        "_reported",
        "_second",
        "_sent_reports",
        "_ssrc",
        "_wall_offset",
        "received",
        "rejected",
        "remote_jitter_s",
        "remote_lost",
        "round_trip_s",
        "sent",
    )

    def __init__(
        self, *, ssrc: int, random: "random.Random", now: float, wall_clock: float, eager: bool
    ) -> None:
        self.sent = 0
        self.received = 0
        self.rejected: Counter[Rejection] = Counter()
        self.remote_lost: int | None = None
        self.remote_jitter_s: float | None = None
        self.round_trip_s: float | None = None
        self._ssrc = ssrc
        self._random = random
        self._cname = f"{random.getrandbits(CNAME_BITS):024x}".encode()
        self._wall_offset = wall_clock - now + NTP_EPOCH
        self._eager = eager
        self._peer: Address | None = None
        self._port = 0  # of the peer's RTCP
        self._next_at: float | None = None
        self._second = (0, 0)  # which one, and how many datagrams it had
        self._sent_reports: deque[int] = deque(maxlen=REMEMBERED_REPORTS)
        self._heard: tuple[int, int, float] | None = None  # SSRC, last report, when it came
        self._reported: Reception | None = None  # what the last block was made from
        self._last_packets: int | None = None  # sent when the last report was made
        self._left_with: int | None = None  # packets received when the peer said goodbye

    @property
    def address(self) -> Address | None:
        """Where to send to; ``None`` before the peer is known, or if there is no port above."""
        if self._peer is None or self._port > HIGHEST_PORT:
            return None
        return (self._peer[0], self._port)

    def expect(self, address: Address, now: float) -> None:
        """Trust reports of this host only; they come from the port above, or from a learned one.

        Args:
            address: Of the peer's RTP.
            now: Monotonic seconds.
        """
        if self._peer != address:
            self._peer = address
            self._port = address[1] + 1
        if self._eager and self._next_at is None:
            self._next_at = now + self._interval(first=True)

    def receive(
        self, data: bytes, address: Address, reception: Reception | None, now: float
    ) -> bool:
        """Take one datagram; return whether the peer says goodbye with it.

        Args:
            data: As it came.
            address: From where.
            reception: What came of the peer's RTP; ``None`` before it did.
            now: Monotonic seconds.
        """
        rejection = self._screen(address, now)
        if rejection is None:
            try:
                packets = parse_compound(data)
            except PacketError:
                rejection = Rejection.MALFORMED
            else:
                rejection = self._judge(packets, address, reception)
        if rejection is not None:
            self.rejected[rejection] += 1
            return False
        self.received += 1
        if self._next_at is None:
            self._next_at = now + self._interval(first=True)
        return self._note(packets, reception, now)

    def is_due(self, now: float) -> bool:
        """Say whether it is time for :meth:`report`; cheap, to be asked on every tick."""
        return self._next_at is not None and now >= self._next_at

    def report(self, now: float, sent: Transmission, reception: Reception | None) -> bytes:
        """Make the report that is due, and set the time of the next."""
        self._next_at = now + self._interval(first=False)
        return self._compound(now, sent, reception)

    def goodbye(self, now: float, sent: Transmission, reception: Reception | None) -> bytes | None:
        """Make the last report, which ends our source.

        Returns:
            ``None`` if the peer never heard of it, or does not want reports (section 6.3.7).
        """
        if self._next_at is None or self.sent + sent.packets == 0:
            return None
        self._next_at = None
        return self._compound(now, sent, reception, Goodbye((self._ssrc,)))

    def _screen(self, address: Address, now: float) -> Rejection | None:
        if self._peer is None or address[0] != self._peer[0]:
            return Rejection.ADDRESS
        second, count = self._second
        self._second = (int(now), count + 1 if second == int(now) else 1)
        return Rejection.RATE if self._second[1] > MOST_PER_SECOND else None

    def _judge(
        self, packets: tuple[RtcpPacket, ...], address: Address, reception: Reception | None
    ) -> Rejection | None:
        """Believe who comes from the port above the RTP's, or knows the SSRC of the RTP."""
        assert self._peer is not None  # noqa: S101  screened
        first = packets[0]
        if not isinstance(first, SenderReport | ReceiverReport) or first.ssrc == self._ssrc:
            return Rejection.MALFORMED  # our own, reflected
        known = reception is not None and reception.ssrc == first.ssrc
        if not known and address[1] not in (self._port, self._peer[1] + 1):
            return Rejection.ADDRESS
        self._port = address[1]
        return None

    def _note(
        self, packets: tuple[RtcpPacket, ...], reception: Reception | None, now: float
    ) -> bool:
        """Take in what a compound says; return whether it says goodbye."""
        source = packets[0].ssrc if isinstance(packets[0], SenderReport | ReceiverReport) else None
        is_leaving = False
        for packet in packets:
            match packet:
                case SenderReport():
                    self._heard = (packet.ssrc, packet.ntp >> 16 & 0xFFFFFFFF, now)
                    self._note_blocks(packet.blocks, now)
                case ReceiverReport():
                    self._note_blocks(packet.blocks, now)
                case Goodbye():
                    ours = (source, reception.ssrc if reception else None)
                    is_leaving = is_leaving or any(ssrc in ours for ssrc in packet.ssrcs)
                case SourceDescription():
                    pass  # a name is not needed to tell one peer from no other
        if is_leaving:
            self._left_with = reception.received if reception else 0
            self._heard = None
            if not self._eager:
                self._next_at = None
        return is_leaving

    def _note_blocks(self, blocks: tuple[ReportBlock, ...], now: float) -> None:
        """Take in how the peer receives us (section 6.4.1 for the round trip)."""
        for block in blocks:
            if block.ssrc != self._ssrc:
                continue
            self.remote_lost = block.lost
            self.remote_jitter_s = block.jitter / SAMPLE_RATE
            if block.last_report in self._sent_reports:
                elapsed = ((self._ntp(now) >> 16) - block.last_report) & 0xFFFFFFFF
                if block.delay <= elapsed + CLOCKS_DIFFER:
                    self.round_trip_s = max((elapsed - block.delay) / 65536, 0.0)

    def _compound(
        self, now: float, sent: Transmission, reception: Reception | None, *more: RtcpPacket
    ) -> bytes:
        block = self._block(now, reception)
        blocks = () if block is None else (block,)
        report: RtcpPacket
        if sent.packets == (self._last_packets or 0):
            report = ReceiverReport(self._ssrc, blocks)
        else:
            ntp = self._ntp(now)
            self._sent_reports.append(ntp >> 16 & 0xFFFFFFFF)
            timestamp, packets, octets = (number & 0xFFFFFFFF for number in sent)
            report = SenderReport(self._ssrc, ntp, timestamp, packets, octets, blocks)
        self._last_packets = sent.packets
        self.sent += 1
        return serialize_compound([report, SourceDescription(self._ssrc, self._cname), *more])

    def _block(self, now: float, reception: Reception | None) -> ReportBlock | None:
        """Report on the peer's source since the last time (appendix A.3)."""
        if reception is None or reception.received == self._left_with:
            return None
        self._left_with = None
        before = self._reported
        if before is None or before.ssrc != reception.ssrc or before.expected > reception.expected:
            before = Reception(reception.ssrc, 0, 0, 0, 0.0)
        self._reported = reception
        expected = reception.expected - before.expected
        lost = expected - (reception.received - before.received)
        last_report, delay = 0, 0
        if self._heard is not None and self._heard[0] == reception.ssrc:
            last_report = self._heard[1]
            delay = min(round((now - self._heard[2]) * 65536), 0xFFFFFFFF)
        return ReportBlock(
            ssrc=reception.ssrc,
            fraction_lost=min(256 * lost // expected, 255) if lost > 0 and expected > 0 else 0,
            lost=min(max(reception.expected - reception.received, -0x800000), 0x7FFFFF),
            highest=reception.highest & 0xFFFFFFFF,
            jitter=int(reception.jitter_s * reception.clock_rate) & 0xFFFFFFFF,
            last_report=last_report,
            delay=delay,
        )

    def _interval(self, *, first: bool) -> float:
        mean = INTERVAL / 2 if first else INTERVAL
        return mean * self._random.uniform(0.5, 1.5) / COMPENSATION

    def _ntp(self, now: float) -> int:
        """Return the wall clock as 32.32 bits of seconds since 1900 (section 4)."""
        return int((now + self._wall_offset) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF
