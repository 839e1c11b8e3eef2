"""A conversation in text with an assistant: the pipeline of a call, on a telephone one reads."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from pipecat.frames.frames import (
    Frame,
    LLMContextFrame,
    TranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.observers.base_observer import BaseObserver
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.utils.time import time_now_iso8601
from pipecat.workers.runner import WorkerRunner

from pipelines.builder import Conversation, build
from pipelines.errors import SpecError
from pipelines.ports import AttendedTransfer
from pipelines.registry import Registry
from pipelines.resources import Resources
from pipelines.spec import PipelineSpec
from pipelines.validate import candidates_of, validate
from voiceai.lab.text_telephone import OwnText, SaidFrame, TextTelephone, as_text
from voiceai.lab.transcript import Notes, Transcript
from voiceai.lab.usage import Tokens

__all__ = ["TextCall", "TextEnds", "open_text_call"]

TURN_SECONDS = 2.0
"""How long it may take until an older answer is out of the way; milliseconds are usual."""
ANSWER_SECONDS = 60.0
"""How long an answer may take, tools included."""
STOP_SECONDS = 5.0

OnText = Callable[[str], None]


class TextEnds(Protocol):
    """Something that stands at both ends of a conversation's pipeline, and has it greet."""

    @property
    def input(self) -> FrameProcessor:
        """Where the pipeline begins."""
        ...

    @property
    def output(self) -> FrameProcessor:
        """Where it ends."""
        ...

    @property
    def observers(self) -> Sequence[BaseObserver]:
        """Pipecat's own, for the pipeline."""
        ...

    async def own_text(self, text: str, part: OwnText) -> None:
        """Take note of a text that no model wrote."""
        ...

    def note(self) -> None:
        """Take note of what else happened."""
        ...


class TextCall:
    """One conversation. Made by :func:`open_text_call`.

    Implements ``CallControl``.

    Attributes:
        notes: What was said so far.
        ended: Set when the assistant has ended it.

    Args:
        spec: What answers, as it was written.
        on_text: Called with each piece of an answer, as it comes.
        on_note: Called after everything else that happens.
        ends: What stands at the ends of the pipeline, if anything does.
    """

    def __init__(
        self,
        spec: PipelineSpec,
        on_text: OnText,
        on_note: Callable[[], None],
        ends: TextEnds | None = None,
    ) -> None:
        self._spec = spec
        self._on_text = on_text
        self._on_note = on_note
        self._loop = asyncio.get_running_loop()
        self._began_at = self._loop.time()
        self.notes = Notes(self._now_ms, self._noted)
        came = self._text_came, self._tokens_came
        if ends is None:
            self.telephone = TextTelephone(*came)
        else:
            both = ends.input, ends.output
            self.telephone = TextTelephone(*came, ends=both, on_own_text=ends.own_text)
        self.ended = asyncio.Event()
        self._conversation: Conversation | None = None
        self._changed = asyncio.Event()
        self._turn_pending = False
        self._pressed = False
        names = {tool.name for tool in spec.tools if tool.collect_digits}
        self._digit_tools = frozenset(names)

    @property
    def transcript(self) -> Transcript:
        """All of it, so far."""
        return self.notes.transcript(self._spec.name)

    async def say(self, text: str) -> None:
        """Say a line, as a whole turn; interrupts what is being said."""
        telephone = self.telephone
        if self.ended.is_set():
            return
        self._begin_turn()
        telephone.interrupted.clear()
        await self.queue(VADUserStartedSpeakingFrame())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TURN_SECONDS):
                await telephone.interrupted.wait()
        self._begin_turn()
        self.notes.asked()
        await self.queue(VADUserStoppedSpeakingFrame(stop_secs=0.2))
        await self.queue(TranscriptionFrame(text, "", time_now_iso8601(), finalized=True))

    async def press(self, digits: str) -> None:
        """Type digits; the last entry of a line ends with ``#`` or after a pause."""
        if self._conversation is None or self.ended.is_set():
            return
        if self._is_collecting:
            self._pressed = True
        else:
            self._begin_turn()
            self.notes.typed = digits
        self.notes.asked()
        for digit in digits:
            await self._conversation.press(digit)

    async def until_ready(self, within: float = ANSWER_SECONDS) -> None:
        """Wait until the answer has been said, or digits are waited for, or all is over.

        Raises:
            TimeoutError: That takes too long.
        """
        await self.until(lambda: self._is_ready, within)

    async def until(self, true: Callable[[], bool], within: float = ANSWER_SECONDS) -> None:
        """Wait for something that happens in the conversation.

        Raises:
            TimeoutError: That takes too long.
        """
        async with asyncio.timeout(within):
            while not true():
                self._changed.clear()
                await self._changed.wait()

    async def hangup(self) -> None:
        """Note that the assistant has hung up."""
        self.notes.ending = "hangup"

    async def transfer(self, to: str) -> None:
        """Note to whom the caller was handed."""
        self.notes.ending, self.notes.transferred_to = "transfer", to

    async def consult(self, transfer: AttendedTransfer) -> None:
        """Put the caller through at once: nobody rings here."""
        await self.transfer(transfer.to)
        if self._conversation:
            await self._conversation.end_call("transfer")

    async def send_digits(self, digits: str) -> None:
        """Note the digits."""
        self.notes.digits_sent += digits
        self._noted()

    def observe(self, frame: Frame) -> None:
        """Look at a frame that is pushed in the pipeline."""
        if isinstance(frame, LLMContextFrame):
            self.telephone.answers.asked()
            self._turn_pending = False
        self._changed.set()

    async def greet(self) -> None:
        """Say disclosure and greeting, if any."""
        if self._conversation:
            await self._conversation.greet()

    async def queue(self, frame: Frame) -> None:
        """Put a frame into the beginning of the pipeline."""
        if self._conversation:
            await self._conversation.worker.queue_frame(frame)

    @contextlib.asynccontextmanager
    async def run(self, conversation: Conversation) -> AsyncIterator[None]:
        """Run the pipeline; leaving hangs up."""
        self._conversation = conversation
        worker = conversation.worker
        worker.set_reached_downstream_filter((SaidFrame,))
        worker.add_event_handler("on_frame_reached_downstream", self._arrived)
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        running = asyncio.ensure_future(runner.run())
        running.add_done_callback(self._is_over)
        if self._spec.opening:
            self.telephone.answers.expect_greeting()
        try:
            yield
        finally:
            await runner.cancel()
            done, _ = await asyncio.wait({running}, timeout=STOP_SECONDS)
            if not done:
                running.cancel()

    @property
    def _is_collecting(self) -> bool:
        return any(
            use.name in self._digit_tools and use.took_ms is None for use in self.notes.tools
        )

    @property
    def _is_ready(self) -> bool:
        if self.ended.is_set():
            return True
        if self.notes.leaving or self._turn_pending:
            return False
        if self._is_collecting:
            return not self._pressed
        return not self.telephone.answers.outstanding

    def _begin_turn(self) -> None:
        self._turn_pending, self._pressed = True, False

    def _now_ms(self) -> int:
        return round(1000 * (self._loop.time() - self._began_at))

    def _text_came(self, text: str) -> None:
        self.notes.answer_began()
        self.notes.characters += len(text)
        self._on_text(text)
        self._changed.set()

    def _tokens_came(self, tokens: Tokens) -> None:
        self.notes.tokens += tokens

    def _noted(self) -> None:
        if self.notes.tools and self.notes.tools[-1].took_ms is None:
            self._pressed = False
        self._changed.set()
        self._on_note()

    def _is_over(self, _running: "asyncio.Future[None]") -> None:
        self.ended.set()
        self._changed.set()

    async def _arrived(self, _worker: object, frame: Frame) -> None:
        if isinstance(frame, SaidFrame):
            answers = self.telephone.answers
            answers.arrived = max(answers.arrived, frame.number)
            self._changed.set()


