"""``bench cpu``: what calls cost in processor time and memory, listening and talking."""

import asyncio
import contextlib
import gc
import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast

from pipelines.builder import Conversation
from pipelines.resources import Resources
from pipelines.smart_turn import load_model
from transports.engine import MediaEngine, MediaStream, make_engine
from transports.params import RtpParams
from transports.rtp.events import FRAME_SECONDS
from voiceai.app import make_resources
from voiceai.bench.companion import Companion
from voiceai.bench.least import least_cost
from voiceai.bench.loop_lag import LoopLag
from voiceai.bench.machine import MODELS_PRIORITY, describe_machine, take_realtime_class
from voiceai.bench.placement import Placement
from voiceai.bench.report import Budget, Measure, Report
from voiceai.bench.speech import SENTENCES, spoken_sentences
from voiceai.bench.stub_conversation import SENTENCE_SECONDS, StubServices, open_conversation
from voiceai.bench.timed_hearing import TimedHearing
from voiceai.bench.usage import memory_bytes, used
from voiceai.calls.garbage import leave_out_what_stays
from voiceai.settings import Settings

__all__ = ["run_cpu"]

Phase = Literal["listening", "conversing", "talking"]
PHASES: Final[tuple[Phase, ...]] = ("listening", "conversing", "talking")
TURN_SECONDS: Final = 10.0
"""Six turns a minute and call."""
ANSWER: Final = "One. Two."
"""Two of the stub's sentences: six seconds."""
SETTLE_SECONDS: Final = 2.0
"""Before each phase, or as long as a phase where that is shorter."""
WINDOW_SECONDS: Final = 1.0
"""A sample of processor time."""
HEAR_SECONDS: Final = 20.0
WHOLE: Final = "all"
PARTS: Final = ("the media process", "voice activity", "the turn model", "the kernel")
"""Of the processor time. The kernel's is part of all others', above all of the media process's."""
BUDGETS: Final = {"listening": Budget("p50", 2), "talking": Budget("p50", 8)}
MEMORY_BUDGET: Final = Budget("max", 1.5)
NOTES: Final = (
    (
        "processor time of the whole process per call and second of call, a sample each second: "
        "sockets, jitter buffer, concealment, voice activity and turn detection, Pipecat; "
        "recognition, answers and voice are stubs, callers are another process"
    ),
    (
        "listening: each caller says a sentence every 10 s and gets no answer; conversing: an "
        "answer of 6 s; talking: the assistant talks all the time, the caller's noise is heard"
    ),
    "time and memory include the media process; bench capacity has stock Pipecat beside it",
    (
        "at least: parts of listening that are not ours to write, each alone in a tight loop, "
        "before the calls: a lower bound on this machine, whatever else a program does"
    ),
)


@dataclass(frozen=True, slots=True)
class _Cost:
    """What a phase cost; samples per second of it.

    Attributes:
        total: Milliseconds of processor time per call.
        parts: Likewise, of each of :data:`PARTS`.
        lag: Worst lag of the loop, milliseconds.
        turns: Turns per call and minute.
        talk: Share of the packets that held the assistant's speech.
    """

    total: tuple[float, ...]
    parts: dict[str, tuple[float, ...]]
    lag: tuple[float, ...]
    turns: float
    talk: float


