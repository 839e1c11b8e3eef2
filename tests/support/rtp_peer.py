"""A far side that sends RTP to a receiver under test, tick by tick."""

import numpy as np

from transports.audio.codec import Codec
from transports.audio.comfort_noise import ComfortNoise
from transports.rtp.packet import RtpPacket
from transports.rtp.receiver import Receiver
from transports.rtp.source import Rejection

PEER = ("192.0.2.1", 20002)
STRANGER = ("192.0.2.66", 20002)
TICK = 0.02
FRAME = 160


def tone(number: int, amplitude: float = 8000.0) -> bytes:
    """Return frame ``number`` of a 200 Hz tone, as the codec delivers it."""
    angle = 2 * np.pi * 200 * np.arange(FRAME * number, FRAME * (number + 1)) / 8000
    return Codec.ALAW.decode(
        Codec.ALAW.encode((amplitude * np.sin(angle)).astype(np.int16).tobytes())
    )


class Peer:
    """A far side that sends a packet per tick to a receiver under test."""

    def __init__(self, *, delay: float = 0.04, number: int = 0xFFF8) -> None:
        self.receiver = Receiver(delay=delay, noise=ComfortNoise())
        self.receiver.expect(PEER)
        self.number = number
        self.timestamp = 0xFFFFF000
        self.ssrc = 77
        self.codec = Codec.ALAW
        self.now = 500.0

    def packet(self, pcm: bytes, **fields: object) -> bytes:
        """Make the next packet."""
        packet = RtpPacket(
            fields.get("payload_type", self.codec.payload_type),  # type: ignore[arg-type]  # test
            self.number & 0xFFFF,
            self.timestamp & 0xFFFFFFFF,
            self.ssrc,
            self.codec.encode(pcm),
        )
        self.number += 1
        self.timestamp += len(pcm) // 2
        return packet.serialize()

    def send(self, pcm: bytes, **fields: object) -> Rejection | None:
        return self.receiver.receive(self.packet(pcm, **fields), PEER, self.now)

    def tick(self) -> tuple[str, bytes]:
        frame = self.receiver.frame(self.now)
        self.now += TICK
        assert len(frame.pcm) == 320
        return frame.kind, frame.pcm

    def talk(self, frames: range) -> list[tuple[str, bytes]]:
        """Send and tick; return what was played."""
        played = []
        for number in frames:
            self.send(tone(number))
            played.append(self.tick())
        return played
