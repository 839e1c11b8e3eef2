"""What Prometheus scrapes of the media: sums over all calls, and the spread of those that are up.

No figure has a label per call, and no counter ever goes down. All are read when they are scraped.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from transports.audio.barge_in import BargeInTally
from transports.media import MediaEngine
from transports.rtp.source import Rejection
from transports.rtp.stats import Deviations, StreamStats

__all__ = ["MediaMetrics"]

COUNTERS: Final = {
    "rtp_packets_received": ("received", "RTP packets of accepted sources, duplicates excluded"),
    "rtp_packets_lost": ("lost", "RTP packets that never came"),
    "rtp_packets_late": ("late", "RTP packets that came after their playout time: discarded"),
    "rtp_packets_duplicate": ("duplicate", "RTP packets that came again: discarded"),
    "rtp_packets_reordered": ("reordered", "RTP packets that came after a later one"),
    "rtp_packets_evicted": ("evicted", "RTP packets discarded because the jitter buffer was full"),
    "rtp_sources": ("sources", "SSRCs accepted, restarts of a source included"),
    "rtp_packets_sent": ("sent", "RTP packets sent"),
    "rtp_packets_skipped": ("skipped", "Packet times let pass unsent, since the clock was late"),
    "rtp_send_errors": ("send_errors", "RTP packets that the operating system refused to send"),
    "playout_frames": ("played", "Frames of 20 ms played out, of any kind"),
    "playout_frames_concealed": ("concealed", "Frames made up by packet loss concealment"),
    "playout_frames_comfort_noise": ("noise", "Frames of comfort noise: nothing was to be played"),
    "playout_frames_removed": ("hastened", "Frames left out to shorten the playout delay"),
    "playout_frames_inserted": ("delayed", "Frames put in to lengthen the playout delay"),
    "playout_samples_overrun": ("overrun", "Samples left out of the line ahead of playout"),
    "dtmf_received": ("digits_received", "DTMF digits received"),
    "dtmf_sent": ("digits_sent", "DTMF digits sent"),
    "dtmf_dropped": ("digits_dropped", "DTMF digits dropped: nobody presses keys that fast"),
    "rtcp_packets_received": ("rtcp_received", "RTCP compound packets accepted"),
    "rtcp_packets_rejected": ("rtcp_rejected", "RTCP datagrams refused"),
    "rtcp_packets_sent": ("rtcp_sent", "RTCP compound packets sent"),
}
"""Name -> counter of a stream, and its description."""

SPREADS: Final = {
    "rtp_jitter_seconds": ("jitter_s", "Interarrival jitter (RFC 3550) of what we receive"),
    "rtp_remote_jitter_seconds": (
        "remote_jitter_s",
        "Interarrival jitter of what we send, as RTCP says",
    ),
    "rtp_round_trip_seconds": ("round_trip_s", "Round-trip time, as RTCP says"),
    "rtp_send_deviation_seconds": (
        "send_deviation_p99_s",
        "How late packets leave: the 99th percentile of each stream's last ten seconds",
    ),
    "playout_delay_seconds": ("playout_delay_s", "Playout delay: from arrival to playout"),
    "playout_target_seconds": ("playout_target_s", "Target of the adaptive playout delay"),
}
"""Name -> figure of a stream that is up, which it may not know, and its description."""

BARGE_IN: Final = {
    "ducks": "Times that the assistant was lowered since the caller seemed to speak",
    "holds": "Times that the assistant was held until it was known whether it was interrupted",
    "resumed": "False alarms: holds after which the assistant went on from the same sample",
    "interruptions": "Confirmed interruptions of an assistant that was speaking or held",
    "echoes": "Windows of speech that were the assistant's own voice: no interruption",
}

LATENESS_SECONDS: Final = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.003, 0.005),
    *(0.0075, 0.01, 0.015, 0.02, 0.04, 0.1, 0.5),
)
"""A packet is due every 20 ms, and what is decided within 10 ms before is in it."""


class MediaMetrics(Collector):
    """Reads what the media counts, when it is scraped.

    Args:
        registry: Where it is registered.
        engine: All calls' media.
        barge_in: All calls' speech against the assistant.
    """

    def __init__(
        self, registry: CollectorRegistry, engine: MediaEngine, barge_in: BargeInTally
    ) -> None:
        self._engine = engine
        self._barge_in = barge_in
        self._counted: dict[str, int] = {}
        self._lateness = _Histogram(LATENESS_SECONDS)
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Return the figures as they are now (called by the registry)."""
        engine = self._engine
        streams = [stream.stats for stream in engine.streams]
        yield GaugeMetricFamily("voiceai_rtp_streams", "Open media streams", len(streams))
        yield from self._counters()
        for name, (field, text) in SPREADS.items():
            yield _spread(f"voiceai_{name}", text, field, streams)
        for what, text in BARGE_IN.items():
            count = getattr(self._barge_in, what)
            yield CounterMetricFamily(f"voiceai_barge_in_{what}", text, count)
        self._lateness.take(engine.lateness)
        yield HistogramMetricFamily(
            "voiceai_media_tick_lateness_seconds",
            "How late the media clock's ticks came, of which each sends every stream's packet",
            buckets=self._lateness.buckets(),
            sum_value=self._lateness.sum,
        )
        restarts = "Times that the media process ended by itself and was started again"
        yield CounterMetricFamily("voiceai_media_restarts", restarts, engine.restarts)
        up = float(engine.problem is None)
        yield GaugeMetricFamily("voiceai_media_up", "Whether streams can be opened", up)
        scheduling = {"scheduling": engine.scheduling}
        yield InfoMetricFamily("voiceai_media", "Scheduling class of the media clock", scheduling)

    def _counters(self) -> Iterator[CounterMetricFamily]:
        totals = self._engine.totals
        for name, (field, text) in COUNTERS.items():
            count = self._highest(field, totals.counts.get(field, 0))
            yield CounterMetricFamily(f"voiceai_{name}", text, count)
        rejected = CounterMetricFamily(
            "voiceai_rtp_rejected", "Datagrams refused on an RTP port", labels=["reason"]
        )
        for reason in Rejection:
            rejected.add_metric([reason.value], totals.rejected.get(reason.value, 0))
        yield rejected

    def _highest(self, name: str, count: int) -> int:
        """Return a count that never goes down: what was lost may still come, late."""
        self._counted[name] = max(self._counted.get(name, 0), count)
        return self._counted[name]