async def run_cpu(
    settings: Settings,
    *,
    calls: int = 20,
    seconds: float = 15.0,
    smart_turn: bool = True,
    placement: Placement = "inline",
    realtime: bool = False,
) -> Report:
    """Open calls, and measure them listening, conversing and talking.

    Args:
        settings: Their data folder is used.
        calls: At once.
        seconds: Each phase.
        smart_turn: Whether the turn model decides, or silence alone.
        placement: Of the media engine.
        realtime: Whether to run under SCHED_FIFO.

    Raises:
        BenchUnavailable: There is no voice for the callers, or SCHED_FIFO is not allowed.
    """
    if realtime:
        take_realtime_class(MODELS_PRIORITY)
    async with contextlib.AsyncExitStack() as stack:
        resources = make_resources(settings)
        stack.push_async_callback(resources.aclose)
        spoken = await _spoken(settings)
        least = least_cost(calls, spoken, TURN_SECONDS, BUDGETS["listening"])
        talkers = await _talkers(stack, spoken, calls)
        settle = min(SETTLE_SECONDS, seconds)
        bench = await _Bench.open(
            stack,
            resources,
            talkers,
            smart_turn=smart_turn,
            placement=placement,
            settle=settle,
        )
        if realtime:
            take_realtime_class()
        machine = describe_machine()
        memory = await bench.fill(calls)
        costs = {phase: await bench.measure(phase, seconds) for phase in PHASES}
        grown = bench.memory_per_call()
    return Report(
        bench="cpu",
        machine=machine,
        parameters={
            "calls": calls,
            "seconds": seconds,
            "turns": "smart-turn" if smart_turn else "silence",
            "placement": placement,
        },
        measures=(
            *(measure for phase in PHASES for measure in _measures(phase, costs[phase])),
            *least,
            Measure("memory per call, just opened", "MB", (memory,), MEMORY_BUDGET),
            Measure("memory per call, after all phases", "MB", (grown,), MEMORY_BUDGET),
        ),
        notes=NOTES,
    )


def _measures(phase: Phase, cost: _Cost) -> list[Measure]:
    return [
        Measure(f"{phase}: cpu per call", "ms/s", cost.total, BUDGETS.get(phase)),
        *(Measure(f"{phase}:   of it {part}", "ms/s", cost.parts[part]) for part in PARTS),
        Measure(f"{phase}: worst loop lag in a second", "ms", cost.lag),
        Measure(f"{phase}: turns per call", "1/min", (cost.turns,)),
        Measure(f"{phase}: packets with the assistant's speech", "%", (100 * cost.talk,)),
    ]


async def _spoken(settings: Settings) -> list[bytes]:
    """Return what callers say."""
    voices = make_resources(settings)
    try:
        return await spoken_sentences(voices, SENTENCES[:8])
    finally:
        await voices.aclose()


