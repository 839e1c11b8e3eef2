"""A stream of the media process, as its user sees it."""

from collections import deque
from collections.abc import Callable
from math import isnan
from typing import TYPE_CHECKING, Any

from loguru import logger

from transports.audio.codec import Codec
from transports.inline.backpressure import Backpressure
from transports.inline.stream import QUEUE_LIMIT
from transports.media import MediaStream
from transports.process.counters import unpacked
from transports.process.layout import (
    BEHIND_ARRIVED,
    CONTROL,
    HEARD,
    PROGRESS,
    WRITTEN,
    WRITTEN_BYTES,
    HeardKind,
    Progress,
    Slot,
    WrittenKind,
)
from transports.rtp.digits import checked_digits
from transports.rtp.events import FRAME_BYTES, FRAME_SAMPLES, ArrivedAudio, PlayedFrame, new
from transports.rtp.sender import RAMP_SAMPLES
from transports.rtp.source import Address, checked_address
from transports.rtp.stats import StreamStats
from transports.rtp.tape import RecordedTick

if TYPE_CHECKING:
    from typing import Literal

__all__ = ["NO_STATS", "ProcessStream"]

SAMPLE_BYTES = 2

DIGITS_TOGETHER = 1024
"""In a message, whose size is limited."""

BEHIND = HeardKind.BEHIND_ARRIVED
KINDS: "dict[int, Literal['audio', 'concealed', 'noise']]" = {
    HeardKind.AUDIO: "audio",
    HeardKind.CONCEALED: "concealed",
    HeardKind.NOISE: "noise",
    BEHIND + HeardKind.AUDIO: "audio",
    BEHIND + HeardKind.CONCEALED: "concealed",
    BEHIND + HeardKind.NOISE: "noise",
}

NO_STATS = StreamStats(
    received=0,
    lost=0,
    late=0,
    duplicate=0,
    reordered=0,
    evicted=0,
    rejected={},
    played=0,
    concealed=0,
    noise=0,
    hastened=0,
    delayed=0,
    sources=0,
    sent=0,
    skipped=0,
    jitter_s=0.0,
    last_arrival=None,
)
"""Of a stream that has not ticked yet."""


