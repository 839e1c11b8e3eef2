"""Language models that take each other's place within an answer."""

import asyncio
from collections.abc import Sequence

from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    ErrorFrame,
    Frame,
    FunctionCallsStartedFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    LLMUpdateSettingsFrame,
    StartFrame,
)
from pipecat.processors.frame_processor import (
    FrameDirection,
    FrameProcessor,
)

from pipelines.actions import CallActionFrame
from pipelines.fallback.chain import Ladder
from pipelines.fallback.health import ServiceHealth
from pipelines.fallback.reason import reason_of
from pipelines.fallback.rung import Rung, RungParams
from pipelines.ports import FailureListener

FIRST_WORD_SECONDS = 1.2
"""So long a language model may be silent, at its start or between words, unless set."""

PATIENCE_SECONDS = 2.4
"""The last one of a chain is waited for until so long after the question: a caller who has
heard nothing for three seconds asks whether anybody is there."""

FOR_ALL = (InterruptionFrame, EndFrame, CancelFrame, LLMUpdateSettingsFrame)

Outcome = str | None
"""Why a service failed; None when it did not."""


class LanguageModelChain(FrameProcessor):
    """Asks the next language model when one errors, is silent too long, or answers nothing.

    What was already said of an answer that broke off stays said; the next model answers the
    same question from its start. When none answers, an apology is said.

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
        self._asked: Rung | None = None
        self._answering = False
        self._pieces: asyncio.Queue[tuple[Frame, FrameDirection]] = asyncio.Queue()

    async def cleanup(self) -> None:
        """Close the models."""
        await super().cleanup()  # type: ignore[no-untyped-call]
        await self._ladder.close()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Have a context answered; pass on everything else."""
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMContextFrame):
            await self._answer(frame, direction)
            return
        if isinstance(frame, StartFrame):
            self._ladder.start(frame)
        elif isinstance(frame, FOR_ALL):
            await self._ladder.put_to_all(frame, direction)
        await self.push_frame(frame, direction)

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
        await self._apologise()

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
        self._asked, self._answering = rung, True
        try:
            await rung.put(question, direction)
            return await self._relay(patience)
        finally:
            self._answering = False

    async def _relay(self, patience: float) -> Outcome:
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
            if not is_heard and _says_something(frame):
                is_heard = True
                for one in held:
                    await self.push_frame(*one)
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
        if rung is not self._asked:
            return
        if self._answering:
            self._pieces.put_nowait((frame, direction))
        elif not isinstance(
            frame, LLMFullResponseStartFrame | LLMTextFrame | LLMFullResponseEndFrame
        ):
            await self.push_frame(frame, direction)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _says_something(frame: Frame) -> bool:
    if isinstance(frame, LLMTextFrame):
        return bool(frame.text.strip())
    return isinstance(frame, FunctionCallsStartedFrame | CallActionFrame)