async def _talkers(
    stack: contextlib.AsyncExitStack, spoken: Sequence[bytes], calls: int
) -> tuple[Companion, list[int]]:
    """Start the callers with something to say; return them and their ports."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="voiceai-bench-")))
    files = [folder / f"{number}.pcm" for number in range(len(spoken))]
    for file, pcm in zip(files, spoken, strict=True):
        file.write_bytes(pcm)
    greeting = {"speech": [str(file) for file in files], "calls": calls + 1}
    talkers = await stack.enter_async_context(Companion("voiceai.bench.talkers", greeting))
    return talkers, (await talkers.hear("ports", HEAR_SECONDS))["ports"]


class _Bench:
    """The measured half: engine, pipelines, and what they cost."""

    def __init__(
        self,
        stack: contextlib.AsyncExitStack,
        resources: Resources,
        talkers: tuple[Companion, list[int]],
        *,
        smart_turn: bool,
        placement: Placement,
        settle: float,
    ) -> None:
        self._stack = stack
        self._talkers, self._ports = talkers
        self._engine = make_engine(RtpParams(placement=placement))
        self._hearing = TimedHearing(self._engine)
        self._services = StubServices(resources, cast("MediaEngine", self._hearing))
        self._smart_turn = smart_turn
        self._settle = settle
        self._lag = LoopLag(interval=FRAME_SECONDS)
        self._streams: list[MediaStream] = []
        self._conversations: list[Conversation] = []
        self._memory_before = 0

    @classmethod
    async def open(
        cls,
        stack: contextlib.AsyncExitStack,
        resources: Resources,
        talkers: tuple[Companion, list[int]],
        *,
        smart_turn: bool,
        placement: Placement,
        settle: float,
    ) -> "_Bench":
        """Load the models, start the clock, and have one call that is not counted."""
        bench = cls(
            stack,
            resources,
            talkers,
            smart_turn=smart_turn,
            placement=placement,
            settle=settle,
        )
        await asyncio.to_thread(load_model, resources)
        leave_out_what_stays()
        await bench._engine.start()
        stack.push_async_callback(bench._engine.close)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        ticking = tasks.create_task(bench._lag.run())
        stack.callback(ticking.cancel)
        async with contextlib.AsyncExitStack() as first:
            await bench._open_call(first)
            await bench._let_talk(TURN_SECONDS)
            await asyncio.sleep(settle)
        bench._streams.clear()
        bench._conversations.clear()
        return bench

    async def fill(self, calls: int) -> float:
        """Open so many calls; return the memory that each took, in megabytes."""
        gc.collect()
        self._memory_before = memory_bytes(besides=[self._talkers.pid])
        for _ in range(calls):
            await self._open_call(self._stack)
        await self._let_talk(TURN_SECONDS)
        await asyncio.sleep(self._settle)
        return self.memory_per_call()

    def memory_per_call(self) -> float:
        """Return what a call holds now, in megabytes."""
        grown = memory_bytes(besides=[self._talkers.pid]) - self._memory_before
        return grown / len(self._streams) / 1e6

    async def measure(self, phase: Phase, seconds: float) -> _Cost:
        """Let the calls go on in one way for so long."""
        self._services.answer = ANSWER if phase == "conversing" else ""
        await self._let_talk(0.0 if phase == "talking" else TURN_SECONDS)
        if phase == "talking":
            sentences = math.ceil((seconds + 2 * self._settle) / SENTENCE_SECONDS) + 1
            for conversation in self._conversations:
                await conversation.say("One. " * sentences)
        await asyncio.sleep(self._settle)
        return await self._cost(round(seconds / WINDOW_SECONDS))

    async def _cost(self, windows: int) -> _Cost:
        calls = len(self._streams)
        turns, played, begun = self._services.turns, self._played(), time.monotonic()
        samples: list[dict[str, float]] = []
        lags = []
        spent, at = await self._spent(), begun
        self._lag.take()
        for _ in range(windows):
            await asyncio.sleep(WINDOW_SECONDS)
            last_spent, last_at = spent, at
            spent, at = await self._spent(), time.monotonic()
            per_call = 1000 / calls / (at - last_at)
            samples.append({part: per_call * (spent[part] - last_spent[part]) for part in spent})
            lags.append(1000 * self._lag.take())
        lasted = at - begun
        return _Cost(
            total=tuple(sample[WHOLE] for sample in samples),
            parts={part: tuple(sample[part] for sample in samples) for part in PARTS},
            lag=tuple(lags),
            turns=60 * (self._services.turns - turns) / calls / lasted,
            talk=(self._played() - played) / 8000 / calls / lasted,
        )

    async def _spent(self) -> dict[str, float]:
        """Return the processor seconds that were used so far: all, and each of the parts."""
        turn_model = await self._turn_thread_time()
        media, kernel = used(besides=[self._talkers.pid])
        seconds = (media, self._hearing.seconds, turn_model, kernel)
        return {WHOLE: time.process_time() + media, **dict(zip(PARTS, seconds, strict=True))}

    def _played(self) -> int:
        return sum(stream.played_samples for stream in self._streams)

    async def _turn_thread_time(self) -> float:
        loop = asyncio.get_running_loop()
        thread = self._services.resources.threads["turn"]
        return await loop.run_in_executor(thread, time.thread_time)

    async def _open_call(self, stack: contextlib.AsyncExitStack) -> None:
        number = len(self._streams)
        stream = await self._engine.open_stream()
        stack.callback(stream.close)
        stream.connect(("127.0.0.1", self._ports[number]))
        conversation = await stack.enter_async_context(
            open_conversation(self._services, stream, number, smart_turn=self._smart_turn)
        )
        self._streams.append(stream)
        self._conversations.append(conversation)

    async def _let_talk(self, turn_seconds: float) -> None:
        ports = [stream.port for stream in self._streams]
        await self._talkers.tell({"ports": ports, "turn_seconds": turn_seconds})
