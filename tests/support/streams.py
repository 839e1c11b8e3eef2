"""A telephone at the other end of a stream, what it is sent, and waits for what an engine does."""

import asyncio
import socket
from collections.abc import Callable

from tests.support.waiting import until
from transports import Codec, MediaStream
from transports.audio.level import level_dbfs
from transports.rtp.packet import RtpPacket

FRAME = 160
QUIET = -55.0


def loud(samples: int) -> bytes:
    return Codec.ALAW.decode(bytes(step % 16 | 0xA0 for step in range(samples)))


class Phone:
    """A plain socket that plays the part of Asterisk."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0)
        self.number = 0

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.socket.getsockname()
        return host, port

    @property
    def port(self) -> int:
        port: int = self.socket.getsockname()[1]
        return port

    def received(self) -> list[RtpPacket]:
        """Take the packets that have come since."""
        packets = []
        while True:
            try:
                packets.append(RtpPacket.parse(self.socket.recv(2048)))
            except BlockingIOError:
                return packets

    async def hears(self, count: int, kind: Callable[[RtpPacket], bool]) -> list[RtpPacket]:
        """Return the packets of a kind once so many have come; others are forgotten."""
        packets: list[RtpPacket] = []
        async with asyncio.timeout(5):
            while len(packets) < count:
                await asyncio.sleep(0.005)
                packets += filter(kind, self.received())
        return packets

    async def hears_nothing(self) -> None:
        """Return when no packet has come for a tenth of a second."""
        async with asyncio.timeout(5):
            await asyncio.sleep(0.1)
            while self.received():  # noqa: ASYNC110 - what does not come tells nobody
                await asyncio.sleep(0.1)

    def send(self, stream: MediaStream, pcm: bytes) -> None:
        packet = RtpPacket(8, self.number, self.number * FRAME, 5, Codec.ALAW.encode(pcm))
        self.number += 1
        self.socket.sendto(packet.serialize(), (stream.host, stream.port))


async def until_sent(stream: MediaStream, packets: int) -> None:
    """Wait for so many more packets."""
    target = stream.stats.sent + packets
    await until(lambda: stream.stats.sent >= target)


def is_noise(packet: RtpPacket) -> bool:
    return level_dbfs(Codec.ALAW.decode(packet.payload)) < QUIET
