"""Tools and interruptions while language models take each other's place."""

import asyncio
from collections.abc import Callable

from pipecat.frames.frames import (
    Frame,
    FunctionCallCancelFrame,
    FunctionCallFromLLM,
    FunctionCallInProgressFrame,
    FunctionCallResultFrame,
    FunctionCallsStartedFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.utils.errors import ErrorCategory

from pipelines.fallback.health import ServiceHealth
from pipelines.fallback.llm import LanguageModelChain
from tests.integration.pipelines.chain_line import FOR_EVER, Line, Model, rung, running

QUESTION = LLMContextFrame(LLMContext())
CALL_ID = "call-1"


class UsesATool(FrameProcessor):
    """A language model that calls a tool, then does what it is told: ``hang`` or ``error``."""

    def __init__(self, then: str = "hang") -> None:
        super().__init__()
        self._then = then
        self.answers = 0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        self.answers += 1
        await self.push_frame(LLMFullResponseStartFrame())
        if self.answers == 1:
            calls = [FunctionCallFromLLM("price", CALL_ID, {}, LLMContext())]
            await self.broadcast_frame(FunctionCallsStartedFrame, function_calls=calls)
            await self.broadcast_frame(
                FunctionCallInProgressFrame,
                function_name="price",
                tool_call_id=CALL_ID,
                arguments={},
            )
        elif self._then == "error":
            await self.push_error("status 500")
        else:
            await asyncio.sleep(FOR_EVER)
        await self.push_frame(LLMFullResponseEndFrame())

    async def found(self) -> None:
        """Have the tool done."""
        await self.broadcast_frame(
            FunctionCallResultFrame,
            function_name="price",
            tool_call_id=CALL_ID,
            arguments={},
            result="5 euros",
        )


class EndsSlowly(FrameProcessor):
    """A language model that takes its time to stop when its first answer is interrupted."""

    def __init__(self) -> None:
        super().__init__()
        self._answers = 0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        self._answers += 1
        await self.push_frame(LLMFullResponseStartFrame())
        await self.push_frame(LLMTextFrame(f"answer {self._answers} "))
        try:
            if self._answers == 1:
                await asyncio.sleep(FOR_EVER)
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            await self.push_frame(LLMFullResponseEndFrame())


def chain_of(line: Line, *make: Callable[[], FrameProcessor]) -> LanguageModelChain:
    return LanguageModelChain(
        [rung(str(index), each) for index, each in enumerate(make)],
        health=ServiceHealth(),
        listener=line,
        apology="I am sorry.",
    )


def endings(line: Line) -> int:
    return len(line.of(LLMFullResponseEndFrame))


async def test_the_end_of_an_interrupted_answer_does_not_end_the_next_one() -> None:
    line = Line()
    async with running(line, chain_of(line, EndsSlowly)):
        await line.put(QUESTION)
        await line.until(lambda: line.of(LLMTextFrame))
        await line.put(InterruptionFrame(), QUESTION)
        await line.until(lambda: endings(line) == 2)
    assert line.texts() == ["answer 1", "answer 2"]
    assert line.failures == []


async def test_what_a_tool_found_is_told_at_once_while_a_model_is_silent() -> None:
    line, model = Line(), UsesATool()
    async with running(line, chain_of(line, lambda: model)):
        await line.put(QUESTION)
        await line.until(lambda: endings(line) == 1)
        await line.put(QUESTION)
        await line.until(lambda: model.answers == 2)
        await model.found()
        await line.until(lambda: line.of(FunctionCallResultFrame))
        assert line.failures == []


async def test_what_a_tool_found_is_told_while_another_model_is_asked() -> None:
    line, model, asked = Line(), UsesATool(), list[str]()
    health = ServiceHealth()
    chain = LanguageModelChain(
        [rung("first", lambda: model), rung("second", lambda: Model(["well|"], asked, "second"))],
        health=health,
        listener=line,
        apology="",
    )
    async with running(line, chain):
        await line.put(QUESTION)
        await line.until(lambda: endings(line) == 1)
        health.failed("first", 1e9)  # in another conversation
        await line.put(QUESTION)
        await line.until(lambda: line.texts()[-1] == "well")
        await model.found()
        await line.until(lambda: line.of(FunctionCallResultFrame))
    assert asked == ["second"]


async def test_a_tool_goes_with_its_model_and_the_context_is_told() -> None:
    line, asked = Line(), list[str]()
    chain = chain_of(line, lambda: UsesATool("error"), lambda: Model(["well"], asked, "second"))
    async with running(line, chain):
        await line.put(QUESTION)
        await line.until(lambda: endings(line) == 1)
        await line.put(QUESTION)
        await line.until(lambda: line.texts()[-1] == "well")
    (cancelled,) = line.of(FunctionCallCancelFrame)
    assert cancelled.tool_call_id == CALL_ID
    assert line.failures == [("0", "status 500", "1")]


async def test_a_tool_that_breaks_is_not_the_models_fault() -> None:
    line, asked = Line(), list[str]()
    model = Model(["well|"], asked, "first")
    async with running(line, chain_of(line, lambda: model)):
        await line.put(QUESTION)
        await line.until(lambda: line.texts() == ["well"])
        await model.push_error("tool broke", category=ErrorCategory.APPLICATION)
        await line.until(lambda: line.errors)
        assert line.failures == []
