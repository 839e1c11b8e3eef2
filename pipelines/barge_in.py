"""When speech is a turn while the assistant speaks: once it has proven to be one.

The telephone holds the assistant back as soon as the caller speaks. A cough, a "hm" or a noise
then costs a short silence and no word of the answer::

    speech goes on for longer than a cough, or words    turn, interruption
    it ended, and its transcript is empty               the answer goes on
    it ended, and nothing comes for so long             the answer goes on

While the assistant is silent, and no answer is on its way, speech is a turn at once.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    Frame,
    FunctionCallResultFrame,
    FunctionCallsStartedFrame,
    InterimTranscriptionFrame,
    InterruptionFrame,
    TranscriptionFrame,
    TTSSpeakFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.turns.types import ProcessFrameResult
from pipecat.turns.user_start import BaseUserTurnStartStrategy, MinWordsUserTurnStartStrategy

from pipelines.ports import PhoneTransport

__all__ = ["PROOF_SECONDS", "ProvenTurnStart", "WordsTurnStart"]

PROOF_SECONDS = 0.3
"""Of speech after its start was certain: no cough is that long, few a "hm"."""
ANNOUNCEMENTS = (TTSSpeakFrame, FunctionCallsStartedFrame, FunctionCallResultFrame)
"""Something will be said after these: now, or when a tool has been asked."""
INTERRUPTION_SECONDS = 0.25
"""How long an interruption may take through the pipeline; milliseconds are usual."""


class Interruption:
    """Waits until an interruption has reached the end of the pipeline, where answers are kept.

    A short turn is over as soon as it has begun; what was cut off must be in the conversation
    before it.
    """

    def __init__(self) -> None:
        self._passed = asyncio.Event()

    def follow(self, last: FrameProcessor) -> None:
        """Take note of what reaches that processor."""
        last.add_event_handler("on_after_process_frame", self._note)

    async def after(self, interrupt: Callable[[], Awaitable[None]]) -> None:
        """Interrupt, and return when that has arrived."""
        self._passed.clear()
        await interrupt()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(INTERRUPTION_SECONDS):
                await self._passed.wait()

    async def _note(self, _processor: FrameProcessor, frame: Frame) -> None:
        if isinstance(frame, InterruptionFrame):
            self._passed.set()


class WordsTurnStart(MinWordsUserTurnStartStrategy):  # type: ignore[no-untyped-call]
    """Starts turns by so many words; only words interrupt.

    Attributes:
        interruption: On its way to where answers are kept.
    """

    def __init__(self, *, min_words: int) -> None:
        super().__init__(min_words=min_words)
        self.interruption = Interruption()
        self._turn_is_open = False

    async def handle_user_turn_started(self) -> None:
        """Take note of a turn, whoever started it."""
        await super().handle_user_turn_started()  # type: ignore[no-untyped-call]
        self._turn_is_open = True

    async def handle_user_turn_stopped(self) -> None:
        """Take note of its end."""
        await super().handle_user_turn_stopped()  # type: ignore[no-untyped-call]
        self._turn_is_open = False

    async def trigger_user_turn_started(self, **choices: bool | None) -> None:
        """Start a turn; it cannot end before what it interrupts is kept."""
        if not self._turn_is_open:
            start = super().trigger_user_turn_started
            await self.interruption.after(lambda: start(**choices))


class ProvenTurnStart(BaseUserTurnStartStrategy):  # type: ignore[no-untyped-call]
    """Starts turns.

    Args:
        transport: Holds the assistant back.
        stop_seconds: Of quiet after which the transport says that speech has ended.
        patience_seconds: How long after that a transcript may take before the answer goes on. A
            later one interrupts nevertheless.

    Attributes:
        interruption: On its way to where answers are kept.
    """

    def __init__(
        self, transport: PhoneTransport, *, stop_seconds: float, patience_seconds: float
    ) -> None:
        super().__init__()
        self._transport = transport
        self._proof_seconds = PROOF_SECONDS + stop_seconds
        self._patience_seconds = patience_seconds
        self._timer: asyncio.Task[None] | None = None
        self._speaking = False
        self._turn_is_open = False
        self._answering = False  # the answer that was expected is heard
        self.interruption = Interruption()

    async def cleanup(self) -> None:
        """Stop waiting."""
        await super().cleanup()  # type: ignore[no-untyped-call]
        await self._stop_timer()

    async def handle_user_turn_started(self) -> None:
        """Take note of a turn, whoever started it."""
        self._turn_is_open = True
        self._expect(expected=False)
        await self._stop_timer()

    async def handle_user_turn_stopped(self) -> None:
        """Take note of its end: an answer to it is on its way."""
        self._turn_is_open = False
        self._expect(expected=True)

    async def process_frame(self, frame: Frame) -> ProcessFrameResult:
        """Judge a frame."""
        if isinstance(frame, VADUserStartedSpeakingFrame):
            self._speaking = True
            if not self._transport.is_held:
                return await self._begin()
            await self._start_timer(self._proof_seconds, self._interrupt)
        elif isinstance(frame, VADUserStoppedSpeakingFrame):
            self._speaking = False
            if self._transport.is_held:
                await self._start_timer(self._patience_seconds, self._dismiss)
        elif isinstance(frame, TranscriptionFrame | InterimTranscriptionFrame):
            return await self._understand(frame)
        elif isinstance(frame, ANNOUNCEMENTS):
            self._expect(expected=True)
        elif isinstance(frame, BotStartedSpeakingFrame):
            self._answering = True
        elif isinstance(frame, BotStoppedSpeakingFrame) and self._answering:
            self._expect(expected=False)
        return ProcessFrameResult.CONTINUE

    def _expect(self, *, expected: bool) -> None:
        """Expect an answer; what ended before this one began is another's end."""
        self._answering = False
        self._transport.expect_speech(expected=expected)

    async def _understand(
        self, frame: TranscriptionFrame | InterimTranscriptionFrame
    ) -> ProcessFrameResult:
        if frame.text.strip():
            if not self._turn_is_open or self._transport.is_held:
                await self.interruption.after(self._interrupt)
            return ProcessFrameResult.STOP
        is_final = isinstance(frame, TranscriptionFrame) and frame.finalized
        if is_final and self._transport.is_held and not self._speaking:
            await self._stop_timer()
            await self._dismiss()
        return ProcessFrameResult.CONTINUE

    async def _begin(self) -> ProcessFrameResult:
        await self.trigger_user_turn_started()
        return ProcessFrameResult.STOP

    async def _interrupt(self) -> None:
        """Start a turn; in one that is open already, interrupt what is said nevertheless."""
        await self._stop_timer()
        if self._turn_is_open:
            await self.broadcast_frame(InterruptionFrame)
        else:
            await self.trigger_user_turn_started()

    async def _dismiss(self) -> None:
        self._transport.dismiss_barge_in()

    async def _start_timer(self, seconds: float, then: Callable[[], Awaitable[None]]) -> None:
        await self._stop_timer()
        self._timer = self.task_manager.create_task(self._later(seconds, then), f"{self}::timer")

    async def _later(self, seconds: float, then: Callable[[], Awaitable[None]]) -> None:
        await asyncio.sleep(seconds)
        self._timer = None
        await then()

    async def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            await self.task_manager.cancel_task(timer)
