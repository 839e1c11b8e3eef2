"""What Prometheus scrapes."""

from prometheus_client import CollectorRegistry

from voiceai.calls.events import CallEnded, CallStarted, TurnAnswered, TurnSpoken
from voiceai.calls.outcome import EndReason
from voiceai.telemetry.latency import TurnLatency
from voiceai.telemetry.metrics import CallMetrics


def test_a_call_is_up_until_it_ends_and_then_counted_by_its_reason() -> None:
    registry = CollectorRegistry()
    metrics = CallMetrics(registry)

    metrics(CallStarted("a", "1", "2"))
    metrics(CallStarted("b", "1", "2"))
    metrics(CallEnded("a", EndReason.CALLER_HUNG_UP, 1.0))

    assert registry.get_sample_value("voiceai_calls") == 1
    labels = {"reason": "caller_hung_up"}
    assert registry.get_sample_value("voiceai_calls_ended_total", labels) == 1


def test_latency_is_exported_in_seconds_by_part() -> None:
    registry = CollectorRegistry()

    CallMetrics(registry)(TurnAnswered("a", TurnLatency(400, 200, 100, 10, 20, 30, 40)))

    sums = {
        part: registry.get_sample_value("voiceai_turn_latency_seconds_sum", {"part": part})
        for part in ("total", "stt")
    }
    assert sums == {"total": 0.4, "stt": 0.1}


def test_an_interrupted_answer_counts_as_a_turn_and_as_an_interruption() -> None:
    registry = CollectorRegistry()
    metrics = CallMetrics(registry)

    metrics(TurnSpoken("a", 1, "assistant", "We are", interrupted=True))
    metrics(TurnSpoken("a", 2, "caller", "Stop", interrupted=False))

    assert registry.get_sample_value("voiceai_turns_total", {"role": "assistant"}) == 1
    assert registry.get_sample_value("voiceai_interruptions_total") == 1


def test_a_gauge_is_read_when_it_is_scraped() -> None:
    registry = CollectorRegistry()
    waiting = [1.0]
    CallMetrics(registry).gauge("records_waiting", "Records", lambda: waiting[0])

    waiting[0] = 5.0

    assert registry.get_sample_value("voiceai_records_waiting") == 5
