"""From datagrams of the far side to one 20 ms frame per tick, whatever the network does."""

import struct
from collections import Counter
from collections.abc import Iterable

from transports.audio.codec import Codec
from transports.audio.comfort_noise import ComfortNoise
from transports.audio.concealment import Concealment
from transports.errors import PacketError
from transports.rtp.arrivals import ArrivalLine
from transports.rtp.comfort_noise_payload import COMFORT_NOISE_PAYLOAD_TYPE, ComfortNoisePayload
from transports.rtp.events import FRAME_SAMPLES, ArrivedAudio, PlayedFrame, new
from transports.rtp.jitter import Audio, Lost, Piece, PlayoutBuffer, Put
from transports.rtp.packet import HEADER_BYTES, RtpPacket
from transports.rtp.payload import UNLIKE_ANY, PayloadDecoder
from transports.rtp.reports import Reception
from transports.rtp.retiming import Retiming, lengthened, shortened
from transports.rtp.sequence import Arrival, LogTotals, SequenceLog, timestamp_difference
from transports.rtp.source import Address, Rejection, SourceLock, Verdict
from transports.rtp.spread import PlayoutRange
from transports.rtp.stats import InterarrivalJitter
from transports.rtp.telephone_event import EventReceiver

__all__ = ["Receiver"]

RTCP_PAYLOAD_TYPES = range(72, 77)
"""What reports look like that share our port (RFC 3551 section 6): no audio, and no source."""

FIRST_TIMESTAMP = 1 << 32
"""Where unwrapped timestamps begin: room below for stragglers."""

NOISE_CHANGES_EVERY = 0.2
"""Seconds between two descriptions of comfort noise that are followed: each costs 0.5 ms, which a
far side that describes another one in every packet must not take from all calls."""

LOOK_AHEAD = 240
"""Samples of the audio behind a hole that concealment makes use of."""

ACCEPTED, DUPLICATE, QUEUED = Verdict.ACCEPTED, Arrival.DUPLICATE, Put.QUEUED
REORDERED = Arrival.REORDERED
"""Looked up once: in Python 3.11 that costs as much as a call, and each packet asks."""

unpack_usual = struct.Struct("!HHII").unpack_from
"""Takes a header apart that begins as expected: its first two bytes, and the rest of it."""


