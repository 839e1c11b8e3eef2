"""What Prometheus scrapes; every name begins with ``voiceai_``."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from voiceai.calls.events import (
    CallAnswered,
    CallEnded,
    CallEvent,
    CallStarted,
    GreetingStarted,
    ServiceFailed,
    TurnAnswered,
    TurnSpoken,
)

LATENCY_SECONDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0)
SETUP_SECONDS = (0.02, 0.04, 0.06, 0.08, 0.1, 0.2, 0.5, 1.0, 2.0)


class CallMetrics:
    """Counts what happens in calls; give it to the supervisor as a watcher."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._calls = Gauge("voiceai_calls", "Calls that are up", registry=registry)
        self._ended = Counter(
            "voiceai_calls_ended", "Calls that ended", ["reason"], registry=registry
        )
        self._greeting = Histogram(
            "voiceai_greeting_seconds",
            "From a call's arrival to the first packet of its greeting",
            buckets=SETUP_SECONDS,
            registry=registry,
        )
        self._turns = Counter("voiceai_turns", "Turns spoken", ["role"], registry=registry)
        self._interruptions = Counter(
            "voiceai_interruptions", "Answers that the caller cut short", registry=registry
        )
        self._switches = Counter(
            "voiceai_service_switches",
            "Times that a failing service was left, and for which other one",
            ["kind", "service", "instead"],
            registry=registry,
        )
        self._latency = Histogram(
            "voiceai_turn_latency_seconds",
            "From the caller's last speech packet to the first of the answer, and its parts",
            ["part"],
            buckets=LATENCY_SECONDS,
            registry=registry,
        )

    def gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        """Export something that somebody else counts, read when it is scraped."""
        Gauge(f"voiceai_{name}", text, registry=self._registry).set_function(value)

    def __call__(self, event: CallEvent) -> None:
        """Count one event."""
        match event:
            case CallStarted():
                self._calls.inc()
            case CallAnswered():
                pass
            case GreetingStarted():
                self._greeting.observe(event.after_seconds)
            case TurnSpoken():
                self._turns.labels(event.role).inc()
                if event.interrupted:
                    self._interruptions.inc()
            case TurnAnswered():
                for part, milliseconds in event.latency.as_dict().items():
                    self._latency.labels(part).observe(milliseconds / 1000)
            case ServiceFailed():
                self._switches.labels(event.kind, event.service, event.instead or "").inc()
            case CallEnded():
                self._calls.dec()
                self._ended.labels(str(event.reason)).inc()
