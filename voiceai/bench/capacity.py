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
from voiceai.bench.capacity_step import LATE_MS, Search, Step, own_share_ms
from voiceai.bench.companion import Companion
from voiceai.bench.errors import BenchUnavailable
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
TRIES: Final = 2
TROUBLE_MS: Final = 40.0
"""A generator that is so late has a machine that does something else."""
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
        for system in systems:
            search = Search(calls, resolution=math.inf) if calls else Search(LADDERS[system])
            bout = _Bout({"system": system, "placement": placement}, cores, files)
            tried = await _search(bout, search, seconds, progress)
            steps = tuple(tried[number] for number in sorted(tried))
            found.append(Found(system, search.held, search.broke, steps, bout.scheduling))
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
    """

    def __init__(
        self, system: Mapping[str, str], cores: tuple[int, int], speech: list[tuple[str, int]]
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
        await subject.tell({"measure": seconds})
        await callers.tell({"measure": seconds})
        heard = await callers.hear("heard", seconds + HEAR_SECONDS)
        cost = await subject.hear("cost", seconds + HEAR_SECONDS)
        step = Step(
            calls,
            tuple(heard["gaps"]),
            tuple(heard["waits"]),
            heard["missed"],
            seconds,
            self._late_after(heard["waits"]),
        )
        return Tried(step, cost, heard["cpu_share"], heard["worst_lateness"], heard["early"])

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
) -> dict[int, Tried]:
    """Try numbers of calls until the answer is known; return the last try of each."""
    tried: dict[int, Tried] = {}
    try:
        while (calls := search.next()) is not None:
            for _ in range(TRIES):
                found = tried[calls] = await bout.measure(calls, seconds)
                failings = ", ".join(found.step.failings)
                late = 1000 * found.load_lateness
                trouble = f" (the generator was {late:.0f} ms late)" if late > TROUBLE_MS else ""
                progress(f"{bout.name}, {calls} calls: {failings or 'all holds'}{trouble}")
                if found.step.holds:
                    break
            search.told(calls, holds=found.step.holds)
            if not found.step.holds:
                await bout.close()
    finally:
        await bout.close()
    return tried
