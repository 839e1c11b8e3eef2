"""One direction of a call's audio, packet by packet: what was on the wire when. Pure."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from transports.audio.codec import LAW_OF_PAYLOAD_TYPE, LAWS, Codec
from transports.rtp.packet import RtpPacket

__all__ = ["Gaps", "Track", "TrackPacket", "level_dbfs"]

SAMPLE_RATE_HZ: Final = 8000
FULL_SCALE: Final = 32768.0

SPEECH_DBFS: Final = -45.0
"""Level of a 20 ms packet from which it counts as speech. Precedents: telephone speech lies around
-20 dBFS, its quiet sounds at -40; comfort noise and the idle noise of A-law below -55."""

QUIETEST_DBFS: Final = -96.0

REALIGN_SECONDS: Final = 0.5
"""A timestamp that disagrees with the arrival by more begins anew at the arrival."""

_SQUARES: Final[dict[Codec, NDArray[np.float64]]] = {
    codec: np.square(np.frombuffer(codec.decode(bytes(range(256))), "<i2").astype(np.float64))
    for codec in LAWS
}


def level_dbfs(pcm: bytes) -> float:
    """Return the root mean square of 16-bit samples in dB of full scale, at least -96."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    return _decibels(float(np.mean(np.square(samples)))) if len(samples) else QUIETEST_DBFS


@dataclass(frozen=True, slots=True)
class TrackPacket:
    """One packet and when it was on the wire.

    Attributes:
        at: Seconds on the loop's clock.
        sequence_number: 16 bits, as sent.
        timestamp: 32 bits, in samples, as sent.
        payload_type: 0..127.
        ssrc: The source.
        marker: First packet of a talkspurt, as the sender says.
        payload: As sent; a byte per sample in G.711.
        level_dbfs: Of the decoded audio; None where it is no audio we know.
    """

    at: float
    sequence_number: int
    timestamp: int
    payload_type: int
    ssrc: int
    marker: bool
    payload: bytes
    level_dbfs: float | None

    @property
    def is_speech(self) -> bool:
        """Loud enough to count as speech."""
        return self.level_dbfs is not None and self.level_dbfs > SPEECH_DBFS


@dataclass(frozen=True, slots=True)
class Gaps:
    """How evenly audio packets came: time between two, minus the audio that lies between them.

    Attributes:
        packets: Audio packets.
        lost: Sequence numbers that never came.
        p50: Median of the deviation from the even pace, seconds, without sign.
        p95: Its 95th percentile.
        p99: Its 99th percentile.
        longest: The longest time without a packet, seconds.
    """

    packets: int
    lost: int
    p50: float
    p95: float
    p99: float
    longest: float


