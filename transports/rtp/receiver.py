"""From datagrams of the far side to one 20 ms frame per tick, whatever the network does."""

from collections import Counter
from collections.abc import Iterable
from typing import Literal

from transports.audio.codec import Codec
from transports.audio.comfort_noise import ComfortNoise
from transports.audio.concealment import Concealment
from transports.audio.fade import cross_fade
from transports.audio.level import level_dbfs
from transports.errors import PacketError
from transports.rtp.events import FRAME_SAMPLES, FRAME_SECONDS, ArrivedAudio, PlayedFrame
from transports.rtp.jitter import Audio, Empty, Piece, PlayoutBuffer, Put
from transports.rtp.packet import RtpPacket
from transports.rtp.payload import PayloadDecoder
from transports.rtp.sequence import Arrival, LogTotals, SequenceLog
from transports.rtp.source import Address, Rejection, SourceLock, Verdict
from transports.rtp.stats import InterarrivalJitter

__all__ = ["Receiver"]

PAUSE_DBFS = -45.0
"""Below it a frame is a pause, where a correction of the delay is not heard."""

PATIENCE = 50
"""Frames to wait for a pause before the delay is corrected in speech."""

LARGE_DRIFT = 3 * FRAME_SECONDS
LARGE_DRIFT_PATIENCE = 5
"""Of a large error, a frame of five is taken out even in speech: it delays every answer."""


class Receiver:
    """The receiving half of a session. One frame leaves per tick, always.

    Attributes:
        rejected: Datagrams dropped, by reason.
        played: Frames handed out, by kind.
        late: Packets that came after their turn.
        evicted: Times that the buffer was full.
        hastened: Frames left out to shorten a grown delay.
        delayed: Frames put in to lengthen a shrunken delay.
        sources: SSRCs accepted, restarts included.
        last_arrival: When the last packet was accepted, in monotonic seconds.

    Args:
        delay: Playout delay in seconds.
        noise: 16-bit comfort noise for what was not received.
        codecs: What is accepted besides both laws of G.711.
    """

    def __init__(self, *, delay: float, noise: ComfortNoise, codecs: Iterable[Codec] = ()) -> None:
        self.rejected: Counter[Rejection] = Counter()
        self.played: Counter[str] = Counter()
        self.late = 0
        self.evicted = 0
        self.hastened = 0
        self.delayed = 0
        self.sources = 0
        self.last_arrival: float | None = None
        self._delay = delay
        self._lock = SourceLock()
        self._payload = PayloadDecoder(codecs)
        self._log = SequenceLog()
        self._earlier_logs = LogTotals()
        self._jitter = InterarrivalJitter()
        self._buffer = PlayoutBuffer(delay=delay)
        self._concealment = Concealment(noise)
        self._last_pcm = b""
        self._impatience = 0
        self._arrived: list[ArrivedAudio] = []

    @property
    def packets(self) -> LogTotals:
        """What the sequence numbers say, over all sources."""
        return self._earlier_logs.plus(self._log)

    @property
    def jitter(self) -> float:
        """Interarrival jitter in seconds."""
        return self._jitter.seconds

    @property
    def buffered_samples(self) -> int:
        """Samples waiting for their turn."""
        return self._buffer.samples

    def expect(self, address: Address) -> None:
        """Accept packets of ``address`` only."""
        self._lock.expect(address)

    def receive(self, data: bytes, address: Address, now: float) -> Rejection | None:
        """Take one datagram; return why it was dropped, if it was."""
        rejection = self._lock.screen(data, address, now) or self._accept(data, address, now)
        if rejection is not None:
            self.rejected[rejection] += 1
        return rejection

    def arrived(self) -> list[ArrivedAudio]:
        """Return the audio that came since the last call, ahead of its playout."""
        arrived, self._arrived = self._arrived, []
        return arrived

    def frame(self, now: float) -> PlayedFrame:
        """Return the next 20 ms. Call once per tick, on time."""
        correction = self._correction()
        if correction < 0:
            self.delayed += 1
            self._buffer.delay_by_a_frame(now)
            frame = self._render((Empty(FRAME_SAMPLES),))
        else:
            frame = self._render(self._buffer.get(now))
            if correction > 0:
                self.hastened += 1
                second = self._render(self._buffer.hasten_by_a_frame(now))
                pcm = cross_fade(frame.pcm, second.pcm)
                frame = PlayedFrame(pcm, frame.arrived_at, frame.kind)
        self._last_pcm = frame.pcm
        self.played[frame.kind] += 1
        return frame

    def _accept(self, data: bytes, address: Address, now: float) -> Rejection | None:
        """Parse, judge, decode and queue."""
        try:
            packet = RtpPacket.parse(data)
        except PacketError:
            return Rejection.MALFORMED
        verdict = self._lock.judge(packet, address, now)
        if verdict is Verdict.PROBATION:
            return Rejection.PROBATION
        if verdict is Verdict.NEW_SOURCE:
            self._restart()
        self.last_arrival = now
        number, arrival = self._log.note(packet.sequence_number)
        codec = self._payload.codec(packet.payload_type)
        if codec is None:
            return Rejection.PAYLOAD_TYPE
        if not self._payload.has_fitting_size(codec, packet.payload):
            return Rejection.PAYLOAD_SIZE
        if arrival is Arrival.DUPLICATE:
            return None
        timestamp = self._payload.timestamp(codec, packet.timestamp)
        self._jitter.observe(timestamp, now)
        pcm = self._payload.decode(codec, packet.payload)
        self._arrived.append(ArrivedAudio(pcm, now))
        match self._buffer.put(number, timestamp, pcm, now):
            case Put.LATE:
                self.late += 1
            case Put.EVICTED:
                self.evicted += 1
            case Put.QUEUED | Put.DUPLICATE:
                pass
        return None

    def _restart(self) -> None:
        """Begin a new source: its numbers and timestamps have nothing to do with the last one's."""
        self.sources += 1
        self._earlier_logs = self.packets
        self._log = SequenceLog()
        self._jitter = InterarrivalJitter()
        self._buffer = PlayoutBuffer(delay=self._delay)
        self._payload.restart()

    def _correction(self) -> int:
        """Return 1 to leave a frame out, -1 to put one in, 0 as a rule."""
        drift = self._buffer.drift
        if drift == 0 or (drift > 0 and not self._buffer.has_unbroken(2 * FRAME_SAMPLES)):
            return 0
        self._impatience += 1
        patience = LARGE_DRIFT_PATIENCE if drift > LARGE_DRIFT else PATIENCE
        if self._impatience < patience and level_dbfs(self._last_pcm) > PAUSE_DBFS:
            return 0
        self._impatience = 0
        return 1 if drift > 0 else -1

    def _render(self, pieces: tuple[Piece, ...]) -> PlayedFrame:
        """Make 20 ms of sound from what the buffer gave."""
        concealment = self._concealment
        if len(pieces) == 1 and isinstance(pieces[0], Audio):
            return PlayedFrame(concealment.heard(pieces[0].pcm), pieces[0].arrived_at, "audio")
        parts = []
        arrived_at = None
        kind: Literal["audio", "concealed", "noise"]
        kind = "noise" if concealment.faded else "concealed"
        for piece in pieces:
            if isinstance(piece, Audio):
                parts.append(concealment.heard(piece.pcm))
                if arrived_at is None:
                    arrived_at = piece.arrived_at
            else:
                parts.append(concealment.lost(piece.samples))
        if arrived_at is not None:
            kind = "audio"
        return PlayedFrame(b"".join(parts), arrived_at, kind)
