"""A conversation as data: what a YAML file and a database row both become."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from pipelines.fields import (
    Digits,
    Import,
    Language,
    Name,
    Number,
    Sentence,
    Spec,
    Text,
    wrong,
)
from pipelines.flows.spec import FlowSpec
from pipelines.tool_specs import ToolSpec, one_tool
from pipelines.turn_specs import AudioSpec, BargeInSpec, TurnSpec, VadSpec

__all__ = [
    "AudioSpec",
    "BargeInSpec",
    "Digits",
    "FlowSpec",
    "HistorySpec",
    "IdleSpec",
    "Language",
    "LimitsSpec",
    "Name",
    "Number",
    "PipelineSpec",
    "ProcessorSpec",
    "RecordingSpec",
    "ServiceSpec",
    "Spec",
    "Text",
    "ToolSpec",
    "TurnSpec",
    "VadSpec",
    "one_tool",
]


class ServiceSpec(BaseModel):
    """A service and its parameters, which its own model in the registry checks.

    Attributes:
        service: Name in the registry.
        first_byte_ms: So long it may be silent before the next of the chain is tried; as long
            as the service itself waits unless given.
        fallback: Services that take its place when it fails, in this order.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    service: str
    first_byte_ms: int | None = Field(default=None, ge=100, le=30_000)
    fallback: Annotated[tuple["ServiceSpec", ...], Field(max_length=4)] = ()

    @property
    def params(self) -> dict[str, Any]:
        """Everything but the service's name, as written."""
        return dict(self.model_extra or {})

    @property
    def chain(self) -> tuple["ServiceSpec", ...]:
        """This service and those that take its place."""
        return (self, *self.fallback)

    @model_validator(mode="after")
    def _one_chain(self) -> Self:
        for index, service in enumerate(self.fallback):
            if service.fallback:
                fix = "list it after this one"
                raise wrong("has no fallback of its own", "fallback", index, "fallback", fix=fix)
        return self


class IdleSpec(Spec):
    """What happens when the caller says nothing.

    Attributes:
        after_ms: Silence after the assistant's last word.
        say: Said each time; empty says nothing.
        times: After so many times in a row without an answer the call is ended.
    """

    after_ms: int = Field(default=8000, ge=1000, le=120_000)
    say: Text = ""
    times: int = Field(default=2, ge=0, le=10)


class LimitsSpec(Spec):
    """Bounds of one call.

    Attributes:
        call_seconds: The call is ended after so many seconds.
    """

    call_seconds: int = Field(default=1800, ge=10, le=14_400)


class RecordingSpec(Spec):
    """Whether calls are recorded, from the answer to the end.

    Attributes:
        enabled: Off unless asked for.
        channels: Who is recorded: both as two channels, the caller left and the assistant right,
            or one of them alone.
        announce: Said before the greeting: that the call is recorded.
        keep_days: Recordings are deleted after so many days.
    """

    enabled: bool = False
    channels: Literal["both", "caller", "assistant"] = "both"
    announce: Sentence = ""
    keep_days: int = Field(default=30, ge=1, le=3650)


class HistorySpec(Spec):
    """What the prompt is told of a caller who has called before.

    Attributes:
        calls: So many of the last conversations with that number.
    """

    calls: int = Field(default=0, ge=0, le=10)


class ProcessorSpec(Spec):
    """A frame processor of the operator's own, in the graph.

    Attributes:
        use: ``module:Class``; found beside the pipelines or installed.
        after: The stage behind which it stands; several stand in the order of the list.
        params: Keyword arguments of the class.
    """

    use: Import
    after: Literal["input", "stt", "llm", "tts"]
    params: dict[str, JsonValue] = Field(default_factory=dict)


Tool = Annotated[ToolSpec, BeforeValidator(one_tool, json_schema_input_type=ToolSpec | str)]


def _local(service: str) -> Any:
    return Field(default_factory=lambda: ServiceSpec(service=service))


class PipelineSpec(Spec):
    """A whole conversation. Only ``name`` must be given.

    Attributes:
        name: Unique among the pipelines of an installation.
        extends: Name of another pipeline: maps merge, lists replace. None once loaded.
        language: BCP 47 tag, such as ``de-DE``.
        disclosure: Said before the greeting: that the caller speaks with a machine.
        greeting: Said first; empty lets the caller speak first.
        prompt: What the language model is told about its role.
        stt: Speech to text.
        llm: What answers.
        tts: Text to speech.
        audio: Filters of the caller's audio; none unless given.
        turn: Who speaks when.
        idle: What happens when the caller says nothing; nothing unless given.
        limits: Bounds of one call.
        tools: What the language model may do; a name that is none of ours is the file
            ``tools/NAME.yaml`` beside the pipelines.
        flow: A conversation in steps; a path is a file in the pipeline's own folder.
        processors: Frame processors of the operator's own.
        recording: Whether calls are recorded.
        history: What is remembered of a caller.
    """

    name: Name
    extends: Name | None = None
    language: Language = "de-DE"
    disclosure: Sentence = ""
    greeting: Text = ""
    prompt: Text = ""
    stt: ServiceSpec = _local("local")
    llm: ServiceSpec = _local("echo")
    tts: ServiceSpec = _local("local")
    audio: AudioSpec = AudioSpec()
    turn: TurnSpec = TurnSpec()
    idle: IdleSpec | None = None
    limits: LimitsSpec = LimitsSpec()
    tools: Annotated[tuple[Tool, ...], Field(max_length=32)] = ()
    flow: FlowSpec | None = None
    processors: Annotated[tuple[ProcessorSpec, ...], Field(max_length=16)] = ()
    recording: RecordingSpec = RecordingSpec()
    history: HistorySpec = HistorySpec()

    @model_validator(mode="after")
    def _tools_have_names_of_their_own(self) -> Self:
        names: set[str] = set()
        for index, tool in enumerate(self.tools):
            if tool.name in names:
                raise wrong(f"there are two tools '{tool.name}'", "tools", index)
            names.add(tool.name)
        return self

    @property
    def opening(self) -> str:
        """What is said first; empty lets the caller speak first.

        Disclosure, the announcement of a recording, and greeting.
        """
        announced = self.recording.announce if self.recording.enabled else ""
        return " ".join(text for text in (self.disclosure, announced, self.greeting) if text)

    @property
    def language_code(self) -> str:
        """The language without its region: ``de`` of ``de-DE``."""
        return self.language.partition("-")[0]

    def as_mapping(self) -> dict[str, JsonValue]:
        """Return what was written, as plain data: loading it gives an equal spec."""
        data: dict[str, JsonValue] = self.model_dump(mode="json", exclude_unset=True)
        return data
