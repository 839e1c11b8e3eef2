"""What is fuzzed. A target takes any bytes, and raises nothing but an error of its own.

To add a parser: a function here, a line in :data:`TARGETS`, and seeds in ``data/NAME/``.
"""

import contextlib
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from transports.audio.codec import Codec
from transports.audio.comfort_noise import ComfortNoise
from transports.audio.level import level_dbfs
from transports.errors import PacketError
from transports.rtp.comfort_noise_payload import ComfortNoisePayload
from transports.rtp.events import FRAME_BYTES
from transports.rtp.packet import RtpPacket
from transports.rtp.receiver import Receiver
from transports.rtp.reports import Reception, Reports, Transmission
from transports.rtp.rtcp import parse_compound, serialize_compound
from transports.rtp.spread import PlayoutRange
from transports.rtp.telephone_event import TelephoneEvent

__all__ = ["CORPUS", "TARGETS", "seeds"]

CORPUS = Path(__file__).parent / "data"

PEER = ("192.0.2.1", 20002)
OURS, THEIRS = 0xAAAAAAAA, 0xBBBBBBBB
STEP = 6
"""Bytes that say what :func:`receiver` does next."""


def seeds(target: str) -> list[Path]:
    """Return the files that the search for ``target`` begins with."""
    return sorted((CORPUS / target).glob("*.bin"))


def rtp(data: bytes) -> None:
    """What parses is what it serializes to."""
    with contextlib.suppress(PacketError):
        packet = RtpPacket.parse(data)
        assert RtpPacket.parse(packet.serialize()) == packet
        assert len(packet.serialize()) == len(data)


def rtcp(data: bytes) -> None:
    """What parses parses again from what it serializes to."""
    with contextlib.suppress(PacketError):
        packets = parse_compound(data)
        with contextlib.suppress(ValueError):  # what parses need not be what we would send
            parse_compound(serialize_compound(packets))


def telephone_event(data: bytes) -> None:
    """What parses is what it serializes to."""
    with contextlib.suppress(PacketError):
        for event in TelephoneEvent.parse(data):
            assert TelephoneEvent.parse(event.serialize()) == (event,)


def comfort_noise(data: bytes) -> None:
    """What parses is what it serializes to, and sounds as loud as it says, within our bounds."""
    with contextlib.suppress(PacketError):
        described = ComfortNoisePayload.parse(data)
        assert ComfortNoisePayload.parse(described.serialize()) == described
        noise = ComfortNoise()
        noise.become(described.dbfs, described.reflection)
        second = noise.take(8000)
        assert len(second) == 16_000
        assert -85 < level_dbfs(second) < -20


def reports(data: bytes) -> None:
    """Whatever the peer reports, ours parse, and the round trip is one.

    ``data`` is datagrams, each after how many tenths of a second pass and its length.
    """
    subject = Reports(
        ssrc=OURS, random=random.Random(1), now=100.0, wall_clock=1_700_000_000.0, eager=True
    )
    subject.expect(PEER, 100.0)
    now, at, packets = 100.0, 0, 0
    while at + 2 <= len(data):
        pause, length = data[at : at + 2]
        now += pause / 10
        packets += pause
        reception = Reception(THEIRS, packets, packets, packets - length, length / 100)
        subject.receive(data[at + 2 : at + 2 + length], (PEER[0], PEER[1] + 1), reception, now)
        at += 2 + length
        if subject.is_due(now):
            sent = Transmission(packets * 160, packets, packets * 160)
            assert parse_compound(subject.report(now, sent, reception))
    assert subject.round_trip_s is None or 0 <= subject.round_trip_s <= 0x8000
    assert subject.received + subject.rejected.total() <= len(data) / 2


def receiver(data: bytes) -> None:
    """Whatever comes, every tick has its frame, the line goes on, and nothing grows.

    ``data`` is steps: what to do, how many milliseconds pass, two bytes to move the number and
    the timestamp by, the length of what follows, and a payload type.
    """
    subject = Receiver(
        delay=PlayoutRange(0.02, 0.08),
        noise=ComfortNoise(),
        codecs=(Codec.G722, Codec.SLIN16),
        telephone_event=101,
    )
    subject.expect(PEER)
    now, number, timestamp, ticks, told = 100.0, 0xFFF0, 0xFFFFF000, 0, 0
    for what, pause, moved, jumped, payload_type, body in _steps(data):
        now += pause / 1000
        if what % 4 == 0:
            subject.receive(body, PEER, now)
        elif what % 4 != 3:
            number += moved - 128 if what & 16 else 1
            timestamp += (jumped - 128) * 400 if what & 32 else len(body)
            packet = RtpPacket(
                payload_type & 127, number & 0xFFFF, timestamp & 0xFFFFFFFF, what >> 7, body
            )
            subject.receive(packet.serialize(), PEER, now)
        while now > 100.0 + ticks * 0.02:
            told += sum(len(piece.pcm) for piece in subject.arrived(now))
            assert len(subject.frame(now).pcm) == FRAME_BYTES
            ticks += 1
        assert subject.buffered_samples <= 8000
    assert subject.played.total() == ticks
    assert told <= (2 + 1.25 * (now - 100.0) + 1.5) * 16_000


def _steps(data: bytes) -> Iterator[tuple[int, int, int, int, int, bytes]]:
    at = 0
    while at + STEP <= len(data):
        what, pause, moved, jumped, payload_type, length = data[at : at + STEP]
        at += STEP
        if what & 8:  # the usual 20 ms
            length, pause = 160, 20
        yield what, pause, moved, jumped, payload_type, (data[at : at + length]).ljust(length)
        at += length


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    target.__name__: target
    for target in (rtp, rtcp, reports, telephone_event, comfort_noise, receiver)
}
