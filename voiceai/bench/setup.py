"""``bench setup``: from a call's entry to the first packet of its greeting."""

import asyncio
from dataclasses import dataclass, replace
from typing import Final

from voiceai.bench.machine import describe_machine, scheduling_class
from voiceai.bench.place import Place, ringing_place
from voiceai.bench.report import Budget, Measure, Report
from voiceai.demo.script import NUMBER
from voiceai.settings import Settings

__all__ = ["run_setup"]

ANSWER_SECONDS: Final = 10.0
END_SECONDS: Final = 10.0
PAUSE_SECONDS: Final = 0.3
"""Between two calls."""

NOTES: Final = (
    "entry: voiceai takes the StasisStart; greetings are synthesised before calls are taken",
    (
        "loop blocked: the worst lag of a 5 ms ticker on voiceai's loop between a call's entry "
        "and 50 ms after the first packet of its greeting; about 1 ms of it is the timer's own"
    ),
)


@dataclass(frozen=True, slots=True)
class _Setup:
    """One call's set-up, milliseconds."""

    joined: float
    greeting: float
    heard: float
    blocked: float


async def run_setup(settings: Settings, *, calls: int = 20, realtime: bool = False) -> Report:
    """Place calls one after the other and hang up at the first word of the greeting.

    Args:
        settings: Their data folder is used.
        calls: How many, besides the first one after the start.
        realtime: Whether voiceai runs under SCHED_FIFO.

    Raises:
        BenchUnavailable: voiceai did not get ready.
    """
    machine = describe_machine()
    async with ringing_place(settings, realtime=realtime) as place:
        first = await _call(place)
        later = [await _call(place) for _ in range(calls)]
    scheduling = "SCHED_FIFO 20" if realtime else scheduling_class()
    return Report(
        bench="setup",
        machine=replace(machine, scheduling=scheduling),
        parameters={"calls": calls},
        measures=(
            *_measures("first call: ", [first], budgets=False),
            *_measures("", later, budgets=True),
        ),
        notes=(place.note, *NOTES),
    )


def _measures(prefix: str, setups: list[_Setup], *, budgets: bool) -> list[Measure]:
    wire, blocked = (Budget("p95", 60), Budget("p95", 5)) if budgets else (None, None)
    columns = (
        ("entry -> caller and assistant connected", "joined", None),
        ("entry -> first packet of greeting", "greeting", wire),
        ("answer -> greeting heard by the caller", "heard", None),
        ("loop blocked", "blocked", blocked),
    )
    return [
        Measure(f"{prefix}{name}", "ms", tuple(getattr(setup, field) for setup in setups), budget)
        for name, field, budget in columns
    ]


async def _call(place: Place) -> _Setup:
    voiceai = place.voiceai
    async with place.stage.dial(NUMBER) as call:
        heard = await call.line.wait_for_speech(ANSWER_SECONDS, after=call.answered_at)
        answered = await voiceai.hear("CallAnswered", ANSWER_SECONDS)
        greeting = await voiceai.hear("GreetingStarted", ANSWER_SECONDS)
        lag = await voiceai.hear("SetupLag", ANSWER_SECONDS)
        await call.hang_up()
        await voiceai.hear("CallEnded", END_SECONDS)
    await asyncio.sleep(PAUSE_SECONDS)
    return _Setup(
        joined=1000 * answered["setup_seconds"],
        greeting=1000 * greeting["after_seconds"],
        heard=1000 * (heard - call.answered_at),
        blocked=1000 * lag["seconds"],
    )
