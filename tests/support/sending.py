"""A sender of audio that survives its codec, and what is heard of it."""

import random

import numpy as np

from transports.audio.codec import Codec
from transports.rtp.packet import RtpPacket
from transports.rtp.sender import Sender

FRAME = 160
QUIET = -50.0  # dBFS; noise is below it, and what these tests write is above


def new_sender(codec: Codec = Codec.ALAW, seed: int = 1) -> Sender:
    return Sender(codec, random.Random(seed))


def loud(samples: int, codec: Codec = Codec.ALAW, start: int = 0) -> bytes:
    """Return samples near full scale that survive the codec: their codes count up from 0."""
    return codec.decode(bytes((start + step) % 16 | 0xA0 for step in range(samples)))


def next_packet(sender: Sender) -> RtpPacket:
    return RtpPacket.parse(sender.next_packet().datagram)


def heard(sender: Sender, packets: int) -> bytes:
    """Return the samples of the next packets."""
    return b"".join(Codec.ALAW.decode(next_packet(sender).payload) for _ in range(packets))


def tone(samples: int, amplitude: int = 12_000) -> bytes:
    """Return 300 Hz: its own steps from sample to sample are small."""
    phase = 2 * np.pi * 300 / 8000 * np.arange(samples)
    return bytes((amplitude * np.sin(phase)).astype("<i2"))


def steps(pcm: bytes) -> int:
    """Return the largest step between two samples: a click is one of thousands."""
    return int(np.abs(np.diff(np.frombuffer(pcm, "<i2").astype(int))).max())


TONE_STEP = 3200
"""The largest of `tone`, with what A-law adds at its peaks."""
