"""The frame graph of a pipeline as data: what ``builder`` makes, and a picture shows (pure).

::

    input -> stt -> digits -> caller -> llm -> gate -> tts -> output -> runner -> context

An own processor stands behind the stage that it names.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from pipelines.flows.spec import FlowSpec, leads_to
from pipelines.spec import PipelineSpec, ServiceSpec

DIGITS_SECONDS: Final = 2.0
"""So long after the last digit, or at ``#``, they are one entry."""

MAX_SHOWN: Final = 60
"""Characters of a text or a value that are shown."""

Role = Literal["phone", "service", "own", "ours"]


@dataclass(frozen=True, slots=True)
class Service:
    """What does a stage's work, or takes the place of what does.

    Attributes:
        name: In the registry.
        params: Its parameters that are short.
        first_byte_ms: So long it may be silent before the next one is tried, if the spec says.
    """

    name: str
    params: tuple[str, ...] = ()
    first_byte_ms: int | None = None

    def __str__(self) -> str:
        patience = [f"silent for {self.first_byte_ms} ms at most"] if self.first_byte_ms else []
        return ", ".join([self.name, *self.params, *patience])


@dataclass(frozen=True, slots=True)
class Stage:
    """One processor of the graph.

    Attributes:
        name: Unique in the graph: ``stt``, ``processors[0]``.
        title: For people.
        role: Whose it is: the telephone's, a service, the operator's own, or ours.
        gives: What it hands to the next one, besides what it lets through.
        services: The service, and those that take its place.
        notes: How the spec sets it up.
    """

    name: str
    title: str
    role: Role
    gives: str = ""
    services: tuple[Service, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tap:
    """What reaches a stage from beside the graph.

    Attributes:
        title: What it is.
        into: Name of the stage.
        gives: What it tells it.
        notes: How the spec sets it up.
    """

    title: str
    into: str
    gives: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Way:
    """What can be done in a step.

    Attributes:
        title: The function's name, and its tool's where that is another.
        to: Names of the steps that it leads to.
    """

    title: str
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One node of a conversation in steps.

    Attributes:
        name: As it is written.
        ways: What can be done in it.
        notes: Whether it is the first, and what ends the call there.
    """

    name: str
    ways: tuple[Way, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Graph:
    """Every stage in its order, what reaches them from beside, and the steps of a flow."""

    name: str
    stages: tuple[Stage, ...]
    taps: tuple[Tap, ...]
    steps: tuple[Step, ...] = ()


def graph_of(spec: PipelineSpec) -> Graph:
    """Describe the frame graph that :func:`pipelines.builder.build` makes of a spec."""
    stages = tuple(_stages(spec))
    taps = tuple(_taps(spec, stages[1].name))
    return Graph(spec.name, stages, taps, tuple(_steps(spec.flow)) if spec.flow else ())


def own_processor(index: int) -> str:
    """Return the stage's name of a spec's own processor."""
    return f"processors[{index}]"


def _stages(spec: PipelineSpec) -> Iterator[Stage]:
    for stage in _shipped(spec):
        yield stage
        for index, processor in enumerate(spec.processors):
            if processor.after == stage.name:
                notes = tuple(f"{key}: {_short(value)}" for key, value in processor.params.items())
                yield Stage(own_processor(index), processor.use, "own", notes=notes)


def _shipped(spec: PipelineSpec) -> Iterator[Stage]:
    yield Stage("input", "Telephone, in", "phone", "audio, 8 kHz", notes=_filters(spec))
    yield _service("stt", "Speech to text", "transcripts", spec.stt)
    digits = f"one entry {DIGITS_SECONDS:g} s after the last key, or at #"
    yield Stage("digits", "Keys", "ours", "digits as words", notes=(digits,))
    yield Stage("caller", "Caller's turns", "ours", "the conversation so far", notes=_turns(spec))
    used = spec.flow.tools if spec.flow else frozenset()
    tools = ", ".join(tool.name for tool in spec.tools if tool.name not in used)
    flow = (f"in {len(spec.flow.nodes)} steps, from {spec.flow.start}",) if spec.flow else ()
    notes = (*flow, *((f"tools: {tools}",) if tools else ()))
    yield _service("llm", "Answer", "text, calls of tools", spec.llm, notes)
    yield Stage("gate", "Gate", "ours", notes=("actions wait for the end of the answer",))
    yield _service("tts", "Text to speech", "audio, 8 kHz", spec.tts)
    yield Stage("output", "Telephone, out", "phone", "what was played", notes=_opening(spec))
    yield Stage("runner", "Actions", "ours", notes=("once all before was said",))
    yield Stage("context", "Assistant's turns", "ours", notes=("what the caller really heard",))


def _taps(spec: PipelineSpec, first: str) -> Iterator[Tap]:
    vad = spec.turn.vad
    times = f"starts after {vad.start_ms} ms, stops after {vad.stop_ms} ms"
    yield Tap(f"Voice detector {vad.model}", first, "speech started, stopped", (times,))
    yield Tap("Asterisk", "digits", "keys that the caller presses")
    if spec.turn.stop == "smart-turn":
        yield Tap("Turn model smart-turn", "caller", "whether the caller has finished")


def _steps(flow: FlowSpec) -> Iterator[Step]:
    for name, node in flow.nodes.items():
        ways = (
            Way(key if one.tool in (None, key) else f"{key} ({one.tool})", leads_to(one))
            for key, one in node.functions.items()
        )
        first = ("first",) if name == flow.start else ()
        then = (f"then {node.then.kind}",) if node.then else ()
        yield Step(name, tuple(ways), (*first, *then))


def _service(
    name: str, title: str, gives: str, service: ServiceSpec, notes: tuple[str, ...] = ()
) -> Stage:
    services = tuple(_described(each) for each in service.chain)
    return Stage(name, title, "service", gives, services, notes)


def _described(service: ServiceSpec) -> Service:
    given = {
        key: each for key, each in service.params.items() if isinstance(each, str | int | float)
    }
    params = tuple(f"{key} {_short(value)}" for key, value in given.items())
    return Service(service.service, params, service.first_byte_ms)


def _filters(spec: PipelineSpec) -> tuple[str, ...]:
    echo = ["echo cancellation"] if spec.audio.echo_cancellation else []
    noise = spec.audio.noise_suppression
    return (*echo, *([f"noise suppression {noise}"] if noise != "off" else []))


def _turns(spec: PipelineSpec) -> tuple[str, ...]:
    barge_in, stop = spec.turn.barge_in, spec.turn.stop
    notes = ["the turn model says when it ends" if stop == "smart-turn" else f"ends at {stop}"]
    if not barge_in.enabled:
        notes.append("cannot interrupt")
    elif barge_in.min_words:
        notes.append(f"interrupts with {barge_in.min_words} words")
    else:
        notes.append("interrupts by speaking")
    if spec.idle:
        seconds = spec.idle.after_ms / 1000
        notes.append(f"asked {spec.idle.times} times after {seconds:g} s of silence")
    return tuple(notes)


def _opening(spec: PipelineSpec) -> tuple[str, ...]:
    said = (f"first: {_short(spec.opening)}",) if spec.opening else ("the caller speaks first",)
    recording = spec.recording
    if not recording.enabled:
        return said
    who = "" if recording.channels == "both" else f" ({recording.channels} alone)"
    return (*said, f"recorded{who}, kept {recording.keep_days} days")


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
