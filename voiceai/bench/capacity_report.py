"""What ``bench capacity`` found, as a report. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from voiceai.bench.capacity_step import (
    ENDPOINTING_MS,
    GAP_MAX_MS,
    GAP_P99_MS,
    HALT_MS,
    HALTED_TRIES,
    LATE_MS,
    LLM_SECONDS,
    STT_SECONDS,
    TTS_SECONDS,
    Step,
)
from voiceai.bench.report import Budget, Chart, Distribution, Machine, Measure, Report, Series

__all__ = ["SYSTEMS", "Found", "System", "Tried", "capacity_report"]

System = Literal["ours", "stock"]
SYSTEMS: Final[tuple[System, ...]] = ("ours", "stock")
NAMES: Final[Mapping[System, str]] = {"ours": "voiceai", "stock": "stock Pipecat"}
LEAST_CALLS: Final = Budget("p50", 80, more_is_better=True)
LEAST_RATIO: Final = Budget("p50", 4, more_is_better=True)
BUDGETS: Final[Mapping[str, Budget]] = {
    "cpu": Budget("p50", 8),
    "memory": Budget("max", 1.5),
}
"""Of ours."""
NOTES: Final = (
    (
        f"a number of calls holds when the p99 gap is at most {GAP_P99_MS:g} ms and none over "
        f"{GAP_MAX_MS:g} ms (inter-arrival minus packet time, the kernel's times at the "
        "generator), and no turn is missed or late; a number that breaks is tried once more"
    ),
    (
        f"a try does not count, {HALTED_TRIES} times for a number at most, if the machine itself "
        f"stood still for over {HALT_MS:g} ms and nothing broke but the longest gap, or an answer "
        "that was late, by no more than that. So late were processes that only sleep on these "
        "cores, ranked above all that is measured: a virtual machine stands still while its host "
        "runs another"
    ),
    (
        f"late: a system's own share of a turn's wait is over {LATE_MS:g} ms more than its median "
        "with the fewest calls that were tried. The wait runs from the last "
        "20 ms sent at -45 dBFS or more to the first packet of the answer; "
        f"not ours of it are recognition ({1000 * STT_SECONDS:g} ms), the model's first token "
        f"({1000 * LLM_SECONDS:g} ms), the voice's first sound ({1000 * TTS_SECONDS:g} ms), all "
        f"stubs that sleep, and the wait for the end of speech ({ENDPOINTING_MS:g} ms); what voice "
        "activity detection still hears after those last 20 ms counts as ours"
    ),
    (
        "each caller says a recorded sentence every 10 s and gets an answer of 4 s; everything "
        "of the measured system is pinned to one core, the generator to another"
    ),
    (
        "stock Pipecat: SileroVADAnalyzer in the user aggregator, default turn strategies "
        "(LocalSmartTurnAnalyzerV3), default observers and RTVI, audio passed on, 8 kHz in and "
        "out, chunks of 40 ms, each an RTP packet, paced by its websocket transport's own sleep; "
        "the same stubs, event loop (uvloop) and nice value; logs off; no jitter buffer"
    ),
)


@dataclass(frozen=True, slots=True)
class Tried:
    """A number of calls and what it cost.

    Attributes:
        step: How it fared.
        cost: As the subject told it.
        load_share: Of its core that the generator took.
        load_lateness: Of the generator's latest round of packets, seconds.
        early: Answers that began within a sentence.
        halt_ms: For how long the machine stood still at most; None if that is unknown.
    """

    step: Step
    cost: Mapping[str, Any]
    load_share: float
    load_lateness: float
    early: int
    halt_ms: float | None


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of a system.

    Attributes:
        system: Which.
        held: The most calls that held; 0 if none did.
        broke: The least that did not; None if all held.
        tried: By number of calls, ascending.
        scheduling: Class of the measured process.
        halted: How many tries broke while the machine stood still, and were not counted.
    """

    system: System
    held: int
    broke: int | None
    tried: tuple[Tried, ...]
    scheduling: str
    halted: int

    @property
    def name(self) -> str:
        """What the system is called."""
        return NAMES[self.system]

    @property
    def best(self) -> Tried:
        """The most calls that held, or the fewest that were tried."""
        held = [each for each in self.tried if each.step.calls == self.held]
        return (held or list(self.tried))[0]