class Receiver:
    """The receiving half of a session. One frame leaves per tick, always.

    Attributes:
        rejected: Datagrams dropped, by reason.
        frames: Frames handed out, of any kind.
        concealed: Frames of those made up from earlier audio.
        noise: Frames of those that were comfort noise.
        late: Packets that came after their turn.
        evicted: Times that the buffer was full.
        sources: SSRCs accepted, restarts included.
        last_arrival: When the last packet was accepted, in monotonic seconds.
        events: The keys that the far side pressed.

    Args:
        delay: Playout delay in seconds, or the range in which it adapts.
        noise: 16-bit comfort noise for what was not received.
        codecs: What is accepted besides both laws of G.711.
        telephone_event: Payload type of RFC 4733 events; none are accepted without.
    """

    __slots__ = (
        "_buffer",
        "_concealment",
        "_described",
        "_earlier_logs",
        "_event_payload_type",
        "_jitter",
        "_last",
        "_left_out",
        "_line",
        "_lock",
        "_log",
        "_noise",
        "_noise_changed_at",
        "_owed",
        "_payload",
        "_put_in",
        "_retiming",
        "_timestamp",
        "_usual",
        "concealed",
        "events",
        "evicted",
        "frames",
        "last_arrival",
        "late",
        "noise",
        "rejected",
        "sources",
    )

    def __init__(
        self,
        *,
        delay: float | PlayoutRange,
        noise: ComfortNoise,
        codecs: Iterable[Codec] = (),
        telephone_event: int | None = None,
    ) -> None:
        self.rejected: Counter[Rejection] = Counter()
        self.frames = 0
        self.concealed = 0
        self.noise = 0
        self.late = 0
        self.evicted = 0
        self._left_out = 0
        self._put_in = 0
        self.sources = 0
        self.last_arrival: float | None = None
        self.events = EventReceiver()
        self._event_payload_type = telephone_event
        self._noise = noise
        self._described: ComfortNoisePayload | None = None  # not followed yet
        self._noise_changed_at = float("-inf")
        self._lock = SourceLock()
        self._payload = PayloadDecoder(codecs)
        self._usual = UNLIKE_ANY  # like the last datagram; the next one is as a rule
        self._log = SequenceLog()
        self._earlier_logs = LogTotals()
        self._jitter = InterarrivalJitter()
        self._buffer = PlayoutBuffer(PlayoutRange.of(delay))
        self._concealment = Concealment(noise)
        self._retiming = Retiming()
        self._owed = 0  # what is missing of a whole frame put in, so that packets fit ticks again
        self._last = PlayedFrame(b"", None, "noise")
        self._line = ArrivalLine(noise)
        self._timestamp = FIRST_TIMESTAMP

    @property
    def played(self) -> Counter[str]:
        """Frames handed out, by kind."""
        audio = self.frames - self.concealed - self.noise
        return +Counter(audio=audio, concealed=self.concealed, noise=self.noise)

    @property
    def packets(self) -> LogTotals:
        """What the sequence numbers say, over all sources."""
        return self._earlier_logs.plus(self._log)

    @property
    def reception(self) -> Reception | None:
        """What came of the present source; ``None`` before there is one."""
        ssrc, log = self._lock.ssrc, self._log
        if ssrc is None:
            return None
        received = log.received + log.duplicates
        jitter, clock_rate = self._jitter.seconds, self._payload.spoken.clock_rate
        return Reception(ssrc, log.highest, log.expected, received, jitter, clock_rate)

    @property
    def jitter(self) -> float:
        """Interarrival jitter in seconds."""
        return self._jitter.seconds

    @property
    def hastened(self) -> int:
        """Frames left out to shorten a delay that was too long."""
        return self._left_out // FRAME_SAMPLES

    @property
    def delayed(self) -> int:
        """Frames put in to lengthen a delay that was too short."""
        return (self._put_in + self._buffer.put_in_samples) // FRAME_SAMPLES

    @property
    def overrun(self) -> int:
        """Packets that no listener was told of, since more audio came than there is time."""
        return self._line.overrun

    @property
    def playout_delay(self) -> float | None:
        """Seconds from the arrival of the fastest packets to their turn, while it is known."""
        return self._buffer.delay

    @property
    def target_delay(self) -> float:
        """Seconds that :attr:`playout_delay` is led to."""
        return self._buffer.spread.target

    @property
    def buffered_samples(self) -> int:
        """Samples waiting for their turn."""
        return self._buffer.samples

    @property
    def address(self) -> Address | None:
        """Where the peer is: as we were told, or as it has moved since; see :class:`SourceLock`."""
        return self._lock.address

    def expect(self, address: Address) -> None:
        """Accept packets of ``address`` only, and of where it moves."""
        self._lock.expect(address)

    def receive(self, data: bytes, address: Address, now: float) -> Rejection | None:
        """Take one datagram; return why it was dropped, if it was."""
        length, usual_start, decode = self._usual
        if len(data) == length:
            start, sequence_number, timestamp, ssrc = unpack_usual(data)
            if start == usual_start and self._lock.passes(
                ssrc, sequence_number, address, length, now
            ):
                self.last_arrival = now
                number, arrival = self._log.note(sequence_number)
                if arrival is not DUPLICATE:
                    self._jitter.observe(timestamp, now)
                    self._queue(number, timestamp, decode(data[HEADER_BYTES:]), now)
                return None
        rejection = self._lock.screen(data, address, now) or self._accept(data, address, now)
        if rejection is not None:
            self.rejected[rejection] += 1
        return rejection

    def arrived(self, now: float) -> list[ArrivedAudio]:
        """Return what the far side said since the last call, ahead of its playout.

        One line without holes, however packets come; see :class:`ArrivalLine`. Call once per tick.
        """
        return self._line.take(now, self._buffer.spread.target)

    def frame(self, now: float) -> PlayedFrame:
        """Return the next 20 ms. Call once per tick, on time."""
        if self._described is not None:
            self._follow(self._described, now)
        buffer = self._buffer
        buffer.tick(now)
        samples = self._to_retime() if buffer.surplus or self._owed else 0
        if samples and buffer.has_unbroken(FRAME_SAMPLES + samples):
            frame = self._retimed(samples)
        else:
            whole = buffer.take_whole()
            if whole is None:
                frame = self._render(buffer.get())
            else:
                pcm = self._concealment.heard(whole.pcm)
                frame = new(PlayedFrame, (pcm, whole.arrived_at, "audio"))
        self._last = frame
        self.frames += 1
        return frame

    def _accept(self, data: bytes, address: Address, now: float) -> Rejection | None:
        """Parse, judge and take in."""
        try:
            packet = RtpPacket.parse(data)
        except PacketError:
            return Rejection.MALFORMED
        if packet.payload_type in RTCP_PAYLOAD_TYPES:
            return Rejection.MALFORMED
        verdict = self._lock.judge(packet, address, now)
        if verdict is not ACCEPTED:
            if verdict is Verdict.PROBATION:
                return Rejection.PROBATION
            self._restart()
        self.last_arrival = now
        return self._take(packet, now)

    def _take(self, packet: RtpPacket, now: float) -> Rejection | None:
        """Count, decode and queue a packet of the accepted source."""
        number, arrival = self._log.note(packet.sequence_number)
        if packet.payload_type == self._event_payload_type:
            return self._take_event(packet, number, arrival, now)
        if packet.payload_type == COMFORT_NOISE_PAYLOAD_TYPE:
            return self._take_comfort_noise(packet)
        payload = self._payload
        codec = payload.codec(packet.payload_type)
        if codec is None:
            return Rejection.PAYLOAD_TYPE
        if not payload.has_fitting_size(codec, packet.payload):
            return Rejection.PAYLOAD_SIZE
        if arrival is DUPLICATE:
            return None
        timestamp = payload.timestamp(codec, packet.timestamp)
        self._jitter.observe(timestamp, now)
        self._queue(number, timestamp, payload.decode(codec, number, packet.payload), now)
        self._usual = payload.usual(codec, packet.payload_type, len(packet.payload))
        return None

    def _take_event(
        self, packet: RtpPacket, number: int, arrival: Arrival, now: float
    ) -> Rejection | None:
        """Note a key; the time that it fills is no loss, but noise."""
        if arrival is DUPLICATE:
            return None
        codec = self._payload.spoken
        try:
            span = self.events.receive(
                packet.payload,
                packet.timestamp,
                now,
                clock_rate=codec.clock_rate,
                is_straggler=arrival is REORDERED,
            )
        except PacketError:
            return Rejection.PAYLOAD_SIZE
        if span is not None:
            begin = self._payload.timestamp(codec, span.timestamp)
            end = self._payload.timestamp(codec, (span.timestamp + span.duration) & 0xFFFFFFFF)
            samples = timestamp_difference(end, begin)
            if samples:
                self._queue(number, begin, self._noise.take(samples), now)
        return None

    def _take_comfort_noise(self, packet: RtpPacket) -> Rejection | None:
        """Fill the pauses with noise as the far side describes its own, from the next tick on."""
        try:
            self._described = ComfortNoisePayload.parse(packet.payload)
        except PacketError:
            return Rejection.PAYLOAD_SIZE
        return None

    def _follow(self, described: ComfortNoisePayload, now: float) -> None:
        if now - self._noise_changed_at >= NOISE_CHANGES_EVERY:
            self._noise_changed_at = now
            self._described = None
            self._noise.become(described.dbfs, described.reflection)

    def _queue(self, number: int, timestamp: int, pcm: bytes, now: float) -> None:
        """Hand audio on to who listens ahead of playout, and to playout."""
        timestamp = self._timestamp + timestamp_difference(timestamp, self._timestamp)
        self._timestamp = timestamp
        self._line.put(number, timestamp, pcm, now)
        outcome = self._buffer.put(number, timestamp, pcm, now)
        if outcome is not QUEUED:
            self.late += outcome is Put.LATE
            self.evicted += outcome is Put.EVICTED

    def _restart(self) -> None:
        """Begin a new source: its numbers and timestamps have nothing to do with the last one's."""
        self.sources += 1
        self._earlier_logs = self.packets
        self._log = SequenceLog()
        self._jitter = InterarrivalJitter()
        self._buffer.restart()
        self._payload.restart()
        self._usual = UNLIKE_ANY
        self.events.restart()
        self._line.restart()

    def _to_retime(self) -> int:
        """Return how many samples to leave out of this frame, or to put in if negative."""
        if self._owed:
            self._owed = self._owed if self._buffer.playing else 0
            return self._owed
        return self._retiming.samples(self._buffer.surplus, self._last.pcm)

    def _retimed(self, samples: int) -> PlayedFrame:
        """Make 20 ms of more or fewer samples, which are held without a hole."""
        frame = self._render(self._buffer.get(FRAME_SAMPLES + samples))
        self._retiming.done()
        if samples > 0:
            self._left_out += samples
            pcm = shortened(frame.pcm)
        else:
            self._put_in -= samples
            self._owed = 0 if self._owed else -FRAME_SAMPLES - samples
            pcm = lengthened(self._last.pcm, frame.pcm)
        return PlayedFrame(pcm, frame.arrived_at, frame.kind)

    def _render(self, pieces: tuple[Piece, ...]) -> PlayedFrame:
        """Make 20 ms of sound from what the buffer gave."""
        concealment = self._concealment
        first = pieces[0]
        if isinstance(first, Audio):
            unbroken = [piece.pcm for piece in pieces if isinstance(piece, Audio)]
            if len(unbroken) == len(pieces):
                pcm = concealment.heard(b"".join(unbroken))
                return PlayedFrame(pcm, first.arrived_at, "audio")
        parts = []
        arrived_at = None
        faded = concealment.faded
        for place, piece in enumerate(pieces):
            if isinstance(piece, Audio):
                parts.append(concealment.heard(piece.pcm))
                if arrived_at is None:
                    arrived_at = piece.arrived_at
            elif isinstance(piece, Lost):
                parts.append(concealment.lost(piece.samples, *self._behind(pieces[place:])))
            else:
                parts.append(concealment.lost(piece.samples))
        pcm = b"".join(parts)
        if arrived_at is not None:
            return PlayedFrame(pcm, arrived_at, "audio")
        if faded:
            self.noise += 1
            return PlayedFrame(pcm, None, "noise")
        self.concealed += 1
        return PlayedFrame(pcm, None, "concealed")

    def _behind(self, pieces: tuple[Piece, ...]) -> tuple[bytes, int]:
        """Return what has arrived of the audio behind a hole, and how far off that begins."""
        distance, pcm = 0, b""
        for piece in pieces:
            if isinstance(piece, Audio):
                pcm += piece.pcm
            elif pcm:
                return pcm, distance
            else:
                distance += piece.samples
        gap, more = self._buffer.ahead(LOOK_AHEAD)
        if not pcm:
            return more, distance + gap
        return pcm + more if gap == 0 else pcm, distance
