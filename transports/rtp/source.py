"""Who may speak: the address, the rate and the SSRC that a session accepts (RFC 3550 A.1)."""

import enum
import ipaddress

from transports.rtp.packet import RtpPacket

__all__ = ["Address", "Rejection", "SourceLock", "Verdict", "checked_address"]

Address = tuple[str, int]
"""Numeric host and port."""

HIGHEST_PORT = 0xFFFF

MAX_DROPOUT = 3000
"""A jump ahead of up to a minute is loss; more needs a second packet in sequence."""

MAX_MISORDER = 100
"""As far behind a packet may come and still be a straggler."""

PACKETS_PER_SECOND = 250.0
"""Precedent: 10 ms packets are 100 per second."""

BYTES_PER_PACKET = 400
"""A larger packet counts as so many as it has of these: what it holds has to be decoded, which for
200 ms of G.722 takes as long as for ten packets of the usual size."""

PACKET_BURST = 500.0
"""What a peer may send at once after a stall, ours or its own."""

NEXT_TO_EACH_OTHER = (1, 0xFFFF)
"""By how much the numbers of two packets in sequence differ, in whichever order they come."""

MOST_CANDIDATES = 16
"""Sources on probation at once; the oldest gives way, so that a flood of others keeps none out."""

SOURCE_SILENT = 0.06
"""Seconds without a packet of the accepted SSRC until another one may take its place. A source
that ends and another that begins are 20 ms apart; a forged one has to talk against the first."""

PORT_SILENT = 1.0
"""Seconds without a packet from the peer's port until another SSRC of its host may go on from
another port: what else that host sends us by mistake may be another caller's voice. A peer that
keeps its SSRC is followed after :data:`SOURCE_SILENT`: nobody else knows it."""


def checked_address(address: Address, host: str) -> Address:
    """Return where a peer is, its host spelled as a socket spells it.

    Args:
        address: As it was told.
        host: Numeric, of ours.

    Raises:
        ValueError: The host is not numeric, or not of our IP version; or there is no such port.
    """
    peer, port = ipaddress.ip_address(address[0]), address[1]
    if peer.version != ipaddress.ip_address(host).version:
        raise ValueError(f"peer {peer} and {host} are not of the same IP version")
    if not 0 < port <= HIGHEST_PORT:
        raise ValueError(f"peer {peer} cannot have the port {port}")
    return str(peer), port


class Rejection(enum.StrEnum):
    """Why a datagram was dropped."""

    ADDRESS = "address"
    """Not from the peer that we are connected to, whose port still speaks or never did."""

    RATE = "rate"
    """Too many; see :data:`PACKETS_PER_SECOND`."""

    MALFORMED = "malformed"
    """Not RTP."""

    PROBATION = "probation"
    """A new source or a big jump, not yet confirmed by a second packet in sequence."""

    PAYLOAD_TYPE = "payload_type"
    """Neither A-law nor mu-law: telephone events, another codec."""

    PAYLOAD_SIZE = "payload_size"
    """No audio, or more than any peer puts into a packet."""


class Verdict(enum.Enum):
    """What :meth:`SourceLock.judge` says of a packet from the right address."""

    ACCEPTED = enum.auto()
    NEW_SOURCE = enum.auto()
    """Accepted, and its numbers have nothing to do with those before."""
    PROBATION = enum.auto()


ACCEPTED = Verdict.ACCEPTED
"""Looked up once: in Python 3.11 that costs as much as a call, and each packet asks."""


class _Allowance:
    """So many packets a second, and so many at once (a token bucket)."""

    __slots__ = ("_refilled_at", "_tokens")

    def __init__(self) -> None:
        self._tokens = PACKET_BURST
        self._refilled_at = 0.0

    def take(self, now: float, length: int) -> bool:
        """Say whether one more packet of so many bytes may pass."""
        tokens = self._tokens + (now - self._refilled_at) * PACKETS_PER_SECOND
        self._refilled_at = now
        if tokens < 1:
            self._tokens = tokens
            return False
        full = tokens >= PACKET_BURST
        self._tokens = (PACKET_BURST if full else tokens) - 1 - length // BYTES_PER_PACKET
        return True


