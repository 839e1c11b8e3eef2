"""A conversation whose recogniser says what it is told, when it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pipecat.frames.frames import (
    ControlFrame,
    Frame,
    InterimTranscriptionFrame,
    MetricsFrame,
    TranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.metrics.metrics import LLMUsageMetricsData
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.utils.time import time_now_iso8601
from pipecat.workers.runner import WorkerRunner

from pipelines.builder import Conversation, build
from pipelines.loader import load_pipeline
from pipelines.params import Secrets
from pipelines.registry import REGISTRY
from pipelines.resources import Resources
from pipelines.rules import Reply
from pipelines.services.entry import ServiceEntry
from pipelines.services.scripted import ResponderService
from pipelines.spec import Spec
from pipelines.validate import candidates_of
from tests.integration.pipelines.chain_line import Voice
from tests.integration.pipelines.telephone import Telephone

STOP_SECONDS = 0.05
OWN_MODEL = "{service: own}"


@dataclass
class Mark(ControlFrame):
    """Comes behind what was told, and is noticed where turns are judged."""

    interruptible: bool = field(default=False, init=False)


class Prompted(FrameProcessor):
    """A recogniser."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


class Listener(ResponderService):
    """A language model that keeps what it was asked."""

    def __init__(self, answer: Callable[[str], str], changed: Callable[[], None]) -> None:
        super().__init__(name="own")
        self.asked: list[str] = []
        self.taken_back = 0
        self._says, self._changed = answer, changed

    def reply(self, heard: str | None) -> Reply:
        self.asked.append(heard or "")
        self._changed()
        return Reply(self._says(heard or ""))

    def take_back(self) -> None:
        self.taken_back += 1
        self._changed()


@dataclass(slots=True)
class Dialogue:
    """What is around the conversation.

    Attributes:
        marks: Each time that one was noticed.
        usages: Of a language model: each is the end of what it thought of.
    """

    conversation: Conversation
    telephone: Telephone
    ears: Prompted
    model: Listener
    marks: list[int]
    usages: list[Frame]

    async def begins(self) -> None:
        """The caller begins to speak."""
        await self._tell(VADUserStartedSpeakingFrame(start_secs=0.1))

    async def pauses(self) -> None:
        """The caller is quiet for a moment."""
        await self._tell(VADUserStoppedSpeakingFrame(stop_secs=STOP_SECONDS))

    async def may_have_said(self, text: str) -> None:
        """The recogniser understands something that may change."""
        await self._tell(InterimTranscriptionFrame(text, "", time_now_iso8601()))

    async def has_said(self, text: str) -> None:
        """The recogniser has understood something."""
        await self._tell(TranscriptionFrame(text, "", time_now_iso8601(), finalized=True))

    async def until(self, true: Callable[[], object]) -> None:
        await self.telephone.until(true, 3.0)

    async def asked(self, *texts: str) -> None:
        """Wait until the model has been asked exactly this, ahead of time or not."""
        await self.until(lambda: self.model.asked == list(texts))

    async def answered(self, times: int = 1) -> None:
        """Wait until so many answers were heard."""
        await self.until(lambda: len(self.telephone.assistant) >= times)

    def context(self) -> list[Any]:
        """What the conversation keeps."""
        return [
            (message["role"], message["content"])
            for message in self.conversation.context.get_messages()
            if isinstance(message, dict)
        ]

    async def started(self) -> None:
        """Wait until the pipeline takes frames."""
        mark = Mark()
        await self.conversation.worker.queue_frame(mark)
        await self.until(lambda: self.marks.count(mark.id) == len(("input", "stt", "caller")))

    async def _tell(self, frame: Frame) -> None:
        """Push a frame, and return when turns have been judged by it."""
        mark = Mark()
        await self.ears.push_frame(frame)
        await self.ears.push_frame(mark)
        await self.until(lambda: self.marks.count(mark.id) == len(("stt", "caller")))


@asynccontextmanager
async def dialogue(
    stop: str,
    *,
    judges: bool,
    llm: str = OWN_MODEL,
    answer: Callable[[str], str] = lambda heard: f"You said {heard}.",
    secrets: Secrets | None = None,
    stt: str = "told",
) -> AsyncIterator[Dialogue]:
    """Run a conversation.

    Args:
        stop: When turns end.
        judges: Whether the recogniser judges itself when an utterance is over.
        llm: The language model; one that keeps what it was asked unless given.
        answer: What that one says.
        secrets: Of the services.
        stt: The recogniser; one that says what it is told unless given.
    """
    telephone, ears = Telephone(), Prompted()
    model = Listener(answer, telephone.changed.set)
    marks: list[int] = []
    usages: list[Frame] = []

    def notice(frame: Frame) -> None:
        if isinstance(frame, Mark):
            marks.append(frame.id)
        elif isinstance(frame, MetricsFrame) and isinstance(frame.data[0], LLMUsageMetricsData):
            usages.append(frame)
        telephone.changed.set()

    registry = {
        "stt": {
            **REGISTRY["stt"],
            "told": ServiceEntry(make=lambda _: ears, params=Spec, ends_utterances=judges),
        },
        "llm": {**REGISTRY["llm"], "own": ServiceEntry(make=lambda _: model, params=Spec)},
        "tts": {"own": ServiceEntry(make=lambda _: Voice(["speak"], [], "own"), params=Spec)},
    }
    spec = load_pipeline(
        f"name: turns\nlanguage: en-US\nstt: {{service: {stt}}}\nllm: {llm}\n"
        f"tts: {{service: own}}\ntools: [hangup]\nturn: {{stop: {stop}}}\n",
        source="test",
    )
    resources = Resources(secrets) if secrets else Resources()
    for candidate in candidates_of(spec, "stt", registry):  # type: ignore[arg-type]
        await asyncio.to_thread(candidate.entry.load, resources, candidate.params, spec)
    conversation = build(
        spec,
        transport=telephone,
        resources=resources,
        control=telephone,
        listener=telephone,
        call_id="test",
        observe=notice,
        registry=registry,  # type: ignore[arg-type]
    )
    line = Dialogue(conversation, telephone, ears, model, marks, usages)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(conversation.worker)
    async with _background(runner, conversation):
        await line.started()
        yield line
    await resources.aclose()


@asynccontextmanager
async def _background(runner: WorkerRunner, conversation: Conversation) -> AsyncIterator[None]:
    running = asyncio.create_task(runner.run())
    try:
        yield
    finally:
        await conversation.worker.cancel()
        await asyncio.wait_for(running, 10)