def _nothing(_text: str) -> None:
    return None


@contextlib.asynccontextmanager
async def open_text_call(
    spec: PipelineSpec,
    resources: Resources,
    *,
    on_text: OnText = _nothing,
    on_note: Callable[[], None] = lambda: None,
    ends: TextEnds | None = None,
) -> AsyncIterator[TextCall]:
    """Begin a conversation in text; leaving hangs up.

    Args:
        spec: Of a call's pipeline; its ears and its voice are not used.
        resources: Shared by all conversations.
        on_text: Called with each piece of an answer, as it comes.
        on_note: Called after everything else that happens.
        ends: What stands at the ends of the pipeline; then the greeting waits for ``greet``.

    Raises:
        SpecError: The pipeline cannot be built.
        ServiceUnavailable: A model or a key is missing.
    """
    call = TextCall(spec, on_text, on_note if ends is None else ends.note, ends)
    text, registry = as_text(spec), call.telephone.registry
    wrong = [
        found
        for found in validate(text, resources=resources, registry=registry)
        if found.severity == "error"
    ]
    if wrong:
        raise SpecError(*wrong)
    await _load(text, resources, registry)
    conversation = build(
        text,
        transport=call.telephone,
        resources=resources,
        control=call,
        listener=call.notes,
        call_id="chat",
        observe=call.observe,
        observers=ends.observers if ends else (),
        registry=registry,
    )
    async with call.run(conversation):
        if ends is None:
            await call.greet()
        yield call


async def _load(spec: PipelineSpec, resources: Resources, registry: Registry) -> None:
    """Load the models of this machine; what it lacks, another of the chain has."""
    for one in candidates_of(spec, "llm", registry):
        missing = one.entry.check(resources, one.params, spec)
        if missing is None or missing.severity != "error":
            await resources.run("tts", one.entry.load, resources, one.params, spec)
