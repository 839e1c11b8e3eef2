"""From written audio to one packet per 20 ms, with comfort noise where nothing was written."""

from functools import cache
from typing import TYPE_CHECKING

from transports.audio.codec import Codec
from transports.audio.comfort_noise import TABLE_SAMPLES, ComfortNoise
from transports.audio.fade import ramped
from transports.rtp.digits import DigitSender, EventPayload
from transports.rtp.events import FRAME_BYTES, FRAME_SAMPLES, SAMPLE_RATE, Outgoing, new
from transports.rtp.packet import HEADER, VERSION_2

if TYPE_CHECKING:
    import random

__all__ = ["Sender"]

RAMP_SAMPLES = 40
"""5 ms for every change of level: a step clicks."""

DUCKED_GAIN = 0.25
"""-12 dB."""

SAMPLE_BYTES = 2

REMAINDER_PATIENCE = 3
"""Ticks that less than a packet waits for more; then it goes out padded, before it is stale."""

MARKER = 0x80
"""Added to the payload type of the first packet of a talkspurt."""


@cache
def _coded_noise(codec: Codec) -> bytes:
    """Return all of the comfort noise, and a packet more of it, as a codec without state has it.

    To code it in every tick, for every call that says nothing, would cost half of its packet.
    """
    return codec.encode(ComfortNoise().take(TABLE_SAMPLES + FRAME_SAMPLES))


