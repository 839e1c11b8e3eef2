"""A telephone on which one types and reads: its ear and its voice are text.

The conversation is the one of a call; what is replaced are the ends of the pipeline, where sound
would be. A line that was typed is speech with its verdicts and its transcript; what the language
model writes is spoken as soon as it comes.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto

from pipecat.frames.frames import (
    ControlFrame,
    Frame,
    FunctionCallCancelFrame,
    FunctionCallResultFrame,
    FunctionCallsStartedFrame,
    InterruptionFrame,
    LLMAssistantPushAggregationFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    MetricsFrame,
    TTSSpeakFrame,
    TTSStartedFrame,
    TTSTextFrame,
)
from pipecat.metrics.metrics import LLMUsageMetricsData
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.utils.text.base_text_aggregator import TextType

from pipelines.ports import AudioTap, EarlyPauseTap, PauseTap
from pipelines.registry import REGISTRY, Registry
from pipelines.services.entry import ServiceEntry
from pipelines.spec import PipelineSpec, ServiceSpec, Spec, TurnSpec
from voiceai.lab.answers import Answers
from voiceai.lab.usage import Tokens

__all__ = ["OwnText", "SaidFrame", "TextTelephone", "as_text", "tokens_of"]

TEXT = "text"


class OwnText(Enum):
    """How a text that no model wrote stands: for itself, or within an answer of a model's."""

    WHOLE = auto()
    WITHIN = auto()


OnOwnText = Callable[[str, OwnText], Awaitable[None]]


async def _unheeded(_text: str, _part: OwnText) -> None:
    """Do nothing with a text of our own."""


@dataclass
class SaidFrame(ControlFrame):
    """Follows what was said through the rest of the pipeline."""

    number: int = 0


class TextTelephone:
    """Implements ``PhoneTransport``.

    Attributes:
        answers: Which are on their way.
        registry: The services, with the text's own ear and voice.
        interrupted: Set when a turn has begun and nothing of an older answer is in the way.

    Args:
        on_text: Called with each piece of an answer, as it comes.
        on_tokens: Called with what a model reports.
        ends: Where the pipeline begins and ends; nothing is there unless given.
        on_own_text: Awaited with each text that no model wrote.
    """

    def __init__(
        self,
        on_text: Callable[[str], None],
        on_tokens: Callable[[Tokens], None],
        *,
        ends: tuple[FrameProcessor, FrameProcessor] | None = None,
        on_own_text: OnOwnText = _unheeded,
    ) -> None:
        self.answers = Answers()
        self.interrupted = asyncio.Event()
        self._input, self._output = ends or (_Passing(), _Passing())
        ear = ServiceEntry(make=lambda _: _Ear(self.interrupted), params=Spec)
        voice = ServiceEntry(
            make=lambda _: _Voice(self.answers, on_text, on_tokens, on_own_text), params=Spec
        )
        self.registry: Registry = {
            "stt": {TEXT: ear},
            "llm": REGISTRY["llm"],
            "tts": {TEXT: voice},
        }

    def input(self) -> FrameProcessor:
        """Return where what is typed comes in."""
        return self._input

    def output(self) -> FrameProcessor:
        """Return where nothing comes out: it was read before."""
        return self._output

    @property
    def is_held(self) -> bool:
        """Nothing is held back."""
        return False

    def allow_barge_in(self, *, hold: bool) -> None:
        """Do nothing: what is typed interrupts at once."""

    def dismiss_barge_in(self) -> None:
        """Do nothing."""

    def expect_speech(self, *, expected: bool) -> None:
        """Do nothing."""

    def add_audio_tap(self, tap: AudioTap) -> None:
        """Do nothing: there is no audio."""

    def add_early_pause_tap(self, tap: EarlyPauseTap) -> None:
        """Do nothing."""

    def add_pause_tap(self, tap: PauseTap) -> None:
        """Do nothing."""


def as_text(spec: PipelineSpec) -> PipelineSpec:
    """Return a pipeline whose ends are text; prompt, model, tools and the rest are its own.

    Who types may think for as long as he likes, and a line is a turn.
    """
    text = ServiceSpec(service=TEXT)
    return spec.model_copy(
        update={"stt": text, "tts": text, "turn": TurnSpec(stop="silence"), "idle": None}
    )


def tokens_of(frame: MetricsFrame) -> Tokens:
    """Return what a language model reports in a frame of figures."""
    usages = [data.value for data in frame.data if isinstance(data, LLMUsageMetricsData)]
    counts = (Tokens(usage.prompt_tokens, usage.completion_tokens) for usage in usages)
    return sum(counts, Tokens())


class _Passing(FrameProcessor):
    """One end of the pipeline."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


class _Ear(FrameProcessor):
    """Stands in the place of recognition: transcripts come in ready."""

    def __init__(self, interrupted: asyncio.Event) -> None:
        super().__init__()
        self._interrupted = interrupted

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, InterruptionFrame):
            self._interrupted.set()


class _Voice(FrameProcessor):
    """Stands in the place of synthesis: what it is to say is shown."""

    def __init__(
        self,
        answers: Answers,
        on_text: Callable[[str], None],
        on_tokens: Callable[[Tokens], None],
        on_own_text: OnOwnText,
    ) -> None:
        super().__init__()
        self._answers = answers
        self._on_text = on_text
        self._on_tokens = on_tokens
        self._on_own_text = on_own_text
        self._answering = False

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSSpeakFrame):
            await self._speak(frame)
            return
        self._note(frame)
        await self.push_frame(frame, direction)
        if isinstance(frame, LLMFullResponseEndFrame):
            await self._said()
            self._answers.ended()

    def _note(self, frame: Frame) -> None:
        answers = self._answers
        match frame:
            case LLMFullResponseStartFrame():
                self._answering = True
                answers.began()
            case LLMFullResponseEndFrame():
                self._answering = False
            case LLMTextFrame():
                self._on_text(frame.text)
            case InterruptionFrame():
                self._answering = False
                answers.interrupted()
            case FunctionCallsStartedFrame():
                answers.tools_started([call.tool_call_id for call in frame.function_calls])
            case FunctionCallResultFrame():
                asks = frame.properties.run_llm if frame.properties else None
                asks = frame.run_llm if asks is None else asks
                answers.tool_ended(frame.tool_call_id, will_ask=asks if frame.result else False)
            case FunctionCallCancelFrame():
                answers.tool_ended(frame.tool_call_id, will_ask=frame.run_llm)
            case MetricsFrame():
                self._on_tokens(tokens_of(frame))
            case _:
                pass

    async def _speak(self, frame: TTSSpeakFrame) -> None:
        """Say a text that no model wrote; between answers it is one of its own."""
        remembered = bool(frame.append_to_context)
        self._on_text(frame.text)
        await self._on_own_text(frame.text, OwnText.WITHIN if self._answering else OwnText.WHOLE)
        if not self._answering:
            await self.push_frame(TTSStartedFrame(append_to_context=remembered))
        text = TTSTextFrame(frame.text, TextType.SENTENCE)
        text.append_to_context = remembered
        await self.push_frame(text)
        if not self._answering:
            await self.push_frame(LLMAssistantPushAggregationFrame())
            await self._said()

    async def _said(self) -> None:
        await self.push_frame(SaidFrame(number=self._answers.said()))
