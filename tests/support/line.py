"""A far side that talks across a bad network to a receiver, on a clock that costs no time."""

import random
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from transports.audio.comfort_noise import ComfortNoise
from transports.audio.g711 import Codec
from transports.netem import Impairments, Network
from transports.rtp.packet import RtpPacket
from transports.rtp.receiver import Receiver
from transports.rtp.spread import PlayoutRange

TICK = 0.02
RATE = 8000
PEER = ("192.0.2.1", 20002)
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
    delays: list[float] = field(default_factory=list)
    """Playout delay of each tick at which it was known, in seconds."""
    targets: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    """Seconds from the arrival of a packet to the tick that played its first sample."""
    sound: bytearray = field(default_factory=bytearray)
    line_samples: list[int] = field(default_factory=list)
    """Samples of the line ahead of playout, by tick."""
    late_after: int = 0
    """Packets that came late after the first ten seconds."""


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
    pcm = (voice + rng.normal(0, 20, len(at))).astype(np.int16).tobytes()
    coded = Codec.ALAW.encoder().encode(pcm)
    return (coded * (samples // len(coded) + 1))[:samples]


def listen(
    talk: Talk,
    impairments: Impairments,
    *,
    seconds: int,
    seed: int = 1,
    playout: PlayoutRange = ADAPTIVE,
    keep_sound: bool = False,
) -> Played:
    """Let ``talk`` cross ``impairments`` for ``seconds`` and play it."""
    rng = random.Random(seed)
    network = Network(impairments, rng)
    receiver = Receiver(delay=playout, noise=ComfortNoise())
    receiver.expect(PEER)
    played = Played(receiver)
    step = talk.ptime * RATE // 1000
    audio = wave((seconds + 2) * RATE, seed=seed, pauses=talk.pauses)
    number, base, ssrc = rng.getrandbits(16), rng.getrandbits(32), rng.getrandbits(32)
    started = 1000 + rng.random() * TICK
    sent = 0
    restarts, jumps = list(talk.restarts), dict(talk.jumps)
    for tick in range(seconds * 50):
        now = 1000 + (tick + 1) * TICK
        while True:
            position = sent * step
            at = started + (position + step) / RATE / (1 + talk.drift)
            if at > now:
                break
            second = position // RATE
            if restarts and second >= restarts[0]:
                restarts.pop(0)
                number, base, ssrc = rng.getrandbits(16), rng.getrandbits(32), rng.getrandbits(32)
            base += jumps.pop(second, 0)
            if not (talk.dtx and second % 2):
                packet = RtpPacket(
                    8,
                    number & 0xFFFF,
                    (base + position) & 0xFFFFFFFF,
                    ssrc,
                    audio[position : position + step],
                )
                network.send(packet.serialize(), at)
                number += 1
                played.sent += 1
            sent += 1
        for arrived_at, datagram in network.receive(now):
            receiver.receive(datagram, PEER, arrived_at)
        late = receiver.late
        line = receiver.arrived(now)
        played.line_samples.append(sum(len(piece.pcm) // 2 for piece in line))
        frame = receiver.frame(now)
        assert len(frame.pcm) == 320
        played.kinds[frame.kind] += 1
        if frame.arrived_at is not None:
            played.waits.append(now - frame.arrived_at)
        if receiver.playout_delay is not None:
            played.delays.append(receiver.playout_delay)
        played.targets.append(receiver.target_delay)
        if keep_sound:
            played.sound += frame.pcm
        if tick == 500:
            played.late_after = -late
    played.late_after += receiver.late
    played.dropped = network.dropped
    return played
