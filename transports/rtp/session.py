"""One call's RTP: a receiver and a sender that share a peer. No socket, no clock, no log."""

from typing import TYPE_CHECKING

from transports.audio.codec import Codec
from transports.audio.comfort_noise import ComfortNoise
from transports.audio.dtmf import DtmfDetector
from transports.rtp.events import ArrivedAudio, Outgoing, PlayedFrame
from transports.rtp.receiver import Receiver
from transports.rtp.reports import Reception, Transmission
from transports.rtp.sender import Sender
from transports.rtp.source import Address, Rejection
from transports.rtp.spread import PlayoutRange
from transports.rtp.stats import StreamStats
from transports.rtp.telephone_event import Digit

if TYPE_CHECKING:
    import random

__all__ = ["RtpSession"]


class RtpSession:
    """Feed it datagrams as they come; on every 20 ms tick take a frame and a packet from it.

    ::

        receive(data, address, now)      at any time
        arrived(now)                     once per tick: what came, ahead of its playout
        frame(now)                       once per tick: what the far side says
        digits(now)                      once per tick, after it: the keys that it pressed
        next_packet()                    once per tick, after connect(): what it gets to hear
        skip(ticks)                      instead of next_packet(), for ticks that went by unused

    Attributes:
        sender: What makes the packets.
        receiver: What makes the frames.

    Args:
        codec: What is sent.
        receive: What is received, besides both laws of G.711; the same unless given.
        playout_delay: Seconds that received audio waits for its stragglers, or the range in
            which that adapts.
        random: Source of the initial sequence number, timestamp and SSRC.
        telephone_event: Payload type of RFC 4733 events in both directions; ``None`` without.
        inband_dtmf: Listen for tones of keys too, as long as no event has come.
    """

    __slots__ = ("_heard", "_tones", "receiver", "sender")

    def __init__(
        self,
        *,
        codec: Codec,
        playout_delay: float | PlayoutRange,
        random: "random.Random",
        receive: Codec | None = None,
        telephone_event: int | None = None,
        inband_dtmf: bool = False,
    ) -> None:
        self._tones = DtmfDetector() if inband_dtmf else None
        self._heard: list[Digit] = []
        self.sender = Sender(codec, random, telephone_event)
        self.receiver = Receiver(
            delay=playout_delay,
            noise=ComfortNoise(start=random.getrandbits(16)),
            codecs=(codec if receive is None else receive,),
            telephone_event=telephone_event,
        )

    def connect(self, address: Address) -> None:
        """Trust packets of ``address`` (numeric host, port) only."""
        self.receiver.expect(address)

    def receive(self, data: bytes, address: Address, now: float) -> Rejection | None:
        """Take one datagram; return why it was dropped, if it was."""
        return self.receiver.receive(data, address, now)

    def arrived(self, now: float) -> list[ArrivedAudio]:
        """Return what the far side said since the last call, ahead of its playout, gapless."""
        return self.receiver.arrived(now)

    @property
    def reception(self) -> Reception | None:
        """What came of the peer's present source; ``None`` before there is one."""
        return self.receiver.reception

    def transmission(self, now: float, due_at: float) -> Transmission:
        """Return what was sent so far.

        Args:
            now: Monotonic seconds.
            due_at: When the next packet is.
        """
        sender = self.sender
        timestamp = sender.timestamp + round((now - due_at) * sender.clock_rate)
        return Transmission(timestamp & 0xFFFFFFFF, sender.sent, sender.octets)

    def digits(self, now: float) -> list[Digit]:
        """Return the keys that the far side has let go of since the last call."""
        digits = self.receiver.events.digits(now)
        if self._heard:
            digits += self._heard
            self._heard = []
        return digits

    def frame(self, now: float) -> PlayedFrame:
        """Return the next 20 ms of the far side."""
        frame = self.receiver.frame(now)
        if self._tones is not None and not self.receiver.events.count:
            tones = self._tones.hear(frame.pcm, is_lost=frame.kind == "concealed")
            self._heard += [Digit(*tone) for tone in tones]
        return frame

    def next_packet(self) -> Outgoing:
        """Return the packet of this tick."""
        return self.sender.next_packet()

    def skip(self, ticks: int) -> None:
        """Let ticks pass without a packet."""
        self.sender.skip(ticks)

    def stats(self) -> StreamStats:
        """Return what happened so far."""
        receiver, packets = self.receiver, self.receiver.packets
        return StreamStats(
            received=packets.received,
            lost=packets.lost,
            late=receiver.late,
            duplicate=packets.duplicates,
            reordered=packets.reordered,
            evicted=receiver.evicted,
            rejected={reason.value: count for reason, count in receiver.rejected.items()},
            played=receiver.frames,
            concealed=receiver.concealed,
            noise=receiver.noise,
            hastened=receiver.hastened,
            delayed=receiver.delayed,
            sources=receiver.sources,
            sent=self.sender.sent,
            skipped=self.sender.skipped,
            jitter_s=receiver.jitter,
            last_arrival=receiver.last_arrival,
            overrun=receiver.overrun,
            playout_delay_s=receiver.playout_delay,
            playout_target_s=receiver.target_delay,
            digits_received=receiver.events.count + (self._tones.count if self._tones else 0),
            digits_sent=self.sender.digits.sent,
            digits_dropped=self.sender.digits.dropped + receiver.events.overflowed,
        )
