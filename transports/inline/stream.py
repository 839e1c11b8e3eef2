"""One call's audio as the rest of the product sees it."""

import random
import time
from collections.abc import Callable

from loguru import logger

from transports.audio.codec import Codec
from transports.inline.backpressure import Backpressure
from transports.inline.report_line import ReportLine
from transports.media import MediaStream
from transports.params import StreamOptions
from transports.rtp.events import (
    FRAME_SAMPLES,
    FRAME_SECONDS,
    ArrivedAudio,
    Outgoing,
    PlayedFrame,
)
from transports.rtp.session import RtpSession
from transports.rtp.source import Address, checked_address
from transports.rtp.spread import PlayoutRange
from transports.rtp.stats import Deviations, StreamStats
from transports.rtp.tape import RecordedTick, Tape
from transports.udp.endpoint import UdpEndpoint
from transports.udp.ports import PortPair
from transports.udp.reading import Reading

__all__ = ["QUEUE_LIMIT", "InlineStream"]

QUEUE_LIMIT = 3 * FRAME_SAMPLES
"""``write`` returns below this: at most 60 ms of audio is beyond the reach of an interruption."""

SEND_BURST = 3
"""Packets sent at once after a stall; the rest is skipped, since nobody would play it."""

REMEMBERED_SENDS = 512
"""Send deviations of ten seconds."""

RANKED_SENDS = 50
"""After a further second their percentiles are taken anew: counters are asked for more often."""


