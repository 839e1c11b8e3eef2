"""``bench capacity``: how many calls one core has, with turns happening, beside stock Pipecat."""

import asyncio
import contextlib
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Final

from voiceai.bench.capacity_report import Found, System, Tried, capacity_report
from voiceai.bench.capacity_step import LATE_MS, TRIES, Attempts, Search, Step, own_share_ms
from voiceai.bench.companion import Companion
from voiceai.bench.errors import BenchUnavailable
from voiceai.bench.halts import Halts
from voiceai.bench.machine import describe_machine
from voiceai.bench.placement import Placement
from voiceai.bench.prompts import Recording, last_voice, prepared, recorded_prompts
from voiceai.bench.report import Report
from voiceai.bench.speech import recorded_sentences
from voiceai.settings import Settings

__all__ = ["run_capacity"]

TURN_SECONDS: Final = 10.0
"""Six turns a minute and call."""
LADDERS: Final[Mapping[System, tuple[int, ...]]] = {
    "ours": (20, 50, 80, 110, 140, 180, 220, 260, 300),
    "stock": (5, 10, 20, 30, 40, 60, 80),
}
TROUBLE_MS: Final = 20.0
"""From here on it is told how late the generator was, and how long the machine stood still."""
MOST_REALTIME_MS: Final = 900.0
"""Of a second, by the media process. At 950 the kernel halts all of SCHED_FIFO, the watch for halts
too: what that sees is then no halt of the machine."""
SETTLE_SECONDS: Final = 3.0
HEAR_SECONDS: Final = 60.0
LEAST_CORES: Final = 2


