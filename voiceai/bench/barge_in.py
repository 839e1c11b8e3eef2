"""``bench barge-in``: how soon the assistant's voice gives way to a caller who speaks over it."""

import asyncio
import contextlib
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pipelines.smart_turn import load_model
from transports.audio.endpointing import Hearing, Verdict
from transports.engine import MediaEngine, make_engine
from transports.params import RtpParams
from voiceai.app import make_resources
from voiceai.bench.companion import Companion
from voiceai.bench.errors import BenchUnavailable
from voiceai.bench.interrupters import Reaction
from voiceai.bench.machine import MODELS_PRIORITY, describe_machine, take_realtime_class
from voiceai.bench.placement import Placement
from voiceai.bench.prompts import recorded_prompts
from voiceai.bench.report import Budget, Measure, Report
from voiceai.bench.speech import SENTENCES, spoken_sentences
from voiceai.bench.stub_conversation import StubServices, open_conversation
from voiceai.settings import Settings

__all__ = ["reacted_ms", "run_barge_in"]

ANSWER: Final = "One. Two."
"""Of the stub's sentences: six seconds, which nobody lets it finish; all of it comes at once."""
HEAR_SECONDS: Final = 20.0
COLLECT_SECONDS: Final = 1.0
DUCKED: Final = (Budget("p50", 80), Budget("p95", 100))
SILENT: Final = (Budget("p50", 180), Budget("p95", 250))
REACTED: Final = Budget("p95", 20)
MISSED: Final = Budget("max", 0)
NOTES: Final = (
    (
        "onset: the caller's process sends its first packet of speech, at a random phase of our "
        "clock and of the sentence; ducked: its first packet 9 dB below the assistant's level "
        "comes; silent: the last packet with the assistant's voice comes (5 ms of it, fading)"
    ),
    (
        "verdict: the detector decides that the caller speaks, and the line is held at once; its "
        "next packet leaves up to 20 ms later and begins with the last 5 ms of speech; who fell "
        "silent before a verdict had finished, and is not counted there"
    ),
    (
        "sockets, voice activity and turn detection and Pipecat are the real ones; recognition, "
        "answers and voice are stubs"
    ),
)


@dataclass(slots=True)
class _Ear:
    """When one call's detector decided that the caller speaks."""

    started: list[float] = field(default_factory=list)

    def on_verdict(self, hearing: Hearing) -> None:
        if hearing.verdict is Verdict.STARTED:
            self.started.append(asyncio.get_running_loop().time())


async def run_barge_in(
    settings: Settings,
    *,
    calls: Sequence[int] = (1, 50),
    seconds: float = 20.0,
    placement: Placement = "process",
    smart_turn: bool = True,
    realtime: bool = False,
) -> Report:
    """Interrupt assistants for so long, with each number of calls at once.

    Args:
        settings: Their data folder is used.
        calls: At once, run by run.
        seconds: Each run.
        placement: Of the media engine.
        smart_turn: Whether the turn model decides when callers have finished, or silence alone.
        realtime: Whether to run under SCHED_FIFO.

    Raises:
        BenchUnavailable: There is nothing to say, or SCHED_FIFO is not allowed.
    """
    if realtime:
        take_realtime_class(MODELS_PRIORITY)
    measures: list[Measure] = []
    with tempfile.TemporaryDirectory(prefix="voiceai-bench-") as folder:
        files, source = await _speech(settings, Path(folder))
        machine = describe_machine()
        for count in calls:
            async with contextlib.AsyncExitStack() as stack:
                run = await _Run.open(
                    stack, settings, files, count, placement=placement, smart_turn=smart_turn
                )
                if realtime:
                    take_realtime_class()
                    machine = describe_machine()
                measures += run.measures(await run.collect(seconds))
    return Report(
        bench="barge-in",
        machine=machine,
        parameters={
            "calls": " ".join(map(str, calls)),
            "seconds": seconds,
            "placement": placement,
            "turns": "smart-turn" if smart_turn else "silence",
            "speech": source,
        },
        measures=tuple(measures),
        notes=NOTES,
    )


