"""Counters of a session, and their frozen form for the outside."""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from transports.rtp.events import SAMPLE_RATE
from transports.rtp.sequence import timestamp_difference

__all__ = ["Deviations", "InterarrivalJitter", "StreamStats", "Totals"]

TIMESTAMP_JUMP = 0.25
"""Seconds; a transit time that changes by more is a new timeline, not jitter."""


class StreamStats(NamedTuple):
    """What happened on one stream so far. Packets unless said otherwise.

    Attributes:
        received: Accepted, duplicates excluded.
        lost: Missing between the lowest and the highest sequence number of each source.
        late: Came after their turn; not counted as lost, but concealed.
        duplicate: Came again.
        reordered: Came after a higher number, in time or late.
        evicted: Times that the oldest packets were dropped because the buffer was full.
        rejected: Datagrams dropped, by reason (:class:`transports.rtp.source.Rejection`).
        played: Frames of 20 ms handed out, of any kind.
        concealed: Frames of those made up from earlier audio.
        noise: Frames of those that were comfort noise.
        hastened: Frames left out to shorten a grown delay.
        delayed: Frames put in to lengthen a shrunken delay.
        sources: SSRCs accepted, restarts included.
        sent: Sent.
        skipped: Ticks without a packet because we were late by more than a short burst.
        jitter_s: Interarrival jitter in seconds (RFC 3550 section 6.4.1).
        last_arrival: When the last packet was accepted, in monotonic seconds; ``None`` before.
        overrun: Left out of the line ahead of playout: more audio came than there was time.
        playout_delay_s: Seconds from the arrival of the fastest packets to their turn, or ``None``.
        playout_target_s: Seconds that this is led to by the measured spread of arrivals.
        send_deviation_p50_s: Median lateness against the 20 ms deadlines, of the last packets.
        send_deviation_p99_s: Its 99th percentile.
        send_deviation_max_s: The worst so far.
        send_errors: Datagrams that the system refused to send.
        digits_received: Keys that the peer pressed.
        digits_sent: Keys that were sent to it.
        digits_dropped: Keys of either direction that came faster than anybody presses them.
        rtcp_received: Compounds of RTCP accepted.
        rtcp_rejected: Datagrams dropped on the port for RTCP.
        rtcp_sent: Compounds of RTCP sent.
        remote_lost: Packets of ours that the peer misses, so it says; ``None`` if it does not.
        remote_jitter_s: Interarrival jitter in seconds that the peer says it sees, or ``None``.
        round_trip_s: From us to the peer and back, last measured by RTCP, or ``None``.
    """

    received: int
    lost: int
    late: int
    duplicate: int
    reordered: int
    evicted: int
    rejected: Mapping[str, int]
    played: int
    concealed: int
    noise: int
    hastened: int
    delayed: int
    sources: int
    sent: int
    skipped: int
    jitter_s: float
    last_arrival: float | None
    overrun: int = 0
    playout_delay_s: float | None = None
    playout_target_s: float = 0.0
    send_deviation_p50_s: float = 0.0
    send_deviation_p99_s: float = 0.0
    send_deviation_max_s: float = 0.0
    send_errors: int = 0
    digits_received: int = 0
    digits_sent: int = 0
    digits_dropped: int = 0
    rtcp_received: int = 0
    rtcp_rejected: int = 0
    rtcp_sent: int = 0
    remote_lost: int | None = None
    remote_jitter_s: float | None = None
    round_trip_s: float | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """Counters of many streams, added up.

    Attributes:
        counts: By the name of an attribute of :class:`StreamStats`.
        rejected: Datagrams dropped, by reason.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)

    def plus(self, streams: Iterable[StreamStats]) -> "Totals":
        """Add those of further streams."""
        counts, rejected = Counter(self.counts), Counter(self.rejected)
        rows = []
        for stream in streams:
            if stream.rejected:
                rejected.update(stream.rejected)
            rows.append(_summed(stream))
        counts.update(dict(zip(SUMMED, map(sum, zip(*rows, strict=True)), strict=False)))
        return Totals(counts, rejected)


SUMMED = (
    "received",
    "lost",
    "late",
    "duplicate",
    "reordered",
    "evicted",
    "played",
    "concealed",
    "noise",
    "hastened",
    "delayed",
    "overrun",
    "sources",
    "sent",
    "skipped",
    "send_errors",
    "digits_received",
    "digits_sent",
    "digits_dropped",
    "rtcp_received",
    "rtcp_rejected",
    "rtcp_sent",
)
"""The counters of a stream whose sum means something."""

_summed = attrgetter(*SUMMED)


class InterarrivalJitter:
    """RFC 3550 appendix A.8, except that jumps of the timeline do not count.

    Attributes:
        seconds: Smoothed deviation of the packet spacing.
    """

    __slots__ = ("_arrived_at", "_timestamp", "seconds")

    def __init__(self) -> None:
        self.seconds = 0.0
        self._timestamp: int | None = None
        self._arrived_at = 0.0

    def observe(self, timestamp: int, now: float) -> None:
        """Count a packet with that RTP timestamp that arrived at ``now`` (seconds)."""
        if self._timestamp is not None:
            sent = timestamp_difference(timestamp, self._timestamp) / SAMPLE_RATE
            change = abs(now - self._arrived_at - sent)
            if change < TIMESTAMP_JUMP:
                self.seconds += (change - self.seconds) / 16
        self._timestamp, self._arrived_at = timestamp, now


class Deviations:
    """The last so many deviations from a deadline, in seconds.

    Attributes:
        count: Deviations ever added.
        worst: The largest ever added.
    """

    __slots__ = ("_ring", "_size", "count", "worst")

    def __init__(self, capacity: int) -> None:
        self.count = 0
        self.worst = 0.0
        self._size = capacity
        self._ring = array("d", bytes(8 * capacity))

    def add(self, seconds: float) -> None:
        """Add one, in place of the oldest."""
        self._ring[self.count % self._size] = seconds
        self.count += 1
        if seconds > self.worst:  # noqa: PLR1730  max() costs as much as the rest
            self.worst = seconds

    def since(self, count: int) -> list[float]:
        """Return those that were added after the first ``count``, as far as remembered."""
        size = self._size
        first = max(count, self.count - size)
        return [self._ring[number % size] for number in range(first, self.count)]

    def percentile(self, percent: float) -> float:
        """Return the value that ``percent`` of the remembered ones do not exceed; 0 if none."""
        return self.percentiles(percent)[0]

    def percentiles(self, *percents: float) -> list[float]:
        """Return several of them at once."""
        size = min(self.count, self._size)
        if not size:
            return [0.0] * len(percents)
        places = [min(int(size * percent / 100), size - 1) for percent in percents]
        parted: list[float] = np.partition(np.frombuffer(self._ring, count=size), places)[
            places
        ].tolist()
        return parted
