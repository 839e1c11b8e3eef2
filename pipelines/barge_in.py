"""When speech is a turn while the assistant speaks: once it has proven to be one.

The telephone holds the assistant back as soon as the caller speaks. A cough, a "hm" or a noise
then costs a short silence and no word of the answer::

    speech goes on for longer than a cough, or words    turn, interruption
    it ended, and its transcript is empty               the answer goes on
    it ended, and nothing comes for so long             the answer goes on

While the assistant is silent speech is a turn at once.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from pipecat.frames.frames import (
    Frame,
    InterimTranscriptionFrame,
    InterruptionFrame,
    TranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.turns.types import ProcessFrameResult
from pipecat.turns.user_start import BaseUserTurnStartStrategy

from pipelines.ports import PhoneTransport

__all__ = ["PROOF_SECONDS", "ProvenTurnStart"]

PROOF_SECONDS = 0.3
"""Of speech after its start was certain: no cough is that long, few a "hm"."""
INTERRUPTION_SECONDS = 0.25
"""How long an interruption may take through the pipeline; milliseconds are usual."""


class ProvenTurnStart(BaseUserTurnStartStrategy):  # type: ignore[no-untyped-call]
    """Starts turns.

    Args:
        transport: Holds the assistant back.
        stop_seconds: Of quiet after which the transport says that speech has ended.
        patience_seconds: How long after that a transcript may take before the answer goes on. A
            later one interrupts nevertheless.
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
        self._interrupted = asyncio.Event()

    def follow(self, last: FrameProcessor) -> None:
        """Know when an interruption has reached the end of the pipeline, where answers are kept.

        A short word's turn is over as soon as it has begun; what was cut off must be in the
        conversation before it.
        """
        last.add_event_handler("on_after_process_frame", self._passed)

    async def cleanup(self) -> None:
        """Stop waiting."""
        await super().cleanup()  # type: ignore[no-untyped-call]
        await self._stop_timer()

    async def handle_user_turn_started(self) -> None:
        """Take note of a turn, whoever started it."""
        self._turn_is_open = True
        await self._stop_timer()

    async def handle_user_turn_stopped(self) -> None:
        """Take note of its end."""
        self._turn_is_open = False

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
        return ProcessFrameResult.CONTINUE

    async def _understand(
        self, frame: TranscriptionFrame | InterimTranscriptionFrame
    ) -> ProcessFrameResult:
        if frame.text.strip():
            if not self._turn_is_open or self._transport.is_held:
                await self._interrupt_first()
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

    async def _interrupt_first(self) -> None:
        """Interrupt, and let that reach the end of the pipeline before a turn can end."""
        self._interrupted.clear()
        await self._interrupt()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(INTERRUPTION_SECONDS):
                await self._interrupted.wait()

    async def _dismiss(self) -> None:
        self._transport.dismiss_barge_in()

    async def _passed(self, _processor: FrameProcessor, frame: Frame) -> None:
        if isinstance(frame, InterruptionFrame):
            self._interrupted.set()

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
