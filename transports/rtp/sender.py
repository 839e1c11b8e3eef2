"""From written audio to one packet per 20 ms, with comfort noise where nothing was written."""

from typing import TYPE_CHECKING

from transports.audio.comfort_noise import ComfortNoise
from transports.audio.fade import attenuated, fade_out
from transports.audio.g711 import Codec
from transports.rtp.events import FRAME_SAMPLES, Outgoing
from transports.rtp.packet import HEADER, VERSION_2

if TYPE_CHECKING:
    import random

__all__ = ["Sender"]

RAMP_SAMPLES = 40
"""5 ms of fade after a flush: a hard stop clicks."""

DUCK_GAIN = 0.25
"""-12 dB."""

REMAINDER_PATIENCE = 3
"""Ticks that less than a packet waits for more; then it goes out padded, before it is stale."""


class Sender:
    """The sending half of a session. One packet per tick, always.

    Audio is queued encoded, a byte per sample. Sequence number, timestamp and SSRC start at random
    (RFC 3550 section 5.1); the timestamp counts ticks, sent or skipped.

    Attributes:
        played_samples: Written samples sent so far.
        sent: Packets made.
        skipped: Ticks without a packet.
        held: Queued audio stays and noise goes out.
        ducked: Queued audio goes out 12 dB lower.
    """

    def __init__(self, codec: Codec, random: "random.Random") -> None:
        self.played_samples = 0
        self.sent = 0
        self.skipped = 0
        self.held = False
        self.ducked = False
        self._codec = codec
        self._payload_type = codec.payload_type
        self._noise = ComfortNoise(codec, start=random.getrandbits(16))
        self._sequence_number = random.getrandbits(16)
        self._timestamp = random.getrandbits(32)
        self._ssrc = random.getrandbits(32)
        self._queue = bytearray()
        self._odd_byte = b""
        self._ramp = b""
        self._speaking = False  # the last packet had written audio
        self._finishing = False  # send the remainder without waiting for more
        self._waited = 0  # ticks that the remainder has waited

    @property
    def queued_samples(self) -> int:
        """Samples written and not yet sent."""
        return len(self._queue)

    def write(self, pcm: bytes) -> None:
        """Queue 16-bit little-endian samples at 8 kHz: any number of bytes, cut anywhere."""
        if self._odd_byte or len(pcm) % 2:
            pcm = self._odd_byte + pcm
            whole = len(pcm) // 2 * 2
            pcm, self._odd_byte = pcm[:whole], pcm[whole:]
        self._queue += self._codec.encode(pcm)
        self._finishing = False
        self._waited = 0

    def finish(self) -> None:
        """Let the remainder go in the next packet, padded: nothing more belongs to it."""
        self._odd_byte = b""
        self._finishing = True

    def flush(self) -> int:
        """Drop what is queued; return how many samples.

        If audio was being sent, the next packet begins with its next 5 ms fading out.
        """
        dropped = len(self._queue)
        if self._speaking and not self.held:
            self._ramp = bytes(self._queue[:RAMP_SAMPLES])
            dropped -= len(self._ramp)
        self._queue.clear()
        self._odd_byte = b""
        self._speaking = False
        self._finishing = False
        return dropped

    def skip(self, ticks: int) -> None:
        """Let ``ticks`` pass without a packet; the timestamp goes on, so that it stays true."""
        self._timestamp = (self._timestamp + ticks * FRAME_SAMPLES) & 0xFFFFFFFF
        self.skipped += ticks

    def next_packet(self) -> Outgoing:
        """Make the packet of this tick."""
        size = self._takeable()
        if size:
            payload = bytes(self._queue[:size])
            del self._queue[:size]
            if self.ducked:
                payload = self._codec.encode(attenuated(self._codec.decode(payload), DUCK_GAIN))
            if size < FRAME_SAMPLES:
                payload += self._noise.take(FRAME_SAMPLES - size)
            self.played_samples += size
        elif self._ramp:
            payload = self._faded() + self._noise.take(FRAME_SAMPLES - len(self._ramp))
            self.played_samples += len(self._ramp)
            self._ramp = b""
        else:
            payload = self._noise.take(FRAME_SAMPLES)
        starts_speech = size > 0 and not self._speaking
        self._speaking = size > 0
        return Outgoing(self._packet(payload, marker=starts_speech), starts_speech)

    def _takeable(self) -> int:
        """Return how many queued samples go into this packet."""
        if self.held or self._ramp or not self._queue:
            return 0
        if len(self._queue) >= FRAME_SAMPLES:
            self._waited = 0
            return FRAME_SAMPLES
        self._waited += 1
        if self._finishing or self._waited > REMAINDER_PATIENCE:
            return len(self._queue)
        return 0

    def _faded(self) -> bytes:
        return self._codec.encode(fade_out(self._codec.decode(self._ramp)))

    def _packet(self, payload: bytes, *, marker: bool) -> bytes:
        header = HEADER.pack(
            VERSION_2,
            marker << 7 | self._payload_type,
            self._sequence_number,
            self._timestamp,
            self._ssrc,
        )
        self._sequence_number = (self._sequence_number + 1) & 0xFFFF
        self._timestamp = (self._timestamp + FRAME_SAMPLES) & 0xFFFFFFFF
        self.sent += 1
        return header + payload