class Track:
    """The packets of one direction in the order of the wire, none left out."""

    def __init__(self) -> None:
        self.packets: list[TrackPacket] = []
        self._speech: list[TrackPacket] = []

    def add(self, packet: RtpPacket, now: float) -> TrackPacket:
        """Record a packet that was on the wire at `now`, and return the record."""
        codec = LAW_OF_PAYLOAD_TYPE.get(packet.payload_type)
        level = None
        if codec and packet.payload:
            squares = _SQUARES[codec][np.frombuffer(packet.payload, np.uint8)]
            level = _decibels(float(squares.mean()))
        recorded = TrackPacket(
            now,
            packet.sequence_number,
            packet.timestamp,
            packet.payload_type,
            packet.ssrc,
            packet.marker,
            packet.payload,
            level,
        )
        self.packets.append(recorded)
        if recorded.is_speech:
            self._speech.append(recorded)
        return recorded

    def first_speech_after(self, time: float) -> float | None:
        """Return when the first speech packet at or after `time` was on the wire."""
        found = None
        for packet in reversed(self._speech):
            if packet.at < time:
                break
            found = packet.at
        return found

    def last_speech_before(self, time: float = math.inf) -> float | None:
        """Return when the last speech packet before `time` was on the wire."""
        return next((packet.at for packet in reversed(self._speech) if packet.at < time), None)

    def talkspurts(self, *, pause: float = 0.2) -> list[tuple[float, float]]:
        """Return when speech began and ended, as times of first and last packets.

        Args:
            pause: Seconds of quiet that separate two talkspurts.
        """
        spurts: list[tuple[float, float]] = []
        for packet in self._speech:
            if spurts and packet.at - spurts[-1][1] <= pause:
                spurts[-1] = (spurts[-1][0], packet.at)
            else:
                spurts.append((packet.at, packet.at))
        return spurts

    def gaps(self, *, since: float = -math.inf) -> Gaps:
        """Return how evenly the audio packets from `since` on came."""
        audio = [p for p in self.packets if p.level_dbfs is not None and p.at >= since]
        waits, deviations = [], []
        for before, packet in pairwise(audio):
            waits.append(packet.at - before.at)
            if packet.ssrc == before.ssrc:
                audio_seconds = _signed(packet.timestamp - before.timestamp, 32) / SAMPLE_RATE_HZ
                deviations.append(abs(waits[-1] - audio_seconds))
        quantiles = np.quantile(deviations, [0.5, 0.95, 0.99]) if deviations else [0.0, 0.0, 0.0]
        p50, p95, p99 = (float(value) for value in quantiles)
        return Gaps(len(audio), _lost(audio), p50, p95, p99, max(waits, default=0.0))

    def pcm(self, *, start: float | None = None) -> bytes:
        """Return the audio as an ideal listener hears it: by timestamps, holes silent.

        Args:
            start: Time of the first sample; the first packet's when absent.

        Returns:
            16-bit little-endian mono at 8 kHz.
        """
        placed = list(_placed(self.packets, start))
        if not placed:
            return b""
        samples = np.zeros(max(at + len(pcm) // 2 for at, pcm in placed), "<i2")
        for at, pcm in placed:
            samples[at : at + len(pcm) // 2] = np.frombuffer(pcm, "<i2")
        return samples.tobytes()


def _placed(packets: Sequence[TrackPacket], start: float | None) -> Iterator[tuple[int, bytes]]:
    """Return the first sample and the audio of each packet that begins at or after `start`."""
    anchor: TrackPacket | None = None
    position = 0
    for packet in packets:
        codec = LAW_OF_PAYLOAD_TYPE.get(packet.payload_type)
        if codec is None:
            continue
        start = packet.at if start is None else start
        by_arrival = round((packet.at - start) * SAMPLE_RATE_HZ)
        ahead = _signed(packet.timestamp - anchor.timestamp, 32) if anchor else 0
        drift = abs(position + ahead - by_arrival) / SAMPLE_RATE_HZ
        if anchor is None or packet.ssrc != anchor.ssrc or drift > REALIGN_SECONDS:
            anchor, position, ahead = packet, by_arrival, 0
        if position + ahead >= 0:
            yield position + ahead, codec.decode(packet.payload)


def _lost(audio: Sequence[TrackPacket]) -> int:
    """Return how many sequence numbers are missing, each source for itself."""
    seen: dict[int, set[int]] = {}
    highest: dict[int, int] = {}
    for packet in audio:
        last = highest.get(packet.ssrc, packet.sequence_number)
        number = last + _signed(packet.sequence_number - last, 16)
        seen.setdefault(packet.ssrc, set()).add(number)
        highest[packet.ssrc] = max(last, number)
    return sum(max(numbers) - min(numbers) + 1 - len(numbers) for numbers in seen.values())


def _signed(difference: int, bits: int) -> int:
    half = 1 << (bits - 1)
    return (difference + half) % (1 << bits) - half


def _decibels(mean_square: float) -> float:
    if mean_square <= 0:
        return QUIETEST_DBFS
    return max(10 * math.log10(mean_square / FULL_SCALE**2), QUIETEST_DBFS)
