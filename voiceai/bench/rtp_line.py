"""The audio socket of the bench telephone: one packet every 20 ms, all that passes is recorded.

Sending follows absolute deadlines of the loop's clock, so a late timer delays one packet and not
the rest. Without anything to play the line sends a low noise, as a telephone in a room does.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Self, cast

import numpy as np

from transports.audio.codec import Codec
from transports.errors import PacketError
from transports.rtp.packet import RtpPacket
from voiceai.bench.dtmf_event import digit_payloads
from voiceai.bench.errors import CallOver
from voiceai.bench.track import Track

__all__ = ["Impairment", "Played", "RtpLine"]

SLOT_SECONDS: Final = 0.02
SLOT_SAMPLES: Final = 160
NOISE_SLOTS: Final = 50

Impairment = Callable[[bytes, float], Iterable[tuple[float, bytes]]]
"""What a bad network makes of a datagram sent at a time: delays in seconds, and datagrams."""


@dataclass(frozen=True, slots=True)
class Played:
    """When something was on the wire, in seconds on the loop's clock.

    Attributes:
        started_at: The first packet.
        ended_at: The last packet.
        speech_started_at: The first packet that is loud enough to be speech; None without any.
        speech_ended_at: The last such packet.
        packets: How many were sent.
        is_complete: False when the line closed before the end.
    """

    started_at: float
    ended_at: float
    speech_started_at: float | None
    speech_ended_at: float | None
    packets: int
    is_complete: bool


@dataclass(frozen=True, slots=True)
class _Slot:
    payload: bytes
    payload_type: int
    age: int = 0
    copies: int = 1
    marker: bool = False


class _Clip:
    """Something that plays: what is left of it, and a promise of its end."""

    def __init__(self, slots: Iterable[_Slot]) -> None:
        self.slots = deque(slots)
        self.started_at = self.ended_at = 0.0
        self.speech: list[float] = []
        self.packets = 0
        self.played: asyncio.Future[Played] = asyncio.get_running_loop().create_future()

    def note(self, now: float, *, is_speech: bool) -> None:
        self.started_at = self.started_at if self.packets else now
        self.ended_at = now
        self.packets += 1
        if is_speech:
            self.speech.append(now)

    def finish(self, *, is_complete: bool) -> None:
        if not self.played.done():
            first, last = (self.speech[0], self.speech[-1]) if self.speech else (None, None)
            self.played.set_result(
                Played(self.started_at, self.ended_at, first, last, self.packets, is_complete)
            )


class RtpLine(asyncio.DatagramProtocol):
    """One end of an RTP stream; nothing is sent before `connect`.

    Attributes:
        host: Our numeric address.
        port: Our port.
        heard: What arrived.
        spoken: What we sent, before an impairment had its way with it.
        impairment: What a bad network does to what we send; None for a good one.
        rejected: Datagrams that were no RTP.
        late_seconds: The most that a packet went out behind its deadline.
    """

    def __init__(self, *, noise_dbfs: float | None) -> None:
        self.host, self.port = "", 0
        self.heard, self.spoken = Track(), Track()
        self.impairment: Impairment | None = None
        self.rejected = 0
        self.late_seconds = 0.0
        self._loop = asyncio.get_running_loop()
        self._noise_dbfs = noise_dbfs
        self._transport: asyncio.DatagramTransport | None = None
        self._remote: tuple[str, int] | None = None
        self._codec = Codec.ALAW
        self._event_payload_type: int | None = None
        self._noise: list[bytes] = []
        self._clips: deque[_Clip] = deque()
        self._timer: asyncio.Handle | None = None
        self._deadline = 0.0
        self._is_sending = True
        self._sequence_number = secrets.randbits(15)
        self._timestamp = secrets.randbits(31)
        self._ssrc = secrets.randbits(32)
        self._arrival: asyncio.Future[None] = self._loop.create_future()

    @classmethod
    async def open(cls, host: str, *, noise_dbfs: float | None = -65.0) -> Self:
        """Open a socket on any free port.

        Args:
            host: Numeric address of this machine.
            noise_dbfs: Level of the noise between what is played; None for digital silence.
        """
        line = cls(noise_dbfs=noise_dbfs)
        await line._loop.create_datagram_endpoint(lambda: line, local_addr=(host, 0))
        return line

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the port (called by asyncio)."""
        self._transport = cast("asyncio.DatagramTransport", transport)
        self.host, self.port = self._transport.get_extra_info("sockname")[:2]

    def datagram_received(self, data: bytes, _: tuple[str | Any, int]) -> None:
        """Record a packet (called by asyncio)."""
        try:
            self.heard.add(RtpPacket.parse(data), self._loop.time())
        except PacketError:
            self.rejected += 1
            return
        arrival, self._arrival = self._arrival, self._loop.create_future()
        if not arrival.done():
            arrival.set_result(None)

    def error_received(self, _: Exception) -> None:
        """Ignore that nobody listens there, as a telephone does (called by asyncio)."""

    @property
    def is_connected(self) -> bool:
        """There is somewhere to send to."""
        return self._remote is not None

    @property
    def event_payload_type(self) -> int | None:
        """Payload type of RFC 4733 events; None when they were not agreed on."""
        return self._event_payload_type

    def connect(
        self, remote: tuple[str, int], codec: Codec, event_payload_type: int | None = None
    ) -> None:
        """Send to this address in this form from now on; may be called again in a call."""
        if codec is not self._codec or not self._noise:
            self._codec = codec
            self._noise = [codec.encode(pcm) for pcm in _noise(self._noise_dbfs)]
        self._remote, self._event_payload_type = remote, event_payload_type
        if self._timer is None and self._transport:
            self._deadline = self._loop.time()
            self._timer = self._loop.call_soon(self._tick)

    def stop_sending(self) -> None:
        """Send nothing any more; what plays goes on unheard."""
        self._is_sending = False

    def resume_sending(self) -> None:
        """Send again after `stop_sending`."""
        self._is_sending = True

    async def play(self, pcm: bytes) -> Played:
        """Send audio behind what plays already; returns when its last packet was sent.

        Args:
            pcm: 16-bit little-endian mono at 8 kHz; the last packet is filled up with silence.
        """
        size = 2 * SLOT_SAMPLES
        padded = pcm + bytes(-len(pcm) % size)
        payload = self._codec.encode(padded)
        payload_type = self._codec.payload_type
        starts = range(0, len(payload), SLOT_SAMPLES)
        slots = [
            _Slot(payload[at : at + SLOT_SAMPLES], payload_type, marker=at == 0) for at in starts
        ]
        return await self._send(slots)

    async def press(self, digits: str, *, hold: float = 0.1, pause: float = 0.1) -> Played:
        """Press keys one after the other (RFC 4733); returns when the last was let go.

        Args:
            digits: Of `0-9*#A-D`.
            hold: Seconds each is held.
            pause: Seconds between two.

        Raises:
            ValueError: A digit is none, or the other side did not agree on events.
        """
        event = self._event_payload_type
        if event is None:
            raise ValueError("the other side does not take digits as RTP events")
        slots: list[_Slot] = []
        for digit in digits:
            if slots:
                silences = round(pause / SLOT_SECONDS)
                slots += [
                    _Slot(noise, self._codec.payload_type) for noise in self._noise[:silences]
                ]
            slots += [
                _Slot(part.payload, event, part.age, part.copies, marker=part.age == 0)
                for part in digit_payloads(digit, slots=max(round(hold / SLOT_SECONDS), 2))
            ]
        return await self._send(slots)

    async def wait_for_speech(self, within: float, *, after: float | None = None) -> float:
        """Return when the first speech packet arrived.

        Args:
            within: Seconds to wait from now on.
            after: Speech before this time does not count; now when absent.

        Raises:
            TimeoutError: There was none.
            CallOver: The line closed first.
        """
        begun = self._loop.time()
        since = begun if after is None else after
        while (heard := self.heard.first_speech_after(since)) is None:
            if self._loop.time() >= begun + within:
                raise TimeoutError(f"no speech in {within} s; {self._summary(since)}")
            await self._arrival_until(begun + within, "speech")
        return heard

    async def wait_for_silence(self, seconds: float, within: float) -> float:
        """Return when the last speech packet arrived, once that is `seconds` ago.

        Raises:
            TimeoutError: It was not quiet for so long, or nothing was said at all.
            CallOver: The line closed first.
        """
        limit = self._loop.time() + within
        while True:
            now, heard = self._loop.time(), self.heard.last_speech_before()
            if heard is not None and now - heard >= seconds:
                return heard
            if now >= limit:
                raise TimeoutError(f"not quiet for {seconds} s in {within} s; {self._summary(0)}")
            quiet_at = limit if heard is None else min(heard + seconds, limit)
            await self._arrival_until(quiet_at, "silence")

    def close(self) -> None:
        """Stop sending and give the port back; what plays ends incomplete. Idempotent."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        while self._clips:
            self._clips.popleft().finish(is_complete=False)
        if self._transport:
            self._transport.close()
            self._transport = None
        if not self._arrival.done():
            self._arrival.set_result(None)

    async def _arrival_until(self, until: float, wanted: str) -> None:
        """Return at the next packet, or at this time of the loop's clock when none comes."""
        if self._transport is None:
            raise CallOver(f"the line closed while waiting for {wanted}")
        remaining = until - self._loop.time()
        if remaining > 0:
            await asyncio.wait([self._arrival], timeout=remaining)

    def _summary(self, since: float) -> str:
        levels = [p.level_dbfs for p in self.heard.packets if p.at >= since and p.level_dbfs]
        loudest = f"the loudest at {max(levels):.0f} dBFS" if levels else "none of them audio"
        return f"{len(levels)} packets came, {loudest}"

    async def _send(self, slots: Iterable[_Slot]) -> Played:
        clip = _Clip(slots)
        if self._transport is None or not clip.slots:
            clip.finish(is_complete=not clip.slots)
        else:
            self._clips.append(clip)
        try:
            return await clip.played
        finally:
            if clip in self._clips:
                self._clips.remove(clip)

    def _tick(self) -> None:
        now = self._loop.time()
        self.late_seconds = max(self.late_seconds, now - self._deadline)
        slot, clip = self._next_slot()
        recorded = [self._emit(slot, now) for _ in range(slot.copies)]
        if clip:
            clip.note(now, is_speech=any(recorded))
            if not clip.slots:
                self._clips.remove(clip)
                clip.finish(is_complete=True)
        self._timestamp = (self._timestamp + SLOT_SAMPLES) % (1 << 32)
        self._deadline += SLOT_SECONDS
        self._timer = self._loop.call_at(self._deadline, self._tick)

    def _next_slot(self) -> tuple[_Slot, _Clip | None]:
        if self._clips:
            return self._clips[0].slots.popleft(), self._clips[0]
        return self._quiet_slot(), None

    def _quiet_slot(self) -> _Slot:
        return _Slot(secrets.choice(self._noise), self._codec.payload_type)

    def _emit(self, slot: _Slot, now: float) -> bool:
        """Send one packet, and return whether it is speech."""
        packet = RtpPacket(
            slot.payload_type,
            self._sequence_number,
            (self._timestamp - slot.age) % (1 << 32),
            self._ssrc,
            slot.payload,
            marker=slot.marker,
        )
        if not self._is_sending or self._remote is None:
            return False
        self._sequence_number = (self._sequence_number + 1) % (1 << 16)
        recorded = self.spoken.add(packet, now)
        datagram = packet.serialize()
        for delay, changed in (
            self.impairment(datagram, now) if self.impairment else [(0, datagram)]
        ):
            if delay > 0:
                self._loop.call_later(delay, self._put, changed)
            else:
                self._put(changed)
        return recorded.is_speech

    def _put(self, datagram: bytes) -> None:
        if self._transport and self._remote:
            self._transport.sendto(datagram, self._remote)


def _noise(level: float | None) -> list[bytes]:
    """Return some different slots of white noise, 16-bit samples; one of silence for None."""
    if level is None:
        return [bytes(2 * SLOT_SAMPLES)]
    generator = np.random.default_rng(20)
    scale = 32768 * 10 ** (level / 20)
    samples = generator.normal(0, scale, (NOISE_SLOTS, SLOT_SAMPLES)).astype("<i2")
    return [slot.tobytes() for slot in samples]