async def run_capacity(
    settings: Settings,
    *,
    seconds: float = 12.0,
    placement: Placement = "process",
    systems: Sequence[System] = ("ours", "stock"),
    calls: Sequence[int] = (),
    recordings: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """Have more and more calls until they break.

    Args:
        settings: Their data folder is used.
        seconds: Each step; every caller speaks every ten seconds.
        placement: Of the media engine.
        systems: What to measure.
        calls: How many to try, ascending, of each system, and no others; else it is searched.
        recordings: Folder of WAV files to say instead of the usual prompts.
        progress: Told of each number of calls when it was measured.

    Raises:
        BenchUnavailable: There are not two cores, or no recordings.
    """
    machine = describe_machine()
    speech = await _speech(settings, recordings)
    found = []
    with (
        tempfile.TemporaryDirectory(prefix="voiceai-bench-") as folder,
        _two_cores() as cores,
    ):
        files = _written(Path(folder), speech)
        async with Halts(cores) as halts:
            for system in systems:
                search = Search(calls, resolution=math.inf) if calls else Search(LADDERS[system])
                bout = _Bout({"system": system, "placement": placement}, cores, files, halts)
                tried, halted = await _search(bout, search, seconds, progress)
                steps = tuple(tried[number] for number in sorted(tried))
                found.append(
                    Found(system, search.held, search.broke, steps, bout.scheduling, halted)
                )
    classes = dict.fromkeys(f"{each.system}: {each.scheduling}" for each in found)
    return capacity_report(
        replace(machine, scheduling=", ".join(classes)),
        {
            "placement": placement,
            "turns": f"{60 / TURN_SECONDS:g} a minute and call",
            "sentences": len(speech),
            "seconds": seconds,
        },
        found,
    )


def _written(folder: Path, speech: Sequence[Recording]) -> list[tuple[str, int]]:
    """Write what is said into files; return them, with the last 20 ms of voice in each."""
    files = []
    for number, recording in enumerate(speech):
        file = folder / f"{number}.pcm"
        file.write_bytes(recording.pcm)
        files.append((str(file), last_voice(recording.pcm)))
    return files


async def _speech(settings: Settings, recordings: Path | None) -> list[Recording]:
    if recordings is None:
        return await recorded_prompts(settings.voiceai_data_dir / "cache")
    return [prepared(str(n), pcm) for n, pcm in enumerate(recorded_sentences(recordings))]


@contextlib.contextmanager
def _two_cores() -> Iterator[tuple[int, int]]:
    """Keep to the first core, and yield it and the last one, on which nothing else of ours runs.

    Raises:
        BenchUnavailable: There is only one.
    """
    allowed = os.sched_getaffinity(0)
    if len(allowed) < LEAST_CORES:
        raise BenchUnavailable("the load generator needs a core of its own: two cores at least")
    first, last = min(allowed), max(allowed)
    os.sched_setaffinity(0, {first})
    try:
        yield first, last
    finally:
        os.sched_setaffinity(0, allowed)


class _Bout:
    """One system under load, in processes that are made anew after it broke.

    Args:
        system: Which, and the placement of its engine.
        cores: Of the load, and of the measured.
        speech: Files of what callers say, with the last 20 ms that hold voice.
        halts: Watches the cores.
    """

    def __init__(
        self,
        system: Mapping[str, str],
        cores: tuple[int, int],
        speech: list[tuple[str, int]],
        halts: Halts,
    ) -> None:
        load_core, measured_core = cores
        self.name = system["system"]
        self._subject_greeting = {**system, "core": measured_core}
        self._callers_greeting = {
            "speech": speech,
            "turn_seconds": TURN_SECONDS,
            "pauses": system["system"] == "stock",
            "core": load_core,
        }
        self._halts = halts
        self._stack = contextlib.AsyncExitStack()
        self._subject: Companion | None = None
        self._callers: Companion | None = None
        self._targets: list[int] = []
        self._late_ms: float | None = None
        self.scheduling = ""

    async def close(self) -> None:
        """End both processes; the next measurement starts new ones."""
        await self._stack.aclose()
        self._subject = self._callers = None
        self._targets = []

    async def measure(self, calls: int, seconds: float) -> Tried:
        """Have so many calls, opening those that are missing."""
        subject, callers = await self._processes()
        await callers.tell({"calls": calls})
        ports = (await callers.hear("ports", HEAR_SECONDS))["ports"]
        await subject.tell({"open": ports[len(self._targets) :]})
        self._targets += (await subject.hear("opened", HEAR_SECONDS))["ports"]
        await callers.tell({"targets": self._targets})
        await asyncio.sleep(SETTLE_SECONDS)
        await self._halts.take()
        await subject.tell({"measure": seconds})
        await callers.tell({"measure": seconds})
        heard = await callers.hear("heard", seconds + HEAR_SECONDS)
        halt = await self._halts.take()
        cost = await subject.hear("cost", seconds + HEAR_SECONDS)
        if calls * max(cost["parts"].get("media process", [0.0])) > MOST_REALTIME_MS:
            halt = None
        step = Step(
            calls,
            tuple(heard["gaps"]),
            tuple(heard["waits"]),
            heard["missed"],
            seconds,
            self._late_after(heard["waits"]),
        )
        return Tried(
            step,
            cost,
            load_share=heard["cpu_share"],
            load_lateness=heard["worst_lateness"],
            early=heard["early"],
            halt_ms=None if halt is None else 1000 * halt,
        )

    def _late_after(self, waits: Sequence[float]) -> float:
        """Return what is late: so much more than the system's own median with the fewest calls."""
        if self._late_ms is None and waits:
            self._late_ms = LATE_MS + max(median(map(own_share_ms, waits)), 0.0)
        return self._late_ms or LATE_MS

    async def _processes(self) -> tuple[Companion, Companion]:
        if self._subject is None or self._callers is None:
            callers = Companion("voiceai.bench.callers", self._callers_greeting)
            self._callers = await self._stack.enter_async_context(callers)
            subject = Companion("voiceai.bench.capacity_subject", self._subject_greeting)
            self._subject = await self._stack.enter_async_context(subject)
            self.scheduling = (await subject.hear("ready", HEAR_SECONDS))["scheduling"]
        return self._subject, self._callers


async def _search(
    bout: _Bout, search: Search, seconds: float, progress: Callable[[str], None]
) -> tuple[dict[int, Tried], int]:
    """Try numbers of calls until the answer is known.

    Returns:
        The last try of each number, and how many were not counted for the machine stood still.
    """
    tried: dict[int, Tried] = {}
    halted = 0
    try:
        while (calls := search.next()) is not None:
            attempts = Attempts(TRIES)
            while True:
                found = tried[calls] = await bout.measure(calls, seconds)
                progress(f"{bout.name}, {_told(found)}")
                if not attempts.again(found.step, found.halt_ms):
                    break
            halted += attempts.halted
            search.told(calls, holds=found.step.holds)
            if not found.step.holds:
                await bout.close()
    finally:
        await bout.close()
    return tried, halted


def _told(found: Tried) -> str:
    """Say how so many calls fared, and what the machine had to do with it."""
    fared = f"{found.step.calls} calls: {', '.join(found.step.failings) or 'all holds'}"
    troubles = (
        (1000 * found.load_lateness, "the generator was {:.0f} ms late"),
        (found.halt_ms or 0.0, "the machine stood still for {:.0f} ms"),
    )
    told = [text.format(ms) for ms, text in troubles if ms > TROUBLE_MS]
    return f"{fared} ({', '.join(told)})" if told else fared
