"""What the rest of the product sees of the media engine, whatever process it runs in.

All audio is 16-bit little-endian mono at 8 kHz. Everything is called on, and calls back on, the
event loop that started the engine. Times are monotonic seconds, the scale of ``loop.time()``.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from transports.audio.codec import Codec
from transports.params import StreamOptions
from transports.rtp.events import ArrivedAudio, PlayedFrame
from transports.rtp.source import Address
from transports.rtp.stats import Deviations, StreamStats, Totals
from transports.rtp.tape import RecordedTick

__all__ = ["MediaEngine", "MediaStream"]


class MediaStream(Protocol):
    """One call's audio in both directions.

    Attributes:
        host: The numeric address to tell the peer.
        port: The port to tell the peer; even.
        codec: What is sent.
        receive_codec: What the peer is to send; both laws of G.711 are understood besides.
        failed: What broke the stream. It then neither sends nor plays; close it.
        on_speech_sent: Called with the time of the first packet with written audio after a pause
            or a flush.
        on_failed: Called once if the stream breaks.
        on_digit: Called with each key (of ``0-9*#A-D``) that the peer let go of, and for how many
            milliseconds it was pressed: told by an RFC 4733 event, or by its tone where
            :class:`StreamOptions` ask to listen for that. If it raises, the stream fails.
        on_peer_left: Called when the peer says by RTCP that it ends its source; another may
            begin. If it raises, the stream fails.
    """

    host: str
    port: int
    codec: Codec
    receive_codec: Codec
    failed: Exception | None
    on_speech_sent: Callable[[float], None] | None
    on_failed: Callable[["MediaStream"], None] | None
    on_digit: Callable[[str, int], None] | None
    on_peer_left: Callable[[], None] | None

    @property
    def queued_samples(self) -> int:
        """Samples written and not yet sent."""

    @property
    def played_samples(self) -> int:
        """Written samples that were sent, ever."""

    @property
    def stats(self) -> StreamStats:
        """What happened so far; valid after :meth:`close` too."""

    def connect(self, address: Address) -> None:
        """Start sending to the peer's RTP address, and trust packets from there alone.

        Args:
            address: Numeric host, and port.

        Raises:
            ValueError: The host is not numeric or of the other IP version, or the port is none.
        """

    def subscribe(self, on_frame: Callable[[PlayedFrame], None]) -> None:
        """Call ``on_frame`` every 20 ms with what the peer says; if it raises, the stream fails."""

    def listen(self, on_audio: Callable[[ArrivedAudio], None]) -> None:
        """Call ``on_audio`` with the peer's audio as it arrives, ahead of its playout.

        It is one line of samples without holes: what was lost is filled with noise, and what
        comes after its turn is left out. If it raises, the stream fails.
        """

    def record(self, on_tick: Callable[[RecordedTick], None]) -> None:
        """Call ``on_tick`` with both directions of every tick from the next on.

        What was heard is as it was played, what was sent as it left. Ticks that this loop missed
        are left out; the others keep their times. If it raises, the stream fails.
        """

    async def write(self, pcm: bytes) -> bool:
        """Queue audio of any length; return when less than 60 ms of it wait to be sent.

        Cancelling the wait leaves the audio queued: it was accepted. :meth:`flush` removes it.

        Returns:
            Whether it is on its way; false if the stream was flushed, closed or broken meanwhile,
            or if a minute was queued already.
        """

    def send_digits(self, digits: str, *, duration_ms: int = 100, pause_ms: int = 100) -> None:
        """Press keys for the peer, in place of audio, which waits and goes on from its sample.

        They go as RFC 4733 events if :class:`StreamOptions` name a payload type, else as tones.

        Args:
            digits: Of ``0-9*#A-D``, any case; behind those that wait, 128 in all.
            duration_ms: How long each is pressed, rounded up to whole packets; 40..6000.
            pause_ms: How long nothing is pressed after each, likewise.

        Raises:
            ValueError: A key or a time is out of range. Nothing is sent then.
        """

    def flush(self) -> int:
        """Drop queued audio, at once; return how many samples.

        Up to 5 ms more are sent, fading out, and count as played.
        """

    def hold(self) -> None:
        """Fade into comfort noise within 5 ms, and keep what is queued and what will be written."""

    def release(self) -> None:
        """Go on, from the next packet and from the sample at which :meth:`hold` stopped."""

    def duck(self) -> None:
        """Lower what is sent by 12 dB, within the next packet."""

    def unduck(self) -> None:
        """Raise what is sent to its own level again, within the next packet."""

    async def drained(self) -> None:
        """Wait until everything written so far was sent, the last packet padded, or dropped."""

    def close(self) -> None:
        """Stop, and give the ports back. Idempotent."""


class MediaEngine(Protocol):
    """Opens streams and keeps them in time."""

    @property
    def streams(self) -> Sequence[MediaStream]:
        """The open streams, oldest first."""

    @property
    def totals(self) -> Totals:
        """Counters of all streams so far, those that were closed included."""

    @property
    def lateness(self) -> Deviations:
        """How late the clock's ticks came, in seconds."""

    @property
    def scheduling(self) -> str:
        """How the operating system ranks the clock: "SCHED_FIFO 20", "nice -10" or "normal"."""

    @property
    def restarts(self) -> int:
        """How often the media process has ended by itself, and was to be started again."""

    @property
    def problem(self) -> str | None:
        """Why no stream can be opened now, ``None`` when all is well."""

    def after_hearing(self, then: Callable[[], None]) -> None:
        """Call ``then`` every 20 ms, 10 ms before packets leave.

        All streams have told their listeners and subscribers what they heard by then. What
        ``then`` decides about a stream takes effect in the packet that leaves next.
        """

    async def start(self) -> None:
        """Start the media clock.

        Raises:
            PortsExhausted: No stream could be opened: the port range is used up.
            AddressUnavailable: Nor one: the address to bind is not one of this machine.
        """

    async def close(self) -> None:
        """Close all streams and stop the clock. Idempotent."""

    async def open_stream(self, options: StreamOptions | None = None) -> MediaStream:
        """Bind a port pair for a call. It sends nothing before ``connect()``.

        Args:
            options: What was agreed on with the peer; the configured codecs alone unless given.

        Raises:
            PortsExhausted: The port range is used up.
            AddressUnavailable: The address to bind is not one of this machine.
            MediaUnavailable: The media process has ended, and is being started again.
        """
