"""``bench jitter``: how evenly packets leave, beside a bare timer and the way of a sleep per call.

All ways but the bare timer are written by the same loop; that is a process that does nothing else,
the least that the machine allows. Another process receives, and the kernel takes the times.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from voiceai.bench.companion import Companion
from voiceai.bench.machine import describe_machine, take_realtime_class
from voiceai.bench.pace import Pace
from voiceai.bench.placement import PLACEMENTS
from voiceai.bench.report import Budget, Chart, Measure, Report, Series
from voiceai.bench.senders import Way, half_busy, sending

__all__ = ["LOADS", "WAYS", "run_jitter"]

Load = Literal["idle", "busy"]
LOADS: Final[tuple[Load, ...]] = ("idle", "busy")
WAYS: Final[tuple[Way, ...]] = (*PLACEMENTS, "bare", "sleep")
WARM_UP_SECONDS: Final = 0.5
BUDGETS: Final[Mapping[tuple[Way, Load], tuple[int, Budget]]] = {
    ("inline", "idle"): (50, Budget("p99", 2)),
    ("process", "idle"): (100, Budget("p99", 1)),
    ("process", "busy"): (100, Budget("p99", 1)),
}
"""Up to so many streams."""
DRIFT_BUDGET: Final = Budget("max", 0.1)
REALTIME_SHARE: Final = 4
"""Under the normal scheduler so much more is allowed."""
HEAR_SECONDS: Final = 20.0
NOTES: Final = (
    (
        "inline, process: the media engine there, a writer per stream as a pipeline's output is "
        "one; a media process asks for SCHED_FIFO by itself"
    ),
    (
        "bare: a process that waits for a timer and sends ready datagrams, ranked as a media "
        "process is: what it misses, no sender could keep just then; the ways run one after another"
    ),
    (
        "sleep: a task per stream, paced by Pipecat's own websocket transport "
        "(_write_audio_sleep, packets of 20 ms); no way has a pipeline in front"
    ),
    "busy: the loop that writes works 5 ms, in Python, and is idle 5 ms, again and again",
    "drift: how much longer a stream took than its packets last, or shorter, over the run",
)


@dataclass(frozen=True, slots=True)
class _Run:
    """How so many streams came, sent in one way under one load.

    Attributes:
        scheduling: How the thread that sent was ranked.
    """

    count: int
    way: Way
    load: Load
    pace: Pace
    scheduling: str


async def run_jitter(
    *,
    streams: Sequence[int] = (1, 10, 50),
    seconds: float = 10.0,
    ways: Sequence[Way] = WAYS,
    loads: Sequence[Load] = LOADS,
    realtime: bool = False,
) -> Report:
    """Send so many streams at a time, in each way and under each load, for so long.

    Args:
        streams: How many at once, one run each.
        seconds: Each run.
        ways: Of `WAYS`.
        loads: ``idle``, or ``busy`` for a loop that half of the time does something else.
        realtime: Whether to send under SCHED_FIFO.

    Raises:
        BenchUnavailable: SCHED_FIFO was asked for and is not allowed.
    """
    if realtime:
        take_realtime_class()
    machine = describe_machine()
    runs: list[_Run] = []
    async with Companion("voiceai.bench.arrivals", {}) as receiver:
        listening = await receiver.hear("listening", HEAR_SECONDS)
        for load in loads:
            for count in streams:
                for way in ways:
                    async with _under(load), sending(way, count, listening["port"]) as ranked:
                        pace = await _pace(seconds, receiver)
                    runs.append(_Run(count, way, load, pace, ranked))
    loop = type(asyncio.get_running_loop()).__module__
    clock = "the kernel's" if listening["by_kernel"] else "the receiver's, after each read"
    return Report(
        bench="jitter",
        machine=replace(machine, scheduling=_classes(runs)),
        parameters={
            "streams": "/".join(map(str, streams)),
            "loads": "/".join(loads),
            "seconds": seconds,
        },
        measures=tuple(measure for run in runs for measure in _measures(run)),
        notes=(
            f"receiver in a process of its own; times are {clock}; one loop for all: {loop}",
            *NOTES,
        ),
        charts=tuple(_chart(load, runs) for load in loads),
    )


@contextlib.asynccontextmanager
async def _under(load: Load) -> AsyncIterator[None]:
    async with half_busy() if load == "busy" else contextlib.nullcontext():
        yield


async def _pace(seconds: float, receiver: Companion) -> Pace:
    await asyncio.sleep(WARM_UP_SECONDS)
    await receiver.tell({})
    await receiver.hear("arrivals", HEAR_SECONDS)
    await asyncio.sleep(seconds)
    await receiver.tell({})
    arrived = await receiver.hear("arrivals", HEAR_SECONDS)
    return Pace.of(arrived["by_sender"])


def _classes(runs: Sequence[_Run]) -> str:
    """Say how each way was ranked."""
    ranked = dict.fromkeys((run.way, run.scheduling) for run in runs)
    return ", ".join(f"{way}: {scheduling}" for way, scheduling in ranked)


def _measures(run: _Run) -> list[Measure]:
    most, budget = BUDGETS.get((run.way, run.load), (0, None))
    if budget and not run.scheduling.startswith("SCHED_FIFO"):
        budget = Budget(budget.statistic, budget.limit * REALTIME_SHARE)
    label = f"{run.count} stream{'s' if run.count > 1 else ''}, {run.load}, {run.way}"
    never_drifts = run.way in PLACEMENTS and run.load == "idle"
    return [
        Measure(
            f"{label}: |interval - 20|",
            "ms",
            run.pace.errors,
            budget if run.count <= most else None,
        ),
        Measure(f"{label}: |drift|", "ms", run.pace.drifts, DRIFT_BUDGET if never_drifts else None),
    ]


def _chart(load: Load, runs: Sequence[_Run]) -> Chart:
    lines: dict[Way, list[tuple[float, float]]] = {}
    for run in runs:
        found = Measure("", "ms", run.pace.errors).distribution
        if run.load == load and found:
            lines.setdefault(run.way, []).append((run.count, found.p99))
    loop = "an idle loop" if load == "idle" else "a loop half busy"
    return Chart(
        f"Send interval error beside {loop}",
        "streams at once",
        "p99 of |interval - 20 ms|, ms",
        tuple(Series(_NAMES.get(way, way), tuple(sorted(line))) for way, line in lines.items()),
        log_x=True,
        log_y=True,
    )


_NAMES: Final[Mapping[Way, str]] = {
    "inline": "media engine, inline",
    "process": "media engine, process",
    "bare": "a bare timer, the least there is",
    "sleep": "a sleep per call, as Pipecat's own",
}