class _Histogram:
    """Adds up what :class:`Deviations` remember for a while.

    Args:
        bounds: Upper ends of the buckets, rising.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        self.sum = 0.0
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._taken = 0

    def take(self, deviations: Deviations) -> None:
        """Add those that have come since the last time; what is forgotten by now is left out."""
        values = deviations.since(self._taken)
        self._taken = deviations.count
        self.sum += sum(values)
        for value in values:
            self._counts[bisect_left(self._bounds, value)] += 1

    def buckets(self) -> list[tuple[str, float]]:
        """Return the upper end of each, and how many were not above it."""
        total = 0
        buckets = []
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            total += count
            buckets.append((_bound_text(bound), float(total)))
        return buckets


def _bound_text(bound: float) -> str:
    return "+Inf" if bound == float("inf") else repr(bound)


def _spread(name: str, text: str, field: str, streams: Iterable[StreamStats]) -> GaugeMetricFamily:
    """Return the mean and the worst of the streams that know the figure; nothing if none does."""
    values = [value for stats in streams if (value := getattr(stats, field)) is not None]
    family = GaugeMetricFamily(name, f"{text}: over the open streams", labels=["over"])
    if values:
        family.add_metric(["mean"], sum(values) / len(values))
        family.add_metric(["max"], max(values))
    return family
