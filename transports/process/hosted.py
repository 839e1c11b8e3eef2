"""One stream in the media process: between its rings and the engine that plays and sends it."""

from collections.abc import Callable, Iterator

from transports.inline.stream import QUEUE_LIMIT, InlineStream
from transports.process.channel import Message
from transports.process.counters import packed
from transports.process.layout import (
    BEHIND_ARRIVED,
    CONTROL,
    HEARD,
    HEARD_BYTES,
    PROGRESS,
    WRITTEN,
    HeardKind,
    Slot,
    WrittenKind,
)
from transports.process.ring import Register, RingReader
from transports.rtp.events import FRAME_SAMPLES, ArrivedAudio, PlayedFrame
from transports.rtp.tape import RecordedTick

__all__ = ["STATS_TICKS", "HostedStream"]

STATS_TICKS = 10
"""Counters are published every 200 ms."""

NEVER = float("nan")

KINDS = {
    "audio": HeardKind.AUDIO,
    "concealed": HeardKind.CONCEALED,
    "noise": HeardKind.NOISE,
}
KINDS_BEHIND_ARRIVED = {name: kind + HeardKind.BEHIND_ARRIVED for name, kind in KINDS.items()}


class HostedStream:
    """Moves one stream's audio, decisions and counters between it and a slot.

    Without a slot it is an orphan: noise goes out, and nobody is told what comes in.

    Args:
        stream: Of the engine of the media process.
        slot: Shared with its user.
        on_failed: Called once if the stream breaks.
        on_news: Called with what else the user is to be told.
    """

    __slots__ = (
        "_accepted",
        "_control",
        "_ducked",
        "_epoch",
        "_flushed",
        "_heard",
        "_held",
        "_is_news",
        "_listens",
        "_played",
        "_published",
        "_records",
        "_sender",
        "_slot",
        "_speech_at",
        "_speeches",
        "_subscribed",
        "_tell_arrived",
        "_tell_played",
        "_tell_recorded",
        "_ticks",
        "_waiting",
        "_written",
        "stream",
    )

    def __init__(
        self,
        stream: InlineStream,
        slot: Slot,
        on_failed: Callable[["HostedStream"], None],
        on_news: Callable[["HostedStream", Message], None],
    ) -> None:
        self.stream = stream
        self._sender = stream.sender
        self._ticks = stream.port // 2  # so that not all publish their counters at once
        self._tell_arrived = self._tell_played = self._tell_recorded = False
        self._listens = self._subscribed = self._records = False
        stream.on_speech_sent = self._on_speech_sent
        stream.on_failed = lambda _: on_failed(self)
        stream.on_digit = lambda digit, duration_ms: on_news(
            self, {"is": "digit", "digit": digit, "duration_ms": duration_ms}
        )
        stream.on_peer_left = lambda: on_news(self, {"is": "peer_left"})
        self.attach(slot)

    @property
    def port(self) -> int:
        """The port that the peer sends to."""
        return self.stream.port

    @property
    def readers(self) -> tuple[RingReader, Register]:
        """Of what the user writes and decides; when they have something, it is to be taken."""
        return self._written, self._control

    def attach(self, slot: Slot) -> None:
        """Begin with a slot that nothing was written to."""
        self._slot: Slot | None = slot
        self._control = slot.control
        self._heard = slot.heard_writer()
        self._written = slot.written_reader()
        self._epoch = 0
        self._held = self._ducked = False
        self._accepted = 0  # samples of this epoch that were taken from the ring
        self._flushed = False  # since the last packet
        self._played = self._sender.played_samples
        slot.sent[0] = self._sender.sent
        self._speeches = 0
        self._speech_at = 0.0
        self._published: tuple[float, ...] = ()
        self._is_news = True  # there may be some to publish
        self._tell_arrived = self._tell_played = self._tell_recorded = False
        self._waiting: ArrivedAudio | None = None  # what came, for the frame of its tick

    def orphan(self) -> None:
        """Send noise from now on, and nothing of what was written."""
        self._slot = None
        self._tell_arrived = self._tell_played = self._tell_recorded = False
        self._waiting = None
        self.stream.flush()
        self.stream.release()
        self.stream.unduck()

    def subscribe(self) -> None:
        """Put played frames into the ring from now on."""
        self._tell_played = True
        if not self._subscribed:
            self._subscribed = True
            self.stream.subscribe(self._on_frame)

    def listen(self) -> None:
        """Put arrived audio into the ring from now on."""
        self._tell_arrived = True
        if not self._listens:
            self._listens = True
            self.stream.listen(self._on_audio)

    def record(self) -> None:
        """Put both directions of every tick into the ring from now on."""
        self._tell_recorded = True
        if not self._records:
            self._records = True
            self.stream.record(self._on_recorded)

    def after_hearing(self) -> None:
        """Take what was written, ahead of the packets, which then leave the sooner."""
        self._try_to_take(QUEUE_LIMIT)

    def before_sending(self) -> None:
        """Obey what was decided, and take what the next packet lacks."""
        self._try_to_take(FRAME_SAMPLES)

    def after_sending(self) -> None:
        """Publish what has left, and from time to time the counters."""
        slot = self._slot
        if slot is None:
            return
        try:
            slot.sent[0] = self._sender.sent
            if self._is_news or self._sender.played_samples != self._played:
                self._publish(slot)
            self._ticks += 1
            if self._ticks % STATS_TICKS == 0:
                slot.stats.set(packed(self.stream.stats))
        except Exception as error:  # noqa: BLE001  a broken call must not stop the others
            self.stream.fail(error)

    def _try_to_take(self, enough: int) -> None:
        if self.stream.failed:
            return
        self._is_news = True
        try:
            self._take(enough)
        except Exception as error:  # noqa: BLE001  a broken call must not stop the others
            self.stream.fail(error)

    def _take(self, enough: int) -> None:
        if self._slot is None:
            return
        decided = self._control.news()
        if decided is not None:
            self._obey(*CONTROL.unpack(decided))
        sender = self._sender
        while sender.queued_samples < enough:
            record = self._written.take()
            if record is None:
                return
            epoch, kind = WRITTEN.unpack_from(record)
            if epoch > self._epoch:
                self._flush(epoch)
            if epoch < self._epoch:
                continue
            if kind == WrittenKind.FINISH:
                sender.finish()
            else:
                sender.write(record[WRITTEN.size :])
                self._accepted += (len(record) - WRITTEN.size) // 2

    def _publish(self, slot: Slot) -> None:
        sender = self._sender
        played = sender.played_samples
        speaking = played > self._played and not self._flushed
        self._played, self._flushed = played, False
        self._is_news = speaking  # since it ends
        progress = (
            self._epoch,
            self._accepted - sender.queued_samples,
            played,
            self._written.taken,
            self._speeches,
            self._speech_at,
            speaking,
        )
        if progress != self._published:
            self._published = progress
            slot.progress.set(PROGRESS.pack(*progress))

    def _obey(self, epoch: int, held: bool, ducked: bool) -> None:  # noqa: FBT001  as packed
        if epoch > self._epoch:
            self._flush(epoch)
        if held != self._held:
            self._held = held
            (self.stream.hold if held else self.stream.release)()
        if ducked != self._ducked:
            self._ducked = ducked
            (self.stream.duck if ducked else self.stream.unduck)()

    def _flush(self, epoch: int) -> None:
        self.stream.flush()
        self._epoch = epoch
        self._accepted = 0
        self._flushed = True

    def _on_speech_sent(self, now: float) -> None:
        self._is_news = True
        self._speeches += 1
        self._speech_at = now

    def _on_frame(self, frame: PlayedFrame) -> None:
        if not self._tell_played:
            return
        played, played_at, kind = frame
        if played_at is None:
            played_at = NEVER
        waiting = self._waiting
        if waiting is None:
            self._heard.put(HEARD.pack(KINDS[kind], played_at) + played)
            return
        self._waiting = None
        arrived, arrived_at = waiting
        if arrived_at is None:
            arrived_at = NEVER
        head = BEHIND_ARRIVED.pack(KINDS_BEHIND_ARRIVED[kind], played_at, arrived_at)
        self._heard.put(head + arrived + played)

    def _on_audio(self, audio: ArrivedAudio) -> None:
        """Keep what came for the record of this tick's frame, which follows."""
        if not self._tell_arrived:
            return
        for piece in (audio,) if 0 < len(audio.pcm) <= HEARD_BYTES else _pieces(audio):
            if self._waiting is not None:
                self._put_waiting(self._waiting)
            self._waiting = piece
        if self._waiting is not None and not self._tell_played:
            self._put_waiting(self._waiting)
            self._waiting = None

    def _put_waiting(self, audio: ArrivedAudio) -> None:
        arrived_at = NEVER if audio.arrived_at is None else audio.arrived_at
        self._heard.put(HEARD.pack(HeardKind.ARRIVED, arrived_at) + audio.pcm)

    def _on_recorded(self, tick: RecordedTick) -> None:
        if self._tell_recorded:
            head = HEARD.pack(HeardKind.RECORDED, tick.at)
            self._heard.put(head + tick.caller + tick.assistant)


def _pieces(audio: ArrivedAudio) -> Iterator[ArrivedAudio]:
    """Cut audio to what fits into a record."""
    pcm, arrived_at = audio
    for start in range(0, len(pcm), HEARD_BYTES):
        yield ArrivedAudio(pcm[start : start + HEARD_BYTES], arrived_at)
