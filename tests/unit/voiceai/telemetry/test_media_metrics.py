"""What Prometheus scrapes of the media: names, types, and counters that never go down."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import pytest
from prometheus_client import CollectorRegistry

from transports.audio.barge_in import BargeInTally
from transports.media import MediaEngine
from transports.process.stream import NO_STATS
from transports.rtp.source import Rejection
from transports.rtp.stats import Deviations, StreamStats, Totals
from voiceai.telemetry.media_metrics import MediaMetrics

TYPES = {
    "voiceai_barge_in_ducks": "counter",
    "voiceai_barge_in_echoes": "counter",
    "voiceai_barge_in_holds": "counter",
    "voiceai_barge_in_interruptions": "counter",
    "voiceai_barge_in_resumed": "counter",
    "voiceai_dtmf_dropped": "counter",
    "voiceai_dtmf_received": "counter",
    "voiceai_dtmf_sent": "counter",
    "voiceai_media": "info",
    "voiceai_media_restarts": "counter",
    "voiceai_media_tick_lateness_seconds": "histogram",
    "voiceai_media_up": "gauge",
    "voiceai_playout_delay_seconds": "gauge",
    "voiceai_playout_frames": "counter",
    "voiceai_playout_frames_comfort_noise": "counter",
    "voiceai_playout_frames_concealed": "counter",
    "voiceai_playout_frames_inserted": "counter",
    "voiceai_playout_frames_removed": "counter",
    "voiceai_playout_samples_overrun": "counter",
    "voiceai_playout_target_seconds": "gauge",
    "voiceai_rtcp_packets_received": "counter",
    "voiceai_rtcp_packets_rejected": "counter",
    "voiceai_rtcp_packets_sent": "counter",
    "voiceai_rtp_jitter_seconds": "gauge",
    "voiceai_rtp_packets_duplicate": "counter",
    "voiceai_rtp_packets_evicted": "counter",
    "voiceai_rtp_packets_late": "counter",
    "voiceai_rtp_packets_lost": "counter",
    "voiceai_rtp_packets_received": "counter",
    "voiceai_rtp_packets_reordered": "counter",
    "voiceai_rtp_packets_sent": "counter",
    "voiceai_rtp_packets_skipped": "counter",
    "voiceai_rtp_rejected": "counter",
    "voiceai_rtp_remote_jitter_seconds": "gauge",
    "voiceai_rtp_round_trip_seconds": "gauge",
    "voiceai_rtp_send_deviation_seconds": "gauge",
    "voiceai_rtp_send_errors": "counter",
    "voiceai_rtp_sources": "counter",
    "voiceai_rtp_streams": "gauge",
}
"""Dashboards are built on these: a change here breaks them."""


class Engine:
    """As far as it is measured."""

    def __init__(self) -> None:
        self.stats: list[StreamStats] = []
        self.ended = Totals()
        self.lateness = Deviations(100)
        self.scheduling = "SCHED_FIFO 20"
        self.restarts = 0
        self.problem: str | None = None

    @property
    def streams(self) -> Sequence[SimpleNamespace]:
        return [SimpleNamespace(stats=stats) for stats in self.stats]

    @property
    def totals(self) -> Totals:
        return self.ended.plus(self.stats)


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def tally() -> BargeInTally:
    return BargeInTally()


@pytest.fixture
def registry(engine: Engine, tally: BargeInTally) -> CollectorRegistry:
    registry = CollectorRegistry()
    MediaMetrics(registry, cast("MediaEngine", engine), tally)
    return registry


def stats(**counts: object) -> StreamStats:
    return NO_STATS._replace(**counts)  # type: ignore[arg-type]


def test_every_metric_has_its_name_and_type_and_says_what_it_is(
    registry: CollectorRegistry,
) -> None:
    metrics = list(registry.collect())

    assert {metric.name: metric.type for metric in metrics} == TYPES
    assert all(len(metric.documentation) > 10 for metric in metrics)


def test_no_metric_has_a_label_per_call(registry: CollectorRegistry, engine: Engine) -> None:
    def series() -> int:
        return sum(len(metric.samples) for metric in registry.collect())

    engine.stats = [stats(playout_delay_s=0.03, remote_jitter_s=0.0, round_trip_s=0.1)]
    of_one_call = series()
    engine.stats *= 50

    assert series() == of_one_call


def test_a_packet_that_is_lost_at_first_and_comes_late_takes_nothing_back(
    registry: CollectorRegistry, engine: Engine
) -> None:
    engine.stats = [stats(lost=5)]
    seen = [registry.get_sample_value("voiceai_rtp_packets_lost_total")]

    for lost in (4, 7):
        engine.stats = [stats(lost=lost)]
        seen.append(registry.get_sample_value("voiceai_rtp_packets_lost_total"))

    assert seen == [5, 5, 7]


def test_every_reason_to_refuse_a_datagram_is_there_before_it_happens(
    registry: CollectorRegistry, engine: Engine
) -> None:
    engine.stats = [stats(rejected={"address": 3})]

    counts = {
        reason.value: registry.get_sample_value(
            "voiceai_rtp_rejected_total", {"reason": reason.value}
        )
        for reason in Rejection
    }

    assert counts == dict.fromkeys(map(str, Rejection), 0) | {"address": 3}


def test_what_differs_between_streams_is_told_as_their_mean_and_worst(
    registry: CollectorRegistry, engine: Engine
) -> None:
    engine.stats = [
        stats(jitter_s=0.001, round_trip_s=0.05),
        stats(jitter_s=0.003, round_trip_s=None),
    ]

    def over(name: str) -> list[float | None]:
        name = f"voiceai_{name}_seconds"
        return [registry.get_sample_value(name, {"over": over}) for over in ("mean", "max")]

    assert over("rtp_jitter") == [0.002, 0.003]
    assert over("rtp_round_trip") == [0.05, 0.05]
    assert over("playout_delay") == [None, None]


def test_lateness_is_counted_once_however_often_it_is_scraped(
    registry: CollectorRegistry, engine: Engine
) -> None:
    engine.lateness.add(0.0004)
    engine.lateness.add(0.0041)

    def counts() -> list[float | None]:
        name = "voiceai_media_tick_lateness_seconds"
        below = [registry.get_sample_value(f"{name}_bucket", {"le": le}) for le in ("0.003", "0.5")]
        return [*below, registry.get_sample_value(f"{name}_count")]

    before = counts()
    engine.lateness.add(0.7)

    assert (before, counts()) == ([1, 2, 2], [1, 2, 3])
    total = registry.get_sample_value("voiceai_media_tick_lateness_seconds_sum")
    assert total == pytest.approx(0.7045)


def test_the_media_process_tells_how_it_is(registry: CollectorRegistry, engine: Engine) -> None:
    engine.restarts, engine.problem = 2, "it has ended"

    labels = {"scheduling": "SCHED_FIFO 20"}
    assert registry.get_sample_value("voiceai_media_info", labels) == 1
    assert registry.get_sample_value("voiceai_media_restarts_total") == 2
    assert registry.get_sample_value("voiceai_media_up") == 0


def test_barge_ins_are_read_when_they_are_scraped(
    registry: CollectorRegistry, tally: BargeInTally
) -> None:
    tally.resumed += 3

    assert registry.get_sample_value("voiceai_barge_in_resumed_total") == 3
