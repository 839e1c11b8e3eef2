"""What a caller hears: gaps between packets, and when answers begin. Pure."""

import struct
from typing import Final

from transports.audio.codec import Codec
from transports.audio.g711 import Alaw
from voiceai.bench.pace import gap_ms

__all__ = ["PATIENCE_SECONDS", "Listener"]

PATIENCE_SECONDS: Final = 2.5
"""A turn that has no answer by then is missed."""
HEADER_BYTES: Final = 12
MARKER: Final = 0x80
BYTES_PER_MS: Final = 8
LOUD_AMPLITUDE: Final = 700
"""-33 dBFS: more than comfort noise, less than nearly all of an answer's samples."""
SAMPLES: Final = struct.unpack("<256h", Alaw().decode(bytes(range(256))))
QUIET: Final = bytes(code for code, value in enumerate(SAMPLES) if abs(value) < LOUD_AMPLITUDE)
PAYLOAD_TYPE: Final = Codec.ALAW.payload_type


class Listener:
    """One caller's ear, which knows too when the caller speaks. Times in nanoseconds.

    Args:
        pauses: Whether the far side sends nothing when it is silent, and marks the next packet.

    Attributes:
        gaps: Inter-arrival minus packet time of each packet but the first, milliseconds.
        waits: From the end of each sentence to its answer, milliseconds.
        missed: Sentences that were not answered before the next one began.
        early: Answers that began within a sentence.
    """

    def __init__(self, *, pauses: bool = False) -> None:
        self.gaps: list[float] = []
        self.waits: list[float] = []
        self.missed = 0
        self.early = 0
        self._pauses = pauses
        self._before: tuple[int, float] | None = None
        self._speaking = False
        self._waiting_since: int | None = None
        self._was_loud = False

    def forget(self) -> None:
        """Count from now on; what is under way is not counted."""
        self.gaps.clear()
        self.waits.clear()
        self.missed = self.early = 0
        self._waiting_since = None

    def begins(self) -> None:
        """Take note that a sentence begins."""
        self._speaking = True
        if self._waiting_since is not None:
            self.missed += 1
            self._waiting_since = None

    def ended(self, at: int) -> None:
        """Take note that the last packet with voice was sent."""
        self._speaking = False
        self._waiting_since = at

    def heard(self, datagram: bytes, at: int) -> None:
        """Take a packet of A-law."""
        if len(datagram) <= HEADER_BYTES or datagram[1] & ~MARKER != PAYLOAD_TYPE:
            return
        payload = datagram[HEADER_BYTES:]
        new_talkspurt = self._pauses and datagram[1] & MARKER
        if self._before is not None and not new_talkspurt:
            before, packet_ms = self._before
            self.gaps.append(gap_ms(before, at, packet_ms))
        self._before = at, len(payload) / BYTES_PER_MS
        is_loud = 2 * len(payload.translate(None, QUIET)) > len(payload)
        if is_loud and self._waiting_since is not None:
            self.waits.append((at - self._waiting_since) / 1e6)
            self._waiting_since = None
        if is_loud and not self._was_loud and self._speaking:
            self.early += 1
        self._was_loud = is_loud

    def is_overdue(self, now: int) -> bool:
        """Whether a sentence has waited for an answer for longer than anybody would."""
        since = self._waiting_since
        return since is not None and now - since > PATIENCE_SECONDS * 1e9
