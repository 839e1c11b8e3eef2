"""A conversation as data: what a YAML file and a database row both become."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema


def _refuse(value: object) -> None:
    if value is not None:
        raise ValueError("is not supported yet")


Later = Annotated[SkipJsonSchema[None], BeforeValidator(_refuse)]
"""A key that is planned: naming it is an error that says so, never silently ignored."""

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=20_000)]
Digits = Annotated[str, StringConstraints(pattern=r"^[0-9*#A-D]{1,32}$")]
Number = Annotated[str, StringConstraints(pattern=r"^[+0-9A-Za-z*#._@-]{1,64}$")]


class Spec(BaseModel):
    """Base of everything written in a pipeline's text: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ServiceSpec(BaseModel):
    """A service and its parameters, which its own model in the registry checks.

    Attributes:
        service: Name in the registry.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    service: str
    fallback: Later = None

    @property
    def params(self) -> dict[str, Any]:
        """Everything but the service's name, as written."""
        return dict(self.model_extra or {})


class VadSpec(Spec):
    """When speech starts and stops.

    Attributes:
        model: ``silero`` knows speech from noise; ``energy`` takes for speech what is loud
            enough, for small machines; ``silero-torch`` is the former on PyTorch, an extra.
        threshold_dbfs: With ``energy``, the level from which a window is speech; adapts to the
            noise of the line unless given.
        start_ms: Speech of this length starts a turn or interrupts.
        stop_ms: Silence of this length may end a turn.
        confidence: With Silero, the probability of speech from which a window counts, 0..1.
    """

    model: Literal["silero", "energy", "silero-torch"] = "silero"
    threshold_dbfs: float | None = Field(default=None, ge=-70, le=-10)
    start_ms: int = Field(default=96, ge=32, le=1000)
    stop_ms: int = Field(default=200, ge=32, le=3000)
    confidence: float = Field(default=0.6, gt=0, lt=1)

    @model_validator(mode="after")
    def _of_its_model(self) -> Self:
        if self.threshold_dbfs is not None and self.model != "energy":
            raise ValueError(f"threshold_dbfs is for model: energy, not {self.model}")
        if "confidence" in self.model_fields_set and self.model == "energy":
            raise ValueError("confidence is for model: silero; energy has threshold_dbfs")
        return self


class BargeInSpec(Spec):
    """Whether and when the caller may interrupt.

    Attributes:
        enabled: ``false``: what is said while the assistant speaks is not heard.
        min_words: So many recognised words interrupt, and the assistant speaks on at a lower
            level until then; 0 means that speech alone interrupts.
        resume_after_false_ms: So long after a noise that was no speech the assistant goes on
            where it was held, unless it is known earlier that nothing was said.
    """

    enabled: bool = True
    min_words: int = Field(default=0, ge=0, le=20)
    resume_after_false_ms: int = Field(default=1000, ge=0, le=10_000)


def _stop(value: object) -> object:
    if value in ("stt", "eager"):
        raise ValueError(f"'{value}' is not supported yet; use smart-turn or silence")
    return value


class TurnSpec(Spec):
    """Who speaks when.

    Attributes:
        stop: ``smart-turn`` asks a model whether the caller has finished; ``silence``
            takes ``vad.stop_ms`` of silence for it, 600 unless given.
    """

    vad: VadSpec = VadSpec()
    stop: Annotated[Literal["smart-turn", "silence"], BeforeValidator(_stop)] = "smart-turn"
    barge_in: BargeInSpec = BargeInSpec()

    @model_validator(mode="before")
    @classmethod
    def _longer_stop_without_a_model(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("stop") == "silence":
            vad = data.get("vad", {})
            if isinstance(vad, dict) and "stop_ms" not in vad:
                return {**data, "vad": {**vad, "stop_ms": 600}}
        return data


def _off(value: object) -> object:
    return "off" if value is False else value  # YAML reads a bare `off` so


class AudioSpec(Spec):
    """Filters of the caller's audio, for the detector and the recogniser alike: an extra.

    Attributes:
        echo_cancellation: Take out of what is heard what the line returns of our own voice.
        noise_suppression: ``off``, ``low``, ``moderate`` or ``high``: lower steady noise.
    """

    echo_cancellation: bool = False
    noise_suppression: Annotated[
        Literal["off", "low", "moderate", "high"], BeforeValidator(_off)
    ] = "off"


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


def _no_recording(value: object) -> object:
    if value is True:
        raise ValueError("recording is not supported yet")
    return value


class RecordingSpec(Spec):
    """Whether calls are recorded: never, so far."""

    enabled: Annotated[Literal[False], BeforeValidator(_no_recording)] = False


class HangupTool(Spec):
    """End the call, after what is being said has been said."""


class TransferTool(Spec):
    """Hand the caller on.

    Attributes:
        to: Extension or number.
    """

    to: Number


class SendDigitsTool(Spec):
    """Send DTMF digits to the caller's side.

    Attributes:
        digits: Which; a language model chooses them unless given, a rule has to give them.
    """

    digits: Digits | None = None


class ToolSpec(Spec):
    """One tool that a language model or a rule may call: exactly one key."""

    hangup: HangupTool | None = None
    transfer: TransferTool | None = None
    send_digits: SendDigitsTool | None = None
    http: Later = None
    look_up: Later = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("a tool is a name, or one name with its parameters")
        return self

    @property
    def name(self) -> str:
        """The tool's name: the one key that is set."""
        return next(iter(self.model_fields_set))


def one_tool(value: object) -> object:
    """Let ``- hangup`` stand for ``- hangup: {}``."""
    if isinstance(value, str):
        return {value: {}}
    if isinstance(value, dict):
        return {key: {} if params is None else params for key, params in value.items()}
    return value


def _local(service: str) -> Any:
    return Field(default_factory=lambda: ServiceSpec(service=service))


class PipelineSpec(Spec):
    """A whole conversation. Only ``name`` must be given.

    Attributes:
        name: Unique among the pipelines of an installation.
        extends: Name of another pipeline: maps merge, lists replace. None once loaded.
        language: BCP 47 tag, such as ``de-DE``.
        greeting: Said first; empty lets the caller speak first.
        prompt: What the language model is told about its role.
        stt: Speech to text.
        llm: What answers.
        tts: Text to speech.
        audio: Filters of the caller's audio; none unless given.
    """

    name: Name
    extends: Name | None = None
    language: Language = "de-DE"
    greeting: Text = ""
    prompt: Text = ""
    stt: ServiceSpec = _local("local")
    llm: ServiceSpec = _local("echo")
    tts: ServiceSpec = _local("local")
    audio: AudioSpec = AudioSpec()
    turn: TurnSpec = TurnSpec()
    idle: IdleSpec | None = None
    limits: LimitsSpec = LimitsSpec()
    tools: tuple[Annotated[ToolSpec, BeforeValidator(one_tool)], ...] = ()
    recording: RecordingSpec = RecordingSpec()
    flow: Later = None
    processors: Later = None

    @property
    def language_code(self) -> str:
        """The language without its region: ``de`` of ``de-DE``."""
        return self.language.partition("-")[0]

    def as_mapping(self) -> dict[str, JsonValue]:
        """Return what was written, as plain data: loading it gives an equal spec."""
        data: dict[str, JsonValue] = self.model_dump(mode="json", exclude_unset=True)
        return data