async def _speech(settings: Settings, folder: Path) -> tuple[list[Path], str]:
    """Write what callers say into files; return them, and where they are from."""
    try:
        spoken = [said.pcm for said in await recorded_prompts(settings.voiceai_data_dir / "cache")]
        source = "recorded"
    except BenchUnavailable:
        voices = make_resources(settings)
        try:
            spoken = await spoken_sentences(voices, SENTENCES[:12])
        finally:
            await voices.aclose()
        source = "synthesised"
    files = [folder / f"{number}.pcm" for number in range(len(spoken))]
    for file, pcm in zip(files, spoken, strict=True):
        file.write_bytes(pcm)
    return files, source


class _Run:
    """Some calls at once."""

    def __init__(
        self,
        callers: Companion,
        engine: MediaEngine,
        ears: Sequence[_Ear],
        ports: Sequence[int],
    ) -> None:
        self._callers = callers
        self._engine = engine
        self._ears = ears
        self._ports = ports

    @classmethod
    async def open(
        cls,
        stack: contextlib.AsyncExitStack,
        settings: Settings,
        files: Sequence[Path],
        calls: int,
        *,
        placement: Placement,
        smart_turn: bool,
    ) -> "_Run":
        """Open the calls; every assistant begins to speak."""
        greeting = {
            "speech": [str(file) for file in files],
            "calls": calls,
            "seed": secrets.randbits(32),
        }
        callers = await stack.enter_async_context(Companion("voiceai.bench.interrupters", greeting))
        theirs = (await callers.hear("ports", HEAR_SECONDS))["ports"]
        resources = make_resources(settings)
        stack.push_async_callback(resources.aclose)
        if smart_turn:
            await asyncio.to_thread(load_model, resources)
        engine = make_engine(RtpParams(placement=placement))
        await engine.start()
        stack.push_async_callback(engine.close)
        services = StubServices(resources, engine)
        services.answer = ANSWER
        ears, ports = [], []
        for number in range(calls):
            stream = await engine.open_stream()
            stack.callback(stream.close)
            stream.connect(("127.0.0.1", theirs[number]))
            ear = _Ear()
            conversation = await stack.enter_async_context(
                open_conversation(services, stream, number, smart_turn=smart_turn, listeners=[ear])
            )
            await conversation.say(ANSWER)
            ears.append(ear)
            ports.append(stream.port)
        return cls(callers, engine, ears, ports)

    async def collect(self, seconds: float) -> list[Reaction]:
        """Let the callers interrupt for so long; return what that did."""
        await self._callers.tell({"ports": self._ports})
        await self._callers.hear("reactions", HEAR_SECONDS)
        await asyncio.sleep(seconds)
        await self._callers.tell({"ports": self._ports})
        told: Mapping[str, Any] = await self._callers.hear("reactions", HEAR_SECONDS)
        return [Reaction(**reaction) for reaction in told["reactions"]]

    def measures(self, reactions: Sequence[Reaction]) -> list[Measure]:
        """Return what was found."""
        name = f"{len(self._ports)} call{'s' * (len(self._ports) > 1)}"
        ducked = [1000 * (r.ducked - r.onset) for r in reactions if r.ducked is not None]
        silent = [1000 * (r.silent - r.onset) for r in reactions if r.silent is not None]
        late = 1000 * self._engine.lateness.percentile(99)
        missed = sum(r.silent is None for r in reactions)
        verdicts = [ear.started for ear in self._ears]
        reacted = [ms for r in reactions if (ms := reacted_ms(r, verdicts[r.call])) is not None]
        return [
            *(Measure(f"{name}: onset to ducked", "ms", tuple(ducked), b) for b in DUCKED),
            *(Measure(f"{name}: onset to silent", "ms", tuple(silent), b) for b in SILENT),
            Measure(f"{name}: verdict to last packet of speech", "ms", tuple(reacted), REACTED),
            Measure(f"{name}: clock late, p99 of the last seconds", "ms", (late,)),
            Measure(f"{name}: interruptions that did not silence", "", (missed,), MISSED),
        ]


def reacted_ms(reaction: Reaction, verdicts: Sequence[float]) -> float | None:
    """Return milliseconds from the verdict that silenced to the last packet of speech.

    Args:
        reaction: To the caller's speech.
        verdicts: When the detector decided that this caller speaks, in monotonic seconds.

    Returns:
        None where there was no such verdict: an assistant who falls silent before it had
        finished, and did not react.
    """
    if reaction.silent is None:
        return None
    decided = [at for at in verdicts if reaction.onset <= at <= reaction.silent]
    return 1000 * (reaction.silent - decided[0]) if decided else None