def capacity_report(
    machine: Machine, parameters: Mapping[str, Any], found: Sequence[Found]
) -> Report:
    """Return the report of a run of all systems."""
    measures = [
        Measure(
            f"{each.name}: most calls that hold on one core",
            "calls",
            (each.held,),
            LEAST_CALLS if each.system == "ours" else None,
        )
        for each in found
    ]
    held = {each.system: each.held for each in found}
    if held.get("ours") and held.get("stock"):
        ratio = held["ours"] / held["stock"]
        measures.append(Measure("voiceai / stock Pipecat", "times", (ratio,), LEAST_RATIO))
    for each in found:
        measures += _measures(each)
    return Report(
        bench="capacity",
        machine=machine,
        parameters=parameters,
        measures=tuple(measures),
        notes=(*(note for each in found for note in _story(each)), *NOTES),
        charts=_charts(found),
    )


def _measures(found: Found) -> list[Measure]:
    best, ours = found.best, found.system == "ours"
    label = f"{found.name}, {best.step.calls} calls"
    cost = best.cost

    def budget(name: str) -> Budget | None:
        return BUDGETS[name] if ours else None

    return [
        Measure(f"{label}: gap", "ms", best.step.gaps, Budget("p99", GAP_P99_MS)),
        Measure(f"{label}: own share of a turn's wait", "ms", best.step.shares),
        Measure(f"{label}: worst loop lag in a second", "ms", tuple(cost["lags"])),
        Measure(f"{label}: turns per call", "1/min", (cost["turns_per_minute"],)),
        *(
            Measure(
                f"{label}: cpu per call, {part}",
                "ms/s",
                tuple(samples),
                budget("cpu") if part == "all" else None,
            )
            for part, samples in cost["parts"].items()
        ),
        Measure(f"{label}: memory per call", "MB", (cost["memory_mb"],), budget("memory")),
        *_halt(label, best.halt_ms),
    ]


def _halt(label: str, halt_ms: float | None) -> Iterable[Measure]:
    if halt_ms is not None:
        yield Measure(f"{label}: longest halt of the machine", "ms", (halt_ms,))


def _story(found: Found) -> Iterable[str]:
    """Say how each number of calls fared, and what the generator took."""
    told = [
        f"{each.step.calls} {'hold' if each.step.holds else ', '.join(each.step.failings)}"
        for each in found.tried
    ]
    share = max((each.load_share for each in found.tried), default=0.0)
    late = max((each.load_lateness for each in found.tried), default=0.0)
    early = sum(each.early for each in found.tried)
    yield (
        f"{found.name} ({found.scheduling}): {'; '.join(told)}. The generator took at most "
        f"{100 * share:.0f} % of its core, its worst round was {1000 * late:.0f} ms late; "
        f"{early} answers began within a sentence; {found.halted} tries did not count, since the "
        "machine stood still"
    )


def _charts(found: Sequence[Found]) -> tuple[Chart, ...]:
    def lines(figure: Callable[[Tried], float | None]) -> tuple[Series, ...]:
        return tuple(
            Series(
                each.name,
                tuple(
                    (tried.step.calls, value)
                    for tried in each.tried
                    if (value := figure(tried)) is not None
                ),
            )
            for each in found
        )

    def p99_gap(tried: Tried) -> float | None:
        spread = Distribution.of(tried.step.gaps)
        return spread.p99 if spread else None

    def p95_share(tried: Tried) -> float | None:
        spread = Distribution.of(tried.step.shares)
        return spread.p95 if spread else None

    def cpu(tried: Tried) -> float | None:
        spread = Distribution.of(tried.cost["parts"]["all"])
        return spread.p50 if spread else None

    def core(tried: Tried) -> float | None:
        each = cpu(tried)
        return each * tried.step.calls / 10 if each is not None else None

    calls = "calls on one core"
    return (
        Chart("Gap between packets", calls, "p99, ms", lines(p99_gap), limit=GAP_P99_MS),
        Chart("Own share of a turn's wait", calls, "p95, ms", lines(p95_share)),
        Chart("Processor time of a call", calls, "median, ms per second", lines(cpu), limit=8),
        Chart("Load of the core", calls, "median, %", lines(core), limit=100),
    )
