"""Packets as they come from the network: a tone where somebody speaks, silence elsewhere."""

import numpy as np

from transports.audio.codec import Codec
from transports.rtp.packet import RtpPacket

__all__ = ["stream"]

SLOT_SECONDS, SLOT_SAMPLES = 0.02, 160
TONE = 8000 * np.sin(2 * np.pi * 400 * np.arange(SLOT_SAMPLES) / 8000)
SOUNDS = {
    True: Codec.ALAW.encode(TONE.astype("<i2").tobytes()),
    False: Codec.ALAW.encode(bytes(320)),
}


def stream(start: float, *, count: int, loud: range) -> list[tuple[float, bytes]]:
    """Return packets of A-law, one every 20 ms, and when each comes, in seconds.

    Args:
        start: When the first comes.
        count: How many.
        loud: Those with a tone in them.
    """
    return [
        (
            start + SLOT_SECONDS * number,
            RtpPacket(
                Codec.ALAW.payload_type, number, SLOT_SAMPLES * number, 7, SOUNDS[number in loud]
            ).serialize(),
        )
        for number in range(count)
    ]
