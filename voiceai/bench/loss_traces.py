"""What arrives when of a recording sent over a bad network. Pure and seeded."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from transports.audio.comfort_noise import ComfortNoise
from transports.audio.g711 import Alaw
from transports.netem import GilbertElliott, Impairments, Network
from transports.rtp.packet import RtpPacket

__all__ = ["CONDITIONS", "EDGE_PACKETS", "Condition", "Trace", "make_trace", "sent_audio"]

PACKET_BYTES: Final = 320
PACKET_SAMPLES: Final = 160
PACKET_SECONDS: Final = 0.02

LEAD_PACKETS: Final = 400
"""Eight seconds of quiet before the words, in which a buffer finds its delay."""

EDGE_PACKETS: Final = 5
"""So much quiet on either side of the words is judged with them."""

TAIL_PACKETS: Final = 25
MEAN_BURST: Final = 2.5
PATH_SECONDS: Final = 0.1
KINDS: Final = ("random", "burst", "jitter")
MOST: Final = 99
SSRC: Final = 0x5EED
ALAW_PAYLOAD_TYPE: Final = 8


@dataclass(frozen=True, slots=True)
class Condition:
    """A state of the network.

    Attributes:
        kind: ``random`` or ``burst`` loss, or ``jitter``.
        amount: The share lost in percent, or the most that a packet's delay differs from its
            mean, to either side, in milliseconds. Packets keep their order.
    """

    kind: str
    amount: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``KIND:AMOUNT``.

        Raises:
            ValueError: It is none.
        """
        kind, _, amount = text.partition(":")
        if kind not in KINDS or not amount.isdecimal() or int(amount) > MOST:
            raise ValueError(f"{text!r} is none of {', '.join(KINDS)} and 0..{MOST}: random:3")
        return cls(kind, int(amount))

    @property
    def name(self) -> str:
        """As the report calls it."""
        unit = "ms jitter" if self.kind == "jitter" else f"% {self.kind} loss"
        return f"{self.amount} {unit}"

    @property
    def impairments(self) -> Impairments:
        """As the network emulator wants it."""
        match self.kind:
            case "random":
                return Impairments(loss=self.amount / 100, delay=PATH_SECONDS)
            case "burst":
                leave, share = 1 / MEAN_BURST, self.amount / 100
                bursts = GilbertElliott(enter=share * leave / (1 - share), leave=leave)
                return Impairments(bursts=bursts, delay=PATH_SECONDS)
            case _:
                jitter = self.amount / 1000
                return Impairments(delay=PATH_SECONDS, jitter=jitter, keeps_order=True)


CONDITIONS: Final = tuple(
    Condition(kind, amount)
    for kind, amounts in (
        ("random", (0, 1, 3, 5, 10)),
        ("burst", (1, 3, 5, 10)),
        ("jitter", (20, 40, 60)),
    )
    for amount in amounts
)
"""No loss and no jitter are one condition."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What came out of the network.

    Attributes:
        arrivals: Seconds, number of the packet and datagram, in the order of arrival.
        first: Number of the first packet to judge.
        packets: How many to judge.
        tick: Seconds at which the receiver's first tick falls.
    """

    arrivals: Sequence[tuple[float, int, bytes]]
    first: int
    packets: int
    tick: float


def sent_audio(pcm: bytes) -> bytes:
    """Return what is to be judged, as it sounds when nothing is lost: 16-bit at 8 kHz."""
    packets = _packets(pcm)
    first, count = LEAD_PACKETS - EDGE_PACKETS, len(packets) - LEAD_PACKETS - TAIL_PACKETS
    return Alaw().decode(b"".join(packets[first : first + count + 2 * EDGE_PACKETS]))


def make_trace(pcm: bytes, condition: Condition, seed: int) -> Trace:
    """Send a recording (16-bit at 8 kHz) as A-law in packets of 20 ms."""
    chance = random.Random(f"{condition.kind} {seed}")  # noqa: S311 - impairments repeat
    network = Network(condition.impairments, chance)
    packets = _packets(pcm)
    for number, payload in enumerate(packets):
        packet = RtpPacket(
            ALAW_PAYLOAD_TYPE, number, number * PACKET_SAMPLES, SSRC, payload, number == 0
        )
        network.send(packet.serialize(), number * PACKET_SECONDS)
    end = len(packets) * PACKET_SECONDS + 1
    arrivals = [
        (at, RtpPacket.parse(data).sequence_number, data) for at, data in network.receive(end)
    ]
    count = len(packets) - LEAD_PACKETS - TAIL_PACKETS + 2 * EDGE_PACKETS
    tick = chance.uniform(0, PACKET_SECONDS)
    return Trace(arrivals, LEAD_PACKETS - EDGE_PACKETS, count, tick)


def _packets(pcm: bytes) -> list[bytes]:
    """Return the payloads: quiet, the words, quiet."""
    noise = ComfortNoise()
    words = [pcm[at : at + PACKET_BYTES] for at in range(0, len(pcm), PACKET_BYTES)]
    words[-1] = words[-1].ljust(PACKET_BYTES, b"\0")
    lead = [noise.take(PACKET_SAMPLES) for _ in range(LEAD_PACKETS)]
    tail = [noise.take(PACKET_SAMPLES) for _ in range(TAIL_PACKETS)]
    return [Alaw().encode(frame) for frame in (*lead, *words, *tail)]
