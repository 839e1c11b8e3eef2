"""The graph that is drawn is the one that is built."""

import asyncio
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pipecat.frames.frames import Frame
from pipecat.processors.aggregators.dtmf_aggregator import DTMFAggregator
from pipecat.processors.aggregators.llm_response_universal import (
    LLMAssistantAggregator,
    LLMUserAggregator,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from pipelines.actions import ActionGate, ActionRunner
from pipelines.builder import Conversation, build
from pipelines.graph import Service, graph_of
from pipelines.loader import load_pipeline
from pipelines.ports import AttendedTransfer, AudioTap, EarlyPauseTap, PauseTap
from pipelines.registry import REGISTRY, Registry
from pipelines.resources import Resources
from pipelines.services.echo import EchoService
from pipelines.services.entry import Request, ServiceEntry
from pipelines.spec import PipelineSpec, Spec

MODULE = """
from pipecat.processors.frame_processor import FrameProcessor


class Counter(FrameProcessor):
    def __init__(self, step: int = 1) -> None:
        super().__init__()
        self.step = step


class Louder(FrameProcessor):
    pass


class Witness(FrameProcessor):
    seen = []

    def __init__(self, label: str) -> None:
        super().__init__()
        self.label = label

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if type(frame).__name__ == "TTSSpeakFrame":
            self.seen.append((self.label, frame.text))
        await self.push_frame(frame, direction)
"""


class NoParams(Spec):
    """None."""


class Passing(FrameProcessor):
    """Lets everything through."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


class Stt(Passing):
    """A recogniser that hears nothing."""


class Tts(Passing):
    """A voice that says nothing."""


def entry(made: type[FrameProcessor]) -> ServiceEntry:
    def make(_request: Request) -> FrameProcessor:
        return made()

    return ServiceEntry(make=make, params=NoParams)


SERVICES: Registry = {**REGISTRY, "stt": {"deaf": entry(Stt)}, "tts": {"mute": entry(Tts)}}


class Telephone:
    """A telephone, a call and a listener that do nothing but count taps."""

    def __init__(self) -> None:
        self.first = Passing(name="in")
        self.last = Passing(name="out")
        self.taps: list[str] = []

    is_held = False

    def input(self) -> FrameProcessor:
        return self.first

    def output(self) -> FrameProcessor:
        return self.last

    def allow_barge_in(self, *, hold: bool) -> None: ...

    def dismiss_barge_in(self) -> None: ...

    def expect_speech(self, *, expected: bool) -> None: ...

    def add_audio_tap(self, tap: AudioTap) -> None:
        self.taps.append("audio")

    def add_early_pause_tap(self, tap: EarlyPauseTap) -> None: ...

    def add_pause_tap(self, tap: PauseTap) -> None: ...

    async def hangup(self) -> None: ...

    async def transfer(self, to: str) -> None: ...

    async def consult(self, transfer: AttendedTransfer) -> None: ...

    async def send_digits(self, digits: str) -> None: ...

    def caller_turn(self, text: str, *, started_at: float | None) -> None: ...

    def assistant_turn(self, text: str, *, interrupted: bool) -> None: ...

    def tool_called(self, name: str, arguments: Mapping[str, Any]) -> None: ...

    def tool_returned(self, name: str, result: object, *, failed: bool = False) -> None: ...

    def service_failed(
        self, kind: str, service: str, *, reason: str, instead: str | None
    ) -> None: ...


@pytest.fixture(scope="module")
def resources() -> Iterator[Resources]:
    resources = Resources()
    yield resources
    resources.close()


@pytest.fixture(autouse=True)
def own_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_for_graph.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)


def spec_of(rest: str) -> PipelineSpec:
    text = "name: a\nstt: {service: deaf}\nllm: {service: echo}\ntts: {service: mute}\n" + rest
    return load_pipeline(text, source="t.yaml")


def conversation_of(spec: PipelineSpec, phone: Telephone, resources: Resources) -> Conversation:
    return build(
        spec,
        transport=phone,
        resources=resources,
        control=phone,
        listener=phone,
        call_id="graph",
        registry=SERVICES,
    )


async def built(spec: PipelineSpec, resources: Resources) -> tuple[list[FrameProcessor], Telephone]:
    """The processors of a built pipeline, in the order of the frames."""
    phone = Telephone()
    conversation = conversation_of(spec, phone, resources)
    processors: list[FrameProcessor] = []
    at: FrameProcessor = phone.first
    while at.next is not None:
        processors.append(at)
        at = at.next
    await conversation.worker.cleanup()
    return processors, phone


CLASSES = {
    "input": Passing,
    "stt": Stt,
    "digits": DTMFAggregator,
    "caller": LLMUserAggregator,
    "llm": EchoService,
    "gate": ActionGate,
    "tts": Tts,
    "output": Passing,
    "runner": ActionRunner,
    "context": LLMAssistantAggregator,
}

EVERYWHERE = """\
processors:
  - {use: "own_for_graph:Counter", after: stt, params: {step: 2}}
  - {use: "own_for_graph:Louder", after: tts}
  - {use: "own_for_graph:Louder", after: input}
  - {use: "own_for_graph:Louder", after: stt}
  - {use: "own_for_graph:Counter", after: llm}
"""


@pytest.mark.parametrize("rest", ["turn: {stop: silence}\n", "", EVERYWHERE])
async def test_what_is_drawn_is_what_is_built(rest: str, resources: Resources) -> None:
    spec = spec_of(rest)
    own_classes = vars(importlib.import_module("own_for_graph"))
    names = [each.use.rpartition(":")[2] for each in spec.processors]
    own = {f"processors[{n}]": own_classes[name] for n, name in enumerate(names)}

    processors, phone = await built(spec, resources)
    drawn = [CLASSES.get(stage.name) or own[stage.name] for stage in graph_of(spec).stages]

    assert [isinstance(*pair) for pair in zip(processors, drawn, strict=True)] == [True] * len(
        drawn
    )
    assert processors[0] is phone.first
    assert phone.last in processors


async def test_an_own_processor_stands_behind_its_stage_and_has_its_parameters() -> None:
    stages = [stage.name for stage in graph_of(spec_of(EVERYWHERE)).stages]

    behind = {name: stages[n + 1 : n + 3] for n, name in enumerate(stages)}
    assert behind["input"][0] == "processors[2]"
    assert behind["stt"] == ["processors[0]", "processors[3]"]
    assert behind["llm"][0] == "processors[4]"
    assert behind["tts"][0] == "processors[1]"


async def test_what_is_said_goes_through_every_own_processor(resources: Resources) -> None:
    own = "".join(
        f'  - {{use: "own_for_graph:Witness", after: {stage}, params: {{label: {stage}}}}}\n'
        for stage in ("tts", "llm", "stt", "input")
    )
    spec = spec_of(f"disclosure: I am an AI.\ngreeting: Hi.\nprocessors:\n{own}")
    conversation = conversation_of(spec, Telephone(), resources)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(conversation.worker)
    running = asyncio.create_task(runner.run())

    await conversation.greet()
    await conversation.end_call("done")
    await asyncio.wait_for(running, 10)

    seen = importlib.import_module("own_for_graph").Witness.seen
    assert seen == [(stage, "I am an AI. Hi.") for stage in ("input", "stt", "llm", "tts")]


@pytest.mark.parametrize(("stop", "asked"), [("smart-turn", True), ("silence", False)])
async def test_the_turn_model_is_drawn_where_it_listens(
    stop: str, asked: bool, resources: Resources
) -> None:
    spec = spec_of(f"turn: {{stop: {stop}}}\n")

    _, phone = await built(spec, resources)
    drawn = any("smart-turn" in tap.title for tap in graph_of(spec).taps)

    assert (bool(phone.taps), drawn) == (asked, asked)


def test_every_service_of_a_chain_is_drawn() -> None:
    text = "name: a\nextends: local-de\ntts: {service: azure, voice: x, first_byte_ms: 900,"
    spec = load_pipeline(text + " fallback: [{service: espeak}]}\n", source="t.yaml")

    drawn = {stage.name: stage.services for stage in graph_of(spec).stages}

    assert drawn["tts"] == (Service("azure", ("voice x",), 900), Service("espeak"))


def test_verdicts_of_the_voice_detector_reach_what_stands_behind_the_telephone() -> None:
    detector = graph_of(spec_of(EVERYWHERE)).taps[0]

    assert (detector.title, detector.into) == ("Voice detector silero", "processors[2]")