class ProcessStream:
    """See :class:`transports.media.MediaStream`, whose contract this keeps.

    What is written waits here and in the ring; three packets of it at most wait in the media
    process. A flush raises the epoch: whatever an earlier one wrote is not sent any more.

    Attributes:
        lost_audio: Pieces of what was heard that gave way before this loop came to read them.

    Args:
        slot: Shared with the media process.
        opened: Host, port and codecs, as the media process says.
        send: Sends a message about this stream.
        on_close: Called when the stream is closed here.
    """

    __slots__ = (
        "_acted_on",
        "_backpressure",
        "_closed",
        "_ducked",
        "_epoch",
        "_half_sample",
        "_heard",
        "_held",
        "_listeners",
        "_on_close",
        "_on_tick",
        "_overflow",
        "_progress",
        "_ring",
        "_send",
        "_slot",
        "_speeches",
        "_stats",
        "_subscribers",
        "_written",
        "codec",
        "failed",
        "host",
        "lost_audio",
        "on_digit",
        "on_failed",
        "on_peer_left",
        "on_speech_sent",
        "port",
        "receive_codec",
    )

    def __init__(
        self,
        slot: Slot,
        opened: dict[str, Any],
        send: Callable[..., None],
        on_close: Callable[["ProcessStream"], None],
    ) -> None:
        self.host: str = opened["host"]
        self.port: int = opened["port"]
        self.codec = Codec(opened["codec"])
        self.receive_codec = Codec(opened["receive_codec"])
        self.failed: Exception | None = None
        self.on_speech_sent: Callable[[float], None] | None = None
        self.on_failed: Callable[[MediaStream], None] | None = None
        self.on_digit: Callable[[str, int], None] | None = None
        self.on_peer_left: Callable[[], None] | None = None
        self.lost_audio = 0
        self._slot = slot
        self._send = send
        self._on_close = on_close
        self._heard = slot.heard_reader()
        self._ring = slot.written_writer()
        self._progress = self._acted_on = Progress()
        self._stats = NO_STATS
        self._overflow: deque[bytes] = deque()
        self._half_sample = b""
        self._epoch = 0
        self._written = 0  # samples of this epoch
        self._held = self._ducked = False
        self._speeches = 0
        self._subscribers: list[Callable[[PlayedFrame], None]] = []
        self._listeners: list[Callable[[ArrivedAudio], None]] = []
        self._on_tick: Callable[[RecordedTick], None] | None = None
        self._backpressure = Backpressure(lambda: self.queued_samples)
        self._closed = False

    @property
    def queued_samples(self) -> int:
        """Samples written and not yet sent."""
        progress = self._latest()
        return self._written - (progress.done if progress.epoch == self._epoch else 0)

    @property
    def played_samples(self) -> int:
        """Written samples that were sent, ever."""
        return self._latest().played

    @property
    def stats(self) -> StreamStats:
        """What happened until 0.2 s ago; valid after :meth:`close` too."""
        if self._closed:
            return self._stats
        news = self._slot.stats.news()
        if news is not None:
            self._stats = unpacked(news)
        return self._stats._replace(sent=self._slot.sent[0])

    def connect(self, address: Address) -> None:
        """Start sending to the peer's RTP address, and trust packets from there alone.

        Args:
            address: Numeric host, and port.

        Raises:
            ValueError: The host is not numeric or of the other IP version, or the port is none.
        """
        host, port = checked_address(address, self.host)
        self._send("connect", host=host, port=port)

    def subscribe(self, on_frame: Callable[[PlayedFrame], None]) -> None:
        """Call ``on_frame`` every 20 ms with what the peer says; if it raises, the stream fails."""
        if not self._subscribers:
            self._send("subscribe")
        self._subscribers.append(on_frame)

    def listen(self, on_audio: Callable[[ArrivedAudio], None]) -> None:
        """Call ``on_audio`` with the peer's audio before its playout; see ``MediaStream``."""
        if not self._listeners:
            self._send("listen")
        self._listeners.append(on_audio)

    def record(self, on_tick: Callable[[RecordedTick], None]) -> None:
        """Call ``on_tick`` with both directions of every tick; see ``MediaStream``."""
        if self._on_tick is None:
            self._send("record")
        self._on_tick = on_tick

    async def write(self, pcm: bytes) -> bool:
        """Queue audio of any length; return when less than 60 ms of it wait to be sent.

        Cancelling the wait leaves the audio queued: it was accepted. :meth:`flush` removes it.

        Returns:
            Whether it is on its way; false if the stream was flushed, closed or broken meanwhile,
            or if a minute was queued already.
        """
        if self._closed or self.failed or self._backpressure.is_full:
            return False
        epoch = self._epoch
        pcm = self._half_sample + pcm
        whole = len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES
        pcm, self._half_sample = pcm[:whole], pcm[whole:]
        self._written += whole // SAMPLE_BYTES
        head = WRITTEN.pack(epoch, WrittenKind.AUDIO)
        for start in range(0, whole, WRITTEN_BYTES):
            self._put(head + pcm[start : start + WRITTEN_BYTES])
        await self._backpressure.until_below(QUEUE_LIMIT)
        return epoch == self._epoch and not self._closed and self.failed is None

    def send_digits(self, digits: str, *, duration_ms: int = 100, pause_ms: int = 100) -> None:
        """Press keys for the peer, in place of audio; see ``MediaStream``."""
        keys = checked_digits(digits, duration_ms, pause_ms)
        for start in range(0, len(keys), DIGITS_TOGETHER):
            together = keys[start : start + DIGITS_TOGETHER]
            self._send("send_digits", digits=together, duration_ms=duration_ms, pause_ms=pause_ms)

    def flush(self) -> int:
        """Drop queued audio, at once; return how many samples.

        Up to 5 ms more are sent, fading out, and count as played.
        """
        dropped = self.queued_samples
        if self._progress.speaking:
            dropped -= min(RAMP_SAMPLES, dropped)
        self._epoch += 1
        self._written = 0
        self._half_sample = b""
        self._overflow.clear()
        self._decide()
        self._backpressure.release_all()
        return dropped

    def hold(self) -> None:
        """Send comfort noise and keep what is written for later."""
        self._held = True
        self._decide()

    def release(self) -> None:
        """Send what was written, from the next packet on."""
        self._held = False
        self._decide()

    def duck(self) -> None:
        """Lower what is sent by 12 dB, within the next packet."""
        self._ducked = True
        self._decide()

    def unduck(self) -> None:
        """Raise what is sent to its own level again, within the next packet."""
        self._ducked = False
        self._decide()

    async def drained(self) -> None:
        """Wait until everything written so far was sent, the last packet padded, or dropped."""
        if not self._closed and not self.failed:
            self._half_sample = b""
            self._put(WRITTEN.pack(self._epoch, WrittenKind.FINISH))
            await self._backpressure.until_below(1)

    def close(self) -> None:
        """Stop, and give the ports back. Idempotent."""
        if self._closed:
            return
        self._latest()
        self._stats = self.stats
        self._closed = True
        self._on_close(self)
        self._backpressure.release_all()

    def progressed(self) -> None:
        """Hand on what waits, and resume who waited for it to leave. For the engine."""
        if self._progress is self._acted_on and not self._slot.progress.has_news:
            return
        while self._overflow and self._has_room():
            self._ring.put(self._overflow.popleft())
        progress = self._acted_on = self._latest()
        if progress.speeches != self._speeches:
            self._speeches = progress.speeches
            if self.on_speech_sent is not None and not self.failed:
                self._guarded(self.on_speech_sent, progress.speech_at)
        self._backpressure.progressed()

    def hear(self) -> None:
        """Tell listeners and subscribers what has come into the ring. For the engine."""
        if not self._subscribers and not self._listeners and self._on_tick is None:
            return
        heard = self._heard
        try:
            while not self._closed and not self.failed and (record := heard.take()) is not None:
                self._tell(record)
        except Exception as error:  # noqa: BLE001  a broken call must not stop the others
            self._break(error)
        if heard.lost != self.lost_audio:
            lost = heard.lost - self.lost_audio
            self.lost_audio = heard.lost
            logger.bind(port=self.port).warning("media.user_too_slow: {} pieces are lost", lost)

    def _tell(self, record: bytes) -> None:
        """Tell whom it concerns of a record of the ring."""
        kind = record[0]
        if kind >= BEHIND:
            _, at, arrived_at = BEHIND_ARRIVED.unpack_from(record)
            self._tell_arrived(record[BEHIND_ARRIVED.size : -FRAME_BYTES], arrived_at)
            if self._closed or self.failed:  # by a listener
                return
        else:
            _, at = HEARD.unpack_from(record)
            if kind == HeardKind.ARRIVED:
                self._tell_arrived(record[HEARD.size :], at)
                return
            if kind == HeardKind.RECORDED:
                if self._on_tick is not None:
                    sides = record[HEARD.size : -FRAME_SAMPLES], record[-FRAME_SAMPLES:]
                    self._on_tick(RecordedTick(at, *sides))
                return
        came = None if isnan(at) else at
        frame = new(PlayedFrame, (record[-FRAME_BYTES:], came, KINDS[kind]))
        for subscriber in self._subscribers:
            subscriber(frame)

    def _tell_arrived(self, pcm: bytes, arrived_at: float) -> None:
        audio = new(ArrivedAudio, (pcm, None if isnan(arrived_at) else arrived_at))
        for listener in self._listeners:
            listener(audio)

    def fail(self, error: Exception) -> None:
        """Break the stream. For the engine."""
        if self.failed or self._closed:
            return
        self.failed = error
        self._backpressure.release_all()
        if self.on_failed is not None:
            try:
                self.on_failed(self)
            except Exception:  # noqa: BLE001  its handler must not stop the other streams
                logger.bind(port=self.port).exception("media.failure_handler_failed")

    def tell(self, message: dict[str, Any]) -> None:
        """Take over what the media process says of the peer. For the engine."""
        if message["is"] == "failed":
            self.fail(RuntimeError(f"in the media process: {message['message']}"))
        elif message["is"] == "digit" and self.on_digit is not None:
            self._guarded(self.on_digit, message["digit"], message["duration_ms"])
        elif message["is"] == "peer_left" and self.on_peer_left is not None:
            self._guarded(self.on_peer_left)

    def settle(self, stats: StreamStats) -> None:
        """Take the last counters over. For the engine."""
        self._stats = stats

    def _guarded(self, callback: Callable[..., None], *arguments: object) -> None:
        """Call back; an error breaks this stream only."""
        if self.failed:
            return
        try:
            callback(*arguments)
        except Exception as error:  # noqa: BLE001  a broken call must not stop the others
            self._break(error)

    def _break(self, error: Exception) -> None:
        logger.bind(port=self.port).opt(exception=error).error("media.stream_failed")
        self._send("fail")
        self.fail(error)

    def _latest(self) -> Progress:
        news = None if self._closed else self._slot.progress.news()
        if news is not None:
            self._progress = new(Progress, PROGRESS.unpack(news))
        return self._progress

    def _decide(self) -> None:
        if not self._closed:
            self._slot.control.set(CONTROL.pack(self._epoch, self._held, self._ducked))

    def _put(self, record: bytes) -> None:
        if self._overflow or not self._has_room():
            self._overflow.append(record)
        else:
            self._ring.put(record)

    def _has_room(self) -> bool:
        """Whether no unread record would give way; believes the progress that was read last."""
        if self._ring.written - self._progress.taken < self._ring.cells:
            return True
        return self._ring.written - self._latest().taken < self._ring.cells
