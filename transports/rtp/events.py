"""What an RTP session hands out every 20 ms."""

from typing import Final, Literal, NamedTuple

__all__ = [
    "FRAME_BYTES",
    "FRAME_SAMPLES",
    "FRAME_SECONDS",
    "SAMPLE_RATE",
    "ArrivedAudio",
    "Outgoing",
    "PlayedFrame",
    "new",
]

SAMPLE_RATE = 8000
"""Samples per second of G.711, which is also its RTP clock."""

FRAME_SAMPLES = 160
FRAME_SECONDS = FRAME_SAMPLES / SAMPLE_RATE
FRAME_BYTES = 2 * FRAME_SAMPLES
"""20 ms of 16-bit mono."""

new: Final = tuple.__new__
"""Makes a named tuple of a tuple, in half the time of calling its class: for what every packet is
made into."""


class PlayedFrame(NamedTuple):
    """20 ms of what the far side is heard to say.

    Attributes:
        pcm: 320 bytes, 16-bit little-endian mono at 8 kHz.
        arrived_at: When the packet came that the frame starts with, in monotonic seconds (the
            scale of ``loop.time()``); ``None`` when no packet is in it.
        kind: ``audio`` has at least a part from a packet, ``concealed`` is made up from what
            came before, ``noise`` is comfort noise.
    """

    pcm: bytes
    arrived_at: float | None
    kind: Literal["audio", "concealed", "noise"]


class ArrivedAudio(NamedTuple):
    """A piece of what the far side says, before playout.

    Attributes:
        pcm: Whole samples, 16-bit little-endian mono at 8 kHz.
        arrived_at: When its packet came, in monotonic seconds; ``None`` when it is a filled hole.
    """

    pcm: bytes
    arrived_at: float | None


class Outgoing(NamedTuple):
    """A datagram for the far side.

    Attributes:
        datagram: A whole RTP packet.
        starts_speech: It is the first with written audio after a pause or a flush.
    """

    datagram: bytes
    starts_speech: bool
