"""A far side that talks across a bad network to a receiver, on a clock that costs no time."""

import random
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from transports.audio.codec import Codec
from transports.audio.comfort_noise import ComfortNoise
from transports.netem import Impairments, Network
from transports.rtp.events import ArrivedAudio
from transports.rtp.packet import RtpPacket
from transports.rtp.receiver import Receiver
from transports.rtp.spread import PlayoutRange

TICK = 0.02
RATE = 8000
PEER = ("192.0.2.1", 20002)
SETTLED = 500  # ticks
ADAPTIVE = PlayoutRange(0.02, 0.08)


@dataclass
class Talk:
    """How the far side sends.

    Attributes:
        ptime: Milliseconds of audio in a packet.
        drift: By how much its clock is fast (0.0001 is 100 ppm).
        dtx: It sends nothing in its pauses.
        pauses: Every second second is one.
        restarts: Seconds at which it begins anew, with another SSRC, number and timestamp.
        jumps: Seconds at which its timestamp jumps by so many samples, as after a key press.
    """

    ptime: int = 20
    drift: float = 0.0
    dtx: bool = False
    pauses: bool = True
    restarts: tuple[int, ...] = ()
    jumps: dict[int, int] = field(default_factory=dict)


@dataclass
class Played:
    """What came out, and when."""

    receiver: Receiver
    sent: int = 0
    dropped: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    delays: list[float | None] = field(default_factory=list)
    """Playout delay by tick, in seconds, where it was known."""
    targets: list[float] = field(default_factory=list)
    waits: list[float | None] = field(default_factory=list)
    """Seconds from the arrival of a packet to the tick that played of it, by tick."""
    sound: bytearray = field(default_factory=bytearray)
    line: list[list[ArrivedAudio]] = field(default_factory=list)
    """What was told ahead of playout, by tick."""
    late: int = 0
    """Packets that came late after the first ten seconds."""

    def hear(self, now: float) -> None:
        """Make one tick."""
        line = self.receiver.arrived(now)
        self.line.append(line)
        frame = self.receiver.frame(now)
        assert len(frame.pcm) == 320
        self.kinds[frame.kind] += 1
        self.sound += frame.pcm
        self.waits.append(None if frame.arrived_at is None else now - frame.arrived_at)
        self.delays.append(self.receiver.playout_delay)
        self.targets.append(self.receiver.target_delay)


def wave(samples: int, *, seed: int = 1, pauses: bool = True) -> bytes:
    """Return 8 s of speech-like sound in turns with low noise, in A-law, repeated as needed."""
    rng = np.random.default_rng(seed)
    at = np.arange(8 * RATE)
    pitch = 140 + 30 * np.sin(2 * np.pi * at / RATE / 1.7)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = sum(np.sin(n * phase) / n for n in range(1, 6)) * 3000
    voice *= 0.6 + 0.4 * np.sin(2 * np.pi * at / RATE * 4)
    if pauses:
        voice *= (at // RATE) % 2 == 0
    pcm: bytes = (voice + rng.normal(0, 20, len(at))).astype(np.int16).tobytes()
    coded: bytes = Codec.ALAW.encoder().encode(pcm)
    return (coded * (samples // len(coded) + 1))[:samples]


class Sender:
    """Makes the packets of a far side."""

    def __init__(self, talk: Talk, rng: random.Random, audio: bytes) -> None:
        self._talk = talk
        self._rng = rng
        self._audio = audio
        self._samples = talk.ptime * RATE // 1000
        self._position = 0
        self._started = 1000 + rng.random() * TICK
        self._restarts = list(talk.restarts)
        self._jumps = dict(talk.jumps)
        self._begin()

    def due(self, now: float) -> list[tuple[float, bytes | None]]:
        """Return when packets were sent until ``now``, and what; ``None`` is one left out."""
        packets: list[tuple[float, bytes | None]] = []
        while True:
            end = self._position + self._samples
            at = self._started + end / RATE / (1 + self._talk.drift)
            if at > now:
                return packets
            packets.append((at, self._packet()))
            self._position = end

    def _begin(self) -> None:
        self._number = self._rng.getrandbits(16)
        self._base = self._rng.getrandbits(32)
        self._ssrc = self._rng.getrandbits(32)

    def _packet(self) -> bytes | None:
        second = self._position // RATE
        if self._restarts and second >= self._restarts[0]:
            self._restarts.pop(0)
            self._begin()
        self._base += self._jumps.pop(second, 0)
        if self._talk.dtx and second % 2:
            return None
        packet = RtpPacket(
            8,
            self._number & 0xFFFF,
            (self._base + self._position) & 0xFFFFFFFF,
            self._ssrc,
            self._audio[self._position : self._position + self._samples],
        )
        self._number += 1
        return packet.serialize()


def listen(
    talk: Talk,
    impairments: Impairments,
    *,
    seconds: int,
    seed: int = 1,
    playout: PlayoutRange = ADAPTIVE,
) -> Played:
    """Let ``talk`` cross ``impairments`` for ``seconds`` and play it."""
    rng = random.Random(seed)
    network = Network(impairments, rng)
    receiver = Receiver(delay=playout, noise=ComfortNoise())
    receiver.expect(PEER)
    played = Played(receiver)
    sender = Sender(talk, rng, wave((seconds + 2) * RATE, seed=seed, pauses=talk.pauses))
    late_at_first = 0
    for tick in range(seconds * 50):
        now = 1000 + (tick + 1) * TICK
        for sent_at, datagram in sender.due(now):
            if datagram is not None:
                network.send(datagram, sent_at)
        for arrived_at, datagram in network.receive(now):
            receiver.receive(datagram, PEER, arrived_at)
        played.hear(now)
        if tick == SETTLED:
            late_at_first = receiver.late
    played.sent, played.dropped = network.sent, network.dropped
    played.late = receiver.late - late_at_first
    return played
