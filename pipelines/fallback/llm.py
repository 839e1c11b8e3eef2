"""Language models that take each other's place within an answer."""

import asyncio
from collections.abc import Sequence

from pipecat.frames.frames import (
    CancelFrame,
    EagerEndOfTurnCancelFrame,
    EndFrame,
    ErrorFrame,
    Frame,
    FunctionCallCancelFrame,
    FunctionCallInProgressFrame,
    FunctionCallResultFrame,
    FunctionCallsStartedFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    LLMUpdateSettingsFrame,
    MetricsFrame,
    StartFrame,
    TTSSpeakFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.turns.speculation_gate import SpeculationGate
from pipecat.utils.errors import ErrorCategory

from pipelines.actions import CallActionFrame
from pipelines.fallback.chain import Ladder
from pipelines.fallback.health import ServiceHealth
from pipelines.fallback.reason import reason_of
from pipelines.fallback.rung import Rung, RungParams
from pipelines.ports import FailureListener
from pipelines.speculation import ModelAtWorkFrame, SpeculatingModel, Withdrawals

FIRST_WORD_SECONDS = 1.2
"""So long a language model may be silent, at its start or between words, unless set."""

PATIENCE_SECONDS = 2.4
"""The last one of a chain is waited for until so long after the question: a caller who has
heard nothing for three seconds asks whether anybody is there."""

VERDICTS = (UserStartedSpeakingFrame, UserStoppedSpeakingFrame, EagerEndOfTurnCancelFrame)
"""Whether what is answered ahead of the end of a turn stands."""

FOR_ALL = (InterruptionFrame, EndFrame, CancelFrame, LLMUpdateSettingsFrame, *VERDICTS)

ANSWER = (LLMFullResponseStartFrame, LLMTextFrame, LLMFullResponseEndFrame)
OF_A_CALL = (FunctionCallInProgressFrame, FunctionCallResultFrame, FunctionCallCancelFrame)

Outcome = str | None
"""Why a service failed; None when it did not."""


class LanguageModelChain(FrameProcessor):
    """Asks the next language model when one errors, is silent too long, or answers nothing.

    What was already said of an answer that broke off stays said; the next model answers the
    same question from its start. When none answers, an apology is said.

    An answer ahead of the end of the caller's turn is held here, where it is seen to come.

    Args:
        params: The models, the preferred one first.
        health: Shared by all conversations.
        listener: Is told of each switch.
        apology: Said when nobody answers.
    """

    def __init__(
        self,
        params: Sequence[RungParams],
        *,
        health: ServiceHealth,
        listener: FailureListener,
        apology: str,
    ) -> None:
        super().__init__()
        self._apology = apology
        self._ladder = Ladder(
            "llm", params, health=health, listener=listener, outlet=self._came_out, owner=self
        )
        self._gate = SpeculationGate(name=f"{self}::gate")
        self._withdrawals = Withdrawals()
        self._asked: Rung | None = None
        self._answering = False
        self._begun = False
        self._pieces: asyncio.Queue[tuple[Frame, FrameDirection]] = asyncio.Queue()
        self._calls: dict[str, tuple[Rung, str]] = {}

    async def cleanup(self) -> None:
        """Close the models."""
        await super().cleanup()  # type: ignore[no-untyped-call]
        await self._ladder.close()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Have a context answered; pass on everything else."""
        await super().process_frame(frame, direction)
        self._withdrawals.note(frame)
        if isinstance(frame, LLMContextFrame):
            if not self._withdrawals.withdrew(frame):
                self._gate.begin_speculation(frame.speculation)
                await self._answer(frame, direction)
            return
        if isinstance(frame, StartFrame):
            self._ladder.start(frame)
        elif isinstance(frame, FOR_ALL):
            await self._ladder.put_to_all(frame, direction)
        if isinstance(frame, EagerEndOfTurnCancelFrame) and self._gate.is_speculating:
            await self._start_interruption()  # type: ignore[no-untyped-call]
        await self.push_frame(frame, direction)

    async def push_frame(
        self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM
    ) -> None:
        """Push a frame, or hold it until the turn that it answers is over."""
        if isinstance(frame, TTSSpeakFrame):  # of no answer
            await super().push_frame(frame, direction)
            return
        for one in self._gate.process(frame, direction):
            await super().push_frame(*one)

    async def _answer(self, question: LLMContextFrame, direction: FrameDirection) -> None:
        began_at = self._now()
        candidates = list(self._ladder.order())
        for rung, following in zip(candidates, [*candidates[1:], None], strict=True):
            patience = rung.params.first_byte_seconds
            if following is None:
                patience = max(patience, began_at + PATIENCE_SECONDS - self._now())
            outcome = await self._ask(rung, question, direction, patience)
            if outcome is None:
                self._ladder.worked(rung)
                return
            self._ladder.report(rung, outcome, following)
            await self._give_up_calls(rung)
        await self._apologise()

    async def _give_up_calls(self, rung: Rung) -> None:
        """Let the context know of tools that went with their model."""
        for call_id, (asked, name) in list(self._calls.items()):
            if asked is rung:
                del self._calls[call_id]
                await self.broadcast_frame(
                    FunctionCallCancelFrame, function_name=name, tool_call_id=call_id
                )

    async def _ask(
        self, rung: Rung, question: LLMContextFrame, direction: FrameDirection, patience: float
    ) -> Outcome:
        try:
            async with asyncio.timeout(patience):
                await self._ladder.open(rung)
        except TimeoutError:
            return "does not start"
        except Exception as error:  # noqa: BLE001 - whatever it is, the next model is asked
            return f"cannot start: {reason_of(error)}"
        self._pieces = asyncio.Queue()
        self._asked, self._answering, self._begun = rung, True, False
        called: dict[str, tuple[Rung, str]] = {}
        try:
            await rung.put(self._as_it_stands(question, rung), direction)
            return await self._relay(patience, rung, called)
        finally:
            self._answering = False
            self._calls |= called
            await self._pass_on_the_rest(rung)

    def _as_it_stands(self, question: LLMContextFrame, rung: Rung) -> LLMContextFrame:
        """Return a question, with whether the turn is over by now: then tools may be used."""
        if isinstance(rung.service, SpeculatingModel):
            rung.service.let_chain_hold()
        if question.speculation == self._gate.is_speculating:
            return question
        return LLMContextFrame(context=question.context)

    async def _pass_on_the_rest(self, rung: Rung) -> None:
        """Lose nothing that an answer did before it broke off."""
        while not self._pieces.empty():
            frame, direction = self._pieces.get_nowait()
            if isinstance(frame, (CallActionFrame, *OF_A_CALL)):
                await self._came_out(rung, frame, direction)

    async def _relay(
        self, patience: float, rung: Rung, called: dict[str, tuple[Rung, str]]
    ) -> Outcome:
        """Pass an answer on once its first word is there."""
        held: list[tuple[Frame, FrameDirection]] = []
        is_heard = False
        while True:
            try:
                async with asyncio.timeout(patience):
                    frame, direction = await self._pieces.get()
            except TimeoutError:
                return await self._break_off(f"silent for {patience:.1f} s", is_heard=is_heard)
            except asyncio.CancelledError:  # interrupted, and the aggregator waits for the end
                await self._break_off("", is_heard=is_heard)
                raise
            if isinstance(frame, ErrorFrame):
                return await self._break_off(frame.error, is_heard=is_heard)
            if isinstance(frame, ModelAtWorkFrame):
                continue
            if not is_heard and _says_something(frame):
                is_heard = True
                for one in held:
                    await self.push_frame(*one)
            _note_calls(called, rung, frame)
            if is_heard:
                await self.push_frame(frame, direction)
            else:
                held.append((frame, direction))
            if isinstance(frame, LLMFullResponseEndFrame):
                return None if is_heard else "answered nothing"

    async def _break_off(self, reason: str, *, is_heard: bool) -> str:
        if is_heard:
            await self.push_frame(LLMFullResponseEndFrame())
        return reason

    async def _apologise(self) -> None:
        await self.push_frame(LLMFullResponseStartFrame())
        try:
            await self.push_frame(LLMTextFrame(self._apology))
        finally:
            await self.push_frame(LLMFullResponseEndFrame())

    async def _came_out(self, rung: Rung, frame: Frame, direction: FrameDirection) -> None:
        """Take what a model pushes: the current answer in order, results of tools at any time."""
        if isinstance(frame, OF_A_CALL) and frame.tool_call_id in self._calls:
            is_last = direction is FrameDirection.UPSTREAM  # of the two that are broadcast
            if is_last and not isinstance(frame, FunctionCallInProgressFrame):
                del self._calls[frame.tool_call_id]
            await self.push_frame(frame, direction)
        elif isinstance(frame, MetricsFrame):
            await self.push_frame(frame, direction)
        elif rung is self._asked:
            await self._answer_came(frame, direction)
        elif isinstance(frame, ErrorFrame) and not _is_of_a_tool(frame):
            self._ladder.note_error(rung, frame.error)
            await self._give_up_calls(rung)

    async def _answer_came(self, frame: Frame, direction: FrameDirection) -> None:
        """Take what the model pushes that was asked last."""
        if isinstance(frame, VERDICTS):
            is_withdrawn = isinstance(frame, EagerEndOfTurnCancelFrame)
            if is_withdrawn and direction is FrameDirection.UPSTREAM:  # it wants to use a tool
                self._pieces.put_nowait((EagerEndOfTurnCancelFrame(), FrameDirection.DOWNSTREAM))
                await self.push_frame(frame, direction)
        elif not self._answering or _is_of_a_tool(frame):
            if not isinstance(frame, (*ANSWER, ModelAtWorkFrame)):
                await self.push_frame(frame, direction)
        elif self._is_of_this_answer(frame):
            self._pieces.put_nowait((frame, direction))

    def _is_of_this_answer(self, frame: Frame) -> bool:
        """Say no to the last of an answer that was interrupted."""
        self._begun = self._begun or isinstance(frame, LLMFullResponseStartFrame)
        return self._begun or not isinstance(frame, ANSWER)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _says_something(frame: Frame) -> bool:
    if isinstance(frame, LLMTextFrame):
        return bool(frame.text.strip())
    return isinstance(
        frame, FunctionCallsStartedFrame | CallActionFrame | EagerEndOfTurnCancelFrame
    )


def _note_calls(calls: dict[str, tuple[Rung, str]], rung: Rung, frame: Frame) -> None:
    if isinstance(frame, FunctionCallsStartedFrame):
        calls |= {call.tool_call_id: (rung, call.function_name) for call in frame.function_calls}
    elif isinstance(frame, FunctionCallResultFrame | FunctionCallCancelFrame):
        calls.pop(frame.tool_call_id, None)


def _is_of_a_tool(frame: Frame) -> bool:
    return isinstance(frame, ErrorFrame) and frame.category is ErrorCategory.APPLICATION
