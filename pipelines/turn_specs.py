"""Who speaks when, and what is done to the caller's audio before anybody listens."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from pipelines.fields import Spec, wrong


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
            message = f"threshold_dbfs is for model: energy, not {self.model}"
            raise wrong(message, "threshold_dbfs")
        if "confidence" in self.model_fields_set and self.model == "energy":
            message = "confidence is for model: silero; energy has threshold_dbfs"
            raise wrong(message, "confidence")
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


class TurnSpec(Spec):
    """Who speaks when.

    Attributes:
        stop: ``smart-turn`` asks a model whether the caller has finished; ``silence``
            takes ``vad.stop_ms`` of silence for it, 600 unless given; ``stt`` leaves it to the
            recogniser: its final text ends the turn, of those that do not judge by themselves
            after half a second of silence; ``eager`` does so too, and has the language model
            asked in the first pause: an answer is thrown away unheard when the caller goes on.
    """

    vad: VadSpec = VadSpec()
    stop: Literal["smart-turn", "silence", "stt", "eager"] = "smart-turn"
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
        Literal["off", "low", "moderate", "high"],
        BeforeValidator(_off, json_schema_input_type=Literal["off", "low", "moderate", "high"]),
    ] = "off"