class InlineStream:
    """A port pair, its RTP session, and the audio in both directions.

    All audio is 16-bit little-endian mono at 8 kHz. Everything happens on the event loop that
    the stream was opened on. Open it with
    :meth:`transports.inline.engine.InlineEngine.open_stream`.

    Attributes:
        host: The numeric address to tell the peer.
        port: The port to tell the peer; even.
        codec: What is sent.
        receive_codec: What the peer is to send; both laws of G.711 are understood besides.
        failed: What broke the stream. It then neither sends nor plays; close it.
        on_speech_sent: Called with the time (monotonic seconds, the scale of ``loop.time()``) of
            the first packet with written audio after a pause or a flush.
        on_failed: Called once if the stream breaks.
        on_digit: Called with each key that the peer let go of, and for how many milliseconds it
            was pressed.
        on_peer_left: Called when the peer says by RTCP that it ends its source.
        sender: Makes the packets. For the engine, and other placements.
        tape: What both directions are recorded on, if anything does. For the engine.
    """

    __slots__ = (
        "_audible",
        "_backpressure",
        "_built",
        "_closed",
        "_deviations",
        "_due_at",
        "_endpoint",
        "_flushes",
        "_listeners",
        "_on_close",
        "_pair",
        "_peer",
        "_rank_again_at",
        "_ranked",
        "_receiver",
        "_report_line",
        "_session",
        "_subscribers",
        "codec",
        "failed",
        "host",
        "on_digit",
        "on_failed",
        "on_peer_left",
        "on_speech_sent",
        "port",
        "receive_codec",
        "sender",
        "tape",
    )

    def __init__(
        self,
        *,
        host: str,
        codec: Codec,
        receive_codec: Codec,
        options: StreamOptions,
        playout_delay: PlayoutRange,
        pair: PortPair,
        reading: Reading,
        on_close: Callable[["InlineStream", PortPair], None],
    ) -> None:
        self.host = host
        self.port = pair.port
        self.codec = codec
        self.receive_codec = receive_codec
        self.failed: Exception | None = None
        self.on_speech_sent: Callable[[float], None] | None = None
        self.on_failed: Callable[[MediaStream], None] | None = None
        self.on_digit: Callable[[str, int], None] | None = None
        self.on_peer_left: Callable[[], None] | None = None
        self._session = RtpSession(
            codec=codec,
            receive=receive_codec,
            playout_delay=playout_delay,
            random=random.SystemRandom(),
            telephone_event=options.telephone_event,
            inband_dtmf=options.inband_dtmf,
        )
        self.sender = self._session.sender
        self._receiver = self._session.receiver
        self._pair = pair
        self._on_close = on_close
        self._endpoint = UdpEndpoint(pair.rtp, self._receive, reading)
        self._report_line = ReportLine(
            pair.rtcp,
            self._session,
            eager=options.rtcp,
            on_goodbye=self._peer_left,
            on_error=self.fail,
        )
        self._due_at = 0.0  # when the next packet is, in monotonic seconds
        self._peer: Address | None = None
        self._subscribers: list[Callable[[PlayedFrame], None]] = []
        self._listeners: list[Callable[[ArrivedAudio], None]] = []
        self._backpressure = Backpressure(lambda: self.sender.queued_samples)
        self._flushes = 0
        self._closed = False
        self._built: list[Outgoing] = []
        self.tape: Tape | None = None
        self._audible: list[bytes] = []  # of what was built, for the tape
        self._deviations = Deviations(REMEMBERED_SENDS)
        self._ranked = [0.0, 0.0]
        self._rank_again_at = 0

    @property
    def queued_samples(self) -> int:
        """Samples written and not yet sent."""
        return self.sender.queued_samples

    @property
    def played_samples(self) -> int:
        """Written samples that were sent, ever."""
        return self.sender.played_samples

    @property
    def stats(self) -> StreamStats:
        """What happened so far; valid after :meth:`close` too."""
        reports = self._report_line.reports
        sends = self._deviations.count
        if sends >= self._rank_again_at:
            self._ranked = self._deviations.percentiles(50, 99)
            self._rank_again_at = sends + min(sends, RANKED_SENDS)
        p50, p99 = self._ranked
        return self._session.stats()._replace(
            send_deviation_p50_s=p50,
            send_deviation_p99_s=p99,
            send_deviation_max_s=self._deviations.worst,
            send_errors=self._endpoint.send_errors,
            rtcp_received=reports.received,
            rtcp_rejected=reports.rejected.total(),
            rtcp_sent=reports.sent,
            remote_lost=reports.remote_lost,
            remote_jitter_s=reports.remote_jitter_s,
            round_trip_s=reports.round_trip_s,
        )

    def connect(self, address: Address) -> None:
        """Start sending to the peer's RTP address, and trust packets from there alone.

        Args:
            address: Numeric host, and port.

        Raises:
            ValueError: The host is not numeric or of the other IP version, or the port is none.
        """
        self._peer = checked_address(address, self.host)
        self._session.connect(self._peer)
        self._report_line.connect(self._peer)

    def hold(self) -> None:
        """Send comfort noise and keep what is written for later."""
        self.sender.held = True

    def release(self) -> None:
        """Send what was written, from the next packet on."""
        self.sender.held = False

    def subscribe(self, on_frame: Callable[[PlayedFrame], None]) -> None:
        """Call ``on_frame`` every 20 ms with what the peer says; if it raises, the stream fails."""
        self._subscribers.append(on_frame)

    def listen(self, on_audio: Callable[[ArrivedAudio], None]) -> None:
        """Call ``on_audio`` with the peer's audio before its playout; see ``MediaStream``."""
        self._listeners.append(on_audio)

    def record(self, on_tick: Callable[[RecordedTick], None]) -> None:
        """Call ``on_tick`` with both directions of every tick; see ``MediaStream``."""
        self.tape = Tape(self.codec, on_tick)

    def duck(self) -> None:
        """Lower what is sent by 12 dB, within the next packet."""
        self.sender.ducked = True

    def unduck(self) -> None:
        """Raise what is sent to its own level again, within the next packet."""
        self.sender.ducked = False

    async def write(self, pcm: bytes) -> bool:
        """Queue audio of any length; return when less than 60 ms of it wait to be sent.

        Cancelling the wait leaves the audio queued: it was accepted. :meth:`flush` removes it.

        Returns:
            Whether it is on its way; false if the stream was flushed, closed or broken meanwhile,
            or if a minute was queued already.
        """
        if self._closed or self.failed or self._backpressure.is_full:
            return False
        self.sender.write(pcm)
        flushes = self._flushes
        await self._backpressure.until_below(QUEUE_LIMIT)
        return flushes == self._flushes and not self._closed and self.failed is None

    def send_digits(self, digits: str, *, duration_ms: int = 100, pause_ms: int = 100) -> None:
        """Press keys for the peer, in place of audio; see ``MediaStream``."""
        self.sender.digits.queue(digits, duration_ms=duration_ms, pause_ms=pause_ms)

    def flush(self) -> int:
        """Drop queued audio, at once; return how many samples.

        Up to 5 ms more are sent, fading out, and count as played.
        """
        self._flushes += 1
        dropped = self.sender.flush()
        self._backpressure.release_all()
        return dropped

    async def drained(self) -> None:
        """Wait until everything written so far was sent, the last packet padded, or dropped."""
        if not self._closed and not self.failed:
            self.sender.finish()
            await self._backpressure.until_below(1)

    def close(self) -> None:
        """Stop, and give the ports back. Idempotent."""
        if self._closed:
            return
        self._closed = True
        try:
            self._report_line.close(time.monotonic(), self._due_at)
        except Exception:  # noqa: BLE001  the ports must be free, and the other streams be closed
            logger.bind(port=self.port).exception("media.farewell_failed")
        self._endpoint.close()
        self._on_close(self, self._pair)
        self._backpressure.release_all()

    def build_due(self, due: int) -> None:
        """Make the packets of ``due`` ticks, ready to be sent.

        For the engine. An error breaks this stream only.
        """
        if self._peer is None or self._closed or self.failed:
            return
        try:
            if self._receiver.address is not self._peer:
                self._follow()
            if due > SEND_BURST:
                self.sender.skip(due - SEND_BURST)
                due = SEND_BURST
            built = []
            for _ in range(due):
                built.append(self.sender.next_packet())
                if self.tape is not None:
                    self._audible.append(self.sender.audible)
            self._built = built
        except Exception as error:  # noqa: BLE001  a broken call must not stop the others
            self.fail(error)

    def send_built(self, deadline: float) -> None:
        """Send what was built, the last packet of it due at ``deadline``.

        For the engine. An error breaks this stream only.
        """
        built, peer = self._built, self._peer
        if not built or peer is None or self._closed:
            return
        try:
            self._built = []
            self._due_at = deadline + FRAME_SECONDS
            due_at = deadline - (len(built) - 1) * FRAME_SECONDS
            for datagram, starts_speech in built:
                self._endpoint.send(datagram, peer)
                now = time.monotonic()
                self._deviations.add(now - due_at)
                due_at += FRAME_SECONDS
                if starts_speech and self.on_speech_sent is not None:
                    self.on_speech_sent(now)
            self._backpressure.progressed()
        except Exception as error:  # noqa: BLE001  a broken call must not stop the others
            self.fail(error)

    def record_sent(self, deadline: float) -> None:
        """Let the recording have what was built, the last packet of it due at ``deadline``.

        For the engine. An error breaks this stream only.
        """
        if self.tape is None or self._closed or self.failed:
            return
        try:
            self.tape.sent(self._audible, deadline)
            self._audible = []
        except Exception as error:  # noqa: BLE001  a broken call must not stop the others
            self.fail(error)

    def hear_due(self, due: int, deadline: float) -> None:
        """Tell the listeners what came, and the subscribers what ``due`` ticks play.

        The packet of the last of them is due at ``deadline``.

        For the engine. An error breaks this stream only.
        """
        if self._closed or self.failed:
            return
        try:
            self._hear(due, deadline)
        except Exception as error:  # noqa: BLE001  a broken call must not stop the others
            self.fail(error)

    def _hear(self, due: int, deadline: float) -> None:
        now, session = time.monotonic(), self._session
        for audio in self._receiver.arrived(now):
            for listener in self._listeners:
                listener(audio)
        played: list[bytes] = []
        while len(played) < due and not self._closed:
            frame = session.frame(now)
            played.append(frame.pcm)
            for subscriber in self._subscribers:
                subscriber(frame)
        if self._closed:  # by a listener, or by a subscriber
            return
        if self.tape is not None:
            self.tape.heard(played, deadline)
        for digit, duration_ms in session.digits(now):
            if self.on_digit is not None:
                self.on_digit(digit, duration_ms)
        if not self._closed:
            self._report_line.tick(now, self._due_at)

    def _follow(self) -> None:
        """Send to where the peer speaks from now on."""
        address = self._receiver.address
        if address is not None and self._peer is not None and address != self._peer:
            logger.bind(port=self.port, was=self._peer[1], now=address[1]).info("media.peer_moved")
            self._peer = address
            self._report_line.connect(address)

    def _peer_left(self) -> None:
        if self.on_peer_left is not None:
            self.on_peer_left()

    def _receive(self, data: bytes, address: Address, now: float) -> None:
        if self.failed:
            return
        try:
            self._receiver.receive(data, address, now)
        except Exception as error:  # noqa: BLE001  a broken call must not stop the others
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """Break this stream, and no other; for the engine and who feeds the stream."""
        if self.failed:
            return
        self.failed = error
        logger.bind(port=self.port).opt(exception=error).error("media.stream_failed")
        self._backpressure.release_all()
        if self.on_failed is not None:
            try:
                self.on_failed(self)
            except Exception:  # noqa: BLE001  nor must its handler
                logger.bind(port=self.port).exception("media.failure_handler_failed")