class SourceLock:
    """Holds on to one address and one SSRC.

    While the peer's address is known, its first SSRC is trusted at once. A jump of the sequence
    number and anything from an unknown address must first send two packets in sequence, in either
    order, with none of the accepted source in between; so must another SSRC, once the accepted one
    is silent, and another port of the peer's host, once the peer's own is. The port that we were
    told has the first claim: it needs to wait for nobody; nor does the SSRC that was left for one
    of another port, should it go on after all before that one was heard for longer.
    Whoever forges the peer's address does not know its SSRC: a flood of his costs it nothing.

    Attributes:
        ssrc: The accepted source, 32 bits; ``None`` before there is one.
        address: Where the peer is: the very tuple that we were told, until it moves.
    """

    __slots__ = (
        "_candidates",
        "_expected",
        "_former",
        "_heard_at",
        "_heard_since",
        "_highest",
        "_of_others",
        "_of_source",
        "_ssrc_bytes",
        "address",
        "ssrc",
    )

    def __init__(self) -> None:
        self._expected: Address | None = None
        self.address: Address | None = None
        self.ssrc: int | None = None
        self._ssrc_bytes: bytes | None = None
        self._former: tuple[bytes | None, float] | None = None  # the SSRC left; seconds heard
        self._heard_since = 0.0
        self._heard_at = 0.0
        self._highest = 0
        self._candidates: dict[tuple[Address, int], int] = {}  # address, SSRC: last number
        self._of_source = _Allowance()
        self._of_others = _Allowance()

    def expect(self, address: Address) -> None:
        """Trust ``address`` alone from now on."""
        moved = self.address != address
        self._expected = self.address = address
        if moved:
            self.ssrc = self._ssrc_bytes = self._former = None
            self._candidates.clear()

    def passes(
        self, ssrc: int, sequence_number: int, address: Address, length: int, now: float
    ) -> bool:
        """Accept a packet of the accepted source at once: in one step what most packets need.

        Args:
            ssrc: As in the packet.
            sequence_number: Likewise.
            address: From where it came.
            length: Of the datagram, in bytes.
            now: Monotonic seconds.

        Returns:
            False if :meth:`screen` and :meth:`judge` are to be asked, which nothing is ahead of.
        """
        if ssrc != self.ssrc or address != self.address:
            return False
        ahead = (sequence_number - self._highest) & 0xFFFF
        if MAX_DROPOUT <= ahead <= 0x10000 - MAX_MISORDER or not self._of_source.take(now, length):
            return False
        if ahead < MAX_DROPOUT:
            self._highest = sequence_number
        if self._candidates:
            self._candidates.clear()
        self._heard_at = now
        return True

    def screen(self, data: bytes, address: Address, now: float) -> Rejection | None:
        """Say whether to look at a datagram at all; cheap, since a flood comes here."""
        is_source = self._ssrc_bytes is not None and data[8:12] == self._ssrc_bytes
        elsewhere = self.address is not None and address != self.address
        if elsewhere and not self._may_move(address, data[8:12], now):
            return Rejection.ADDRESS
        allowance = self._of_source if is_source else self._of_others
        return None if allowance.take(now, len(data)) else Rejection.RATE

    def judge(self, packet: RtpPacket, address: Address, now: float) -> Verdict:
        """Decide about a packet that passed :meth:`screen` at ``now`` (monotonic seconds)."""
        if self.ssrc is not None and address != self.address:
            return self._judge_move(packet, address, now)
        number = packet.sequence_number
        if packet.ssrc == self.ssrc:
            ahead = (number - self._highest) & 0xFFFF
            if ahead < MAX_DROPOUT or ahead > 0x10000 - MAX_MISORDER:
                if ahead < MAX_DROPOUT:
                    self._highest = number
                self._candidates.clear()
                self._heard_at = now
                return ACCEPTED
        elif self.ssrc is not None and now - self._heard_at < SOURCE_SILENT:
            return Verdict.PROBATION
        trusted = self.ssrc is None and self._expected is not None
        if not trusted and not self._is_confirmed(packet, address):
            return Verdict.PROBATION
        self._take(packet, address, now)
        return Verdict.NEW_SOURCE

    def _judge_move(self, packet: RtpPacket, address: Address, now: float) -> Verdict:
        """Decide about another port of the peer's host that :meth:`screen` let pass."""
        ahead = (packet.sequence_number - self._highest) & 0xFFFF
        is_same = packet.ssrc == self.ssrc
        continues = is_same and ahead < MAX_DROPOUT
        trusted = address == self._expected and (continues or not is_same)
        trusted = trusted or self._is_former(packet.ssrc.to_bytes(4), now)
        if not trusted and not self._is_confirmed(packet, address):
            return Verdict.PROBATION
        if not is_same:
            heard = (self._ssrc_bytes, self._heard_at - self._heard_since)
            self._former = None if trusted else heard
        self._take(packet, address, now)
        return ACCEPTED if continues else Verdict.NEW_SOURCE

    def _is_confirmed(self, packet: RtpPacket, address: Address) -> bool:
        """Say whether a packet is the second in sequence; if not, wait for that.

        It may have been overtaken by the first: a path that always swaps two has none in order.
        """
        number, candidate = packet.sequence_number, (address, packet.ssrc)
        last = self._candidates.pop(candidate, number)
        if (number - last) & 0xFFFF in NEXT_TO_EACH_OTHER:
            return True
        self._candidates[candidate] = number
        if len(self._candidates) > MOST_CANDIDATES:
            del self._candidates[next(iter(self._candidates))]
        return False

    def _take(self, packet: RtpPacket, address: Address, now: float) -> None:
        self._candidates.clear()
        if self.address != address:
            self.address = address
        if packet.ssrc != self.ssrc:
            self._heard_since = now
        self.ssrc = packet.ssrc
        self._ssrc_bytes = packet.ssrc.to_bytes(4)
        self._heard_at = now
        self._highest = packet.sequence_number

    def _may_move(self, address: Address, ssrc: bytes, now: float) -> bool:
        """Say whether the peer, heard before, may go on from another port of its host."""
        if self.ssrc is None or self.address is None or address[0] != self.address[0]:
            return False
        if address == self._expected or self._is_former(ssrc, now):
            return True
        silent = SOURCE_SILENT if ssrc == self._ssrc_bytes else PORT_SILENT
        return now - self._heard_at >= silent

    def _is_former(self, ssrc: bytes, now: float) -> bool:
        """Say whether ``ssrc`` was left for the present one, and heard for longer than that."""
        former = self._former
        return former is not None and former[0] == ssrc and former[1] > now - self._heard_since