class Sender:
    """The sending half of a session. One packet per tick, always.

    Sequence number, timestamp and SSRC start at random (RFC 3550 section 5.1); the timestamp
    counts ticks, sent or skipped, by the codec's clock. Every change of level takes 5 ms, in the
    next packet::

        ducked = True    12 dB lower                 ducked = False   as written again
        held = True      out, the queue stays        held = False     in, from the same sample
        flush()          out, the queue is dropped

    What goes out at a hold is a copy: it is heard again, and counted, when the hold ends.

    Attributes:
        played_samples: Written samples sent so far.
        sent: Packets made.
        octets: Bytes of payload in them.
        ssrc: Our source, 32 bits.
        clock_rate: Of the timestamps, in Hz.
        digits: Keys to send; audio waits meanwhile.
        skipped: Ticks without a packet.
        held: Queued audio stays and noise goes out.
        ducked: Queued audio goes out 12 dB lower.

    Args:
        codec: What audio is coded with.
        random: Source of what starts at random.
        telephone_event: Payload type of RFC 4733 events; without one, digits are sent as tones.
    """

    __slots__ = (
        "_audible",
        "_coded_noise",
        "_encode",
        "_event_payload_type",
        "_finishing",
        "_gain",
        "_noise_at",
        "_payload_type",
        "_queue",
        "_resuming",
        "_sample_bytes",
        "_sequence_number",
        "_speaking",
        "_tail",
        "_tick",
        "_timestamp",
        "_waited",
        "clock_rate",
        "digits",
        "ducked",
        "held",
        "octets",
        "played_samples",
        "sent",
        "skipped",
        "ssrc",
    )

    def __init__(
        self, codec: Codec, random: "random.Random", telephone_event: int | None = None
    ) -> None:
        self.played_samples = 0
        self.sent = 0
        self.octets = 0
        self.clock_rate = codec.clock_rate
        self._tick = FRAME_SAMPLES * codec.clock_rate // SAMPLE_RATE
        self.digits = DigitSender(is_event=telephone_event is not None, tick=self._tick)
        self.skipped = 0
        self.held = False
        self.ducked = False
        self._encode = codec.encoder().encode
        self._sample_bytes = codec.sample_bytes
        self._coded_noise = b"" if codec.has_state else _coded_noise(codec)
        self._audible: bytes | None = b""
        self._payload_type = codec.payload_type
        self._event_payload_type = telephone_event or 0
        self._noise_at = random.getrandbits(16) % TABLE_SAMPLES  # the next sample of noise
        self._sequence_number = random.getrandbits(16)
        self._timestamp = random.getrandbits(32)
        self.ssrc = random.getrandbits(32)
        self._queue = bytearray()  # 16-bit samples; perhaps half a one at the end
        self._tail = b""  # of what was flushed, to be faded out
        self._gain = 1.0  # of the last written sample that was sent
        self._speaking = False  # the last packet had written audio
        self._resuming = False  # written audio was cut by a hold, and is to fade in
        self._finishing = False  # send the remainder without waiting for more
        self._waited = 0  # ticks that the remainder has waited

    @property
    def timestamp(self) -> int:
        """The RTP timestamp of the next tick, 32 bits."""
        return self._timestamp

    @property
    def audible(self) -> bytes:
        """The samples of the last packet, 16-bit; empty where it was of a digit."""
        if self._audible is None:
            self._audible = ComfortNoise(start=self._noise_at - FRAME_SAMPLES).take(FRAME_SAMPLES)
        return self._audible

    @property
    def queued_samples(self) -> int:
        """Samples written and not yet sent."""
        return len(self._queue) // SAMPLE_BYTES

    def write(self, pcm: bytes) -> None:
        """Queue 16-bit little-endian samples at 8 kHz: any number of bytes, cut anywhere."""
        self._queue += pcm
        self._finishing = False
        self._waited = 0

    def finish(self) -> None:
        """Let the remainder go in the next packet, padded: nothing more belongs to it."""
        del self._queue[self.queued_samples * SAMPLE_BYTES :]
        self._finishing = True

    def flush(self) -> int:
        """Drop what is queued; return how many samples.

        If audio was being sent, the next packet begins with its next 5 ms fading out.
        """
        dropped = self.queued_samples
        if self._speaking:
            self._tail = self._next(min(RAMP_SAMPLES, dropped))
            dropped -= len(self._tail) // SAMPLE_BYTES
        self._queue.clear()
        self._speaking = False
        self._resuming = False
        self._finishing = False
        return dropped

    def skip(self, ticks: int) -> None:
        """Let ``ticks`` pass without a packet; the timestamp goes on, so that it stays true."""
        self._timestamp = (self._timestamp + ticks * self._tick) & 0xFFFFFFFF
        self.skipped += ticks

    def next_packet(self) -> Outgoing:
        """Make the packet of this tick."""
        was_speaking, self._speaking = self._speaking, False
        was_held = self._resuming
        if self.digits.pending and not self._tail:
            self._resuming = self._resuming or was_speaking
            return Outgoing(self._digit_packet(), starts_speech=False)
        pcm = b""
        if self._tail:
            pcm, self._tail = self._faded(self._tail), b""
            self.played_samples += len(pcm) // SAMPLE_BYTES
        elif self.held:
            if was_speaking:
                pcm = self._held_back()
        elif self._queue:
            pcm = self._written(is_new=not was_speaking)
            self._speaking = bool(pcm)
        if not pcm:
            return new(Outgoing, (self._packet(self._noise_payload(), self._payload_type), False))
        is_first = self._speaking and not was_speaking
        if len(pcm) < FRAME_BYTES:
            pcm += self._take_noise(FRAME_SAMPLES - len(pcm) // SAMPLE_BYTES)
        self._audible = pcm
        marker = MARKER if is_first else 0
        packet = self._packet(self._encode(pcm), self._payload_type | marker)
        return new(Outgoing, (packet, is_first and not was_held))

    def _held_back(self) -> bytes:
        """Return the end of what is heard before a hold, and leave it in the queue."""
        pcm = self._next(min(RAMP_SAMPLES, self.queued_samples))
        self._resuming = bool(pcm)
        return self._faded(pcm)

    def _faded(self, pcm: bytes) -> bytes:
        return ramped(pcm, self._gain, 0.0, len(pcm) // SAMPLE_BYTES)

    def _written(self, *, is_new: bool) -> bytes:
        """Take this packet's audio from the queue.

        Args:
            is_new: Whether silence came before it.
        """
        size = self._takeable()
        if not size:
            return b""
        pcm = self._next(size)
        del self._queue[: len(pcm)]
        self.played_samples += size
        gain = DUCKED_GAIN if self.ducked else 1.0
        before = 0.0 if self._resuming else gain if is_new else self._gain
        self._resuming, self._gain = False, gain
        if before == gain == 1.0:
            return pcm
        return ramped(pcm, before, gain, RAMP_SAMPLES)

    def _next(self, samples: int) -> bytes:
        """Return queued samples, and leave them in the queue."""
        return bytes(self._queue[: samples * SAMPLE_BYTES])

    def _takeable(self) -> int:
        """Return how many queued samples go into this packet."""
        queued = self.queued_samples
        if queued >= FRAME_SAMPLES:
            self._waited = 0
            return FRAME_SAMPLES
        if not queued:
            return 0
        self._waited += 1
        if self._finishing or self._waited > REMAINDER_PATIENCE:
            return queued
        return 0

    def _digit_packet(self) -> bytes:
        """Make the packet of a tick that belongs to a digit, or to the pause after it."""
        self._audible = b""
        digit = self.digits.next(self._timestamp)
        if isinstance(digit, EventPayload):
            marker = MARKER if digit.marker else 0
            return self._packet(digit.payload, self._event_payload_type | marker, digit.timestamp)
        pcm = digit or self._take_noise(FRAME_SAMPLES)
        return self._packet(self._encode(pcm), self._payload_type)

    def _noise_payload(self) -> bytes:
        """Return what a packet holds of which nothing was written."""
        coded = self._coded_noise
        if not coded:
            self._audible = pcm = self._take_noise(FRAME_SAMPLES)
            return self._encode(pcm)
        self._audible = None
        begin, size = self._noise_at, self._sample_bytes
        self._noise_at = (begin + FRAME_SAMPLES) % TABLE_SAMPLES
        return coded[begin * size : (begin + FRAME_SAMPLES) * size]

    def _take_noise(self, samples: int) -> bytes:
        begin = self._noise_at
        self._noise_at = (begin + samples) % TABLE_SAMPLES
        return ComfortNoise(start=begin).take(samples)

    def _packet(self, payload: bytes, payload_type: int, event_began: int | None = None) -> bytes:
        """Make the packet of this tick.

        Args:
            payload: Coded.
            payload_type: With :data:`MARKER`, perhaps.
            event_began: The timestamp, where it is not that of the tick.
        """
        number, timestamp = self._sequence_number, self._timestamp
        began = timestamp if event_began is None else event_began
        self._sequence_number = (number + 1) & 0xFFFF
        self._timestamp = (timestamp + self._tick) & 0xFFFFFFFF
        self.sent += 1
        self.octets += len(payload)
        return HEADER.pack(VERSION_2, payload_type, number, began, self.ssrc) + payload
