"""When the caller has finished, as the recogniser tells it; and answers ahead of that.

An eager answer is thought of in the first pause and said when the turn is over::

    a pause, some text               the language model is asked ahead; its answer is held
    the caller speaks on             thrown away, with all that it would have done
    the text turns out another       thrown away; asked ahead again, a few times a turn
    the model wants a tool           thrown away: tools are for certainty
    a tool's result, a note          thrown away: the model did not know of it
    the turn is over, the same text  said

Nothing of it is in the context before it is said. What holds it is Pipecat's gate, in the
language model or in the chain around it (`pipelines.speculation`).
"""

import asyncio
from collections.abc import Callable

from pipecat.frames.frames import (
    EagerEndOfTurnCancelFrame,
    Frame,
    FunctionCallResultFrame,
    InterimTranscriptionFrame,
    InterruptionFrame,
    LLMMessagesAppendFrame,
    LLMMessagesUpdateFrame,
    LLMRunFrame,
    LLMSetToolsFrame,
    TranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.turns.types import ProcessFrameResult, UserTurnSpeculation
from pipecat.turns.user_stop import BaseUserTurnStopStrategy, NormalizedMatch

from pipelines.turn_end import UtteranceEnd

__all__ = ["EagerStop", "RecogniserStop"]

MOST_SPECULATIONS = 4
"""Of one turn; each is a question to the language model that may be paid for nothing."""


OTHER_GROUND = (
    FunctionCallResultFrame,
    LLMMessagesAppendFrame,
    LLMMessagesUpdateFrame,
    LLMRunFrame,
    LLMSetToolsFrame,
)
"""After these an answer that is held is one to another conversation."""


class RecogniserStop(BaseUserTurnStopStrategy):
    """Ends a turn when the recogniser has told all that was said.

    Args:
        quiet_seconds: Of quiet that must have passed besides; none where it judges that itself.
    """

    def __init__(self, *, quiet_seconds: float) -> None:
        super().__init__()
        self._end = UtteranceEnd(quiet_seconds)
        self._timer: asyncio.Task[None] | None = None

    async def cleanup(self) -> None:
        """Stop waiting."""
        await super().cleanup()  # type: ignore[no-untyped-call]
        await self._stop_timer()

    async def handle_user_turn_stopped(self) -> None:
        """Forget what was told of it."""
        await super().handle_user_turn_stopped()  # type: ignore[no-untyped-call]
        self._end.turn_is_over()
        await self._stop_timer()

    async def process_frame(self, frame: Frame) -> ProcessFrameResult:
        """Judge a frame."""
        if isinstance(frame, VADUserStartedSpeakingFrame):
            self._end.speech_began()
        elif isinstance(frame, VADUserStoppedSpeakingFrame):
            self._end.speech_ended(_now() - frame.stop_secs)
        elif isinstance(frame, InterimTranscriptionFrame) and frame.text.strip():
            self._end.told_some()
        elif isinstance(frame, TranscriptionFrame):
            self._end.told_all(_now())
        else:
            return ProcessFrameResult.CONTINUE
        await self._stop_timer()
        deadline = self._end.deadline()
        if deadline is not None:
            self._timer = self.task_manager.create_task(self._wait(deadline), f"{self}::timer")
        return ProcessFrameResult.CONTINUE

    async def end_turn(self) -> None:
        """End the turn; nothing happens if none is open."""
        await self.trigger_user_turn_stopped()

    async def _wait(self, deadline: float) -> None:
        await asyncio.sleep(deadline - _now())
        self._timer = None
        await self.end_turn()

    async def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            await self.task_manager.cancel_task(timer)


class EagerStop(RecogniserStop):
    """Has the language model asked in the first pause, and ends turns as `RecogniserStop` does.

    Pipecat's own strategy of this kind wants a recogniser that foretells the end of a turn; here
    any text that stands in a pause is such a prediction.

    Args:
        quiet_seconds: As there.

    Attributes:
        heard: Returns what the turn's message would be now.
    """

    def __init__(self, *, quiet_seconds: float) -> None:
        super().__init__(quiet_seconds=quiet_seconds)
        self.heard: Callable[[], str] = lambda: ""
        self._same = NormalizedMatch()
        self._speculation: UserTurnSpeculation | None = None
        self._asked = 0
        self._interim = ""
        self._turn_is_open = False
        self._ending = False
        self._confirming = False
        self._was_confirmed = False

    async def handle_user_turn_started(self) -> None:
        """Speculate from now on."""
        await super().handle_user_turn_started()  # type: ignore[no-untyped-call]
        self._turn_is_open = True
        self._was_confirmed = False
        self._asked = 0

    async def handle_user_turn_stopped(self) -> None:
        """Throw away what was not confirmed: another one ended the turn, or its time did."""
        if self._confirming:
            self._speculation, self._was_confirmed = None, True
        await self._withdraw()
        self._turn_is_open = False
        self._interim = ""
        await super().handle_user_turn_stopped()

    async def process_frame(self, frame: Frame) -> ProcessFrameResult:
        """Judge a frame."""
        if isinstance(frame, EagerEndOfTurnCancelFrame):  # the model's; ours do not come here
            await self._wait_for_certainty()
        elif isinstance(frame, InterruptionFrame):
            self._speculation = None  # it has reached whoever held the answer
        elif isinstance(frame, OTHER_GROUND):
            await self._withdraw()
        elif isinstance(frame, VADUserStartedSpeakingFrame):
            self._interim = ""
            await self._withdraw()
        elif isinstance(frame, InterimTranscriptionFrame):
            self._interim = frame.text.strip()
        elif isinstance(frame, TranscriptionFrame):
            self._interim = ""
        result = await super().process_frame(frame)
        await self._speculate()
        return result

    async def end_turn(self) -> None:
        """End the turn, with the answer that is held if it is one to what was said.

        The speculation is forgotten only when the turn did end: it does not while the caller is
        speaking again, which may be known elsewhere first.
        """
        self._ending = True
        try:
            if self._speculation and not self._same.matches(self._speculation.text, self.heard()):
                await self._withdraw()
            self._confirming = self._speculation is not None
            if self._confirming:
                await self.trigger_user_turn_finalized(confirms_speculation=True)
            else:
                await super().end_turn()
        finally:
            self._ending = self._confirming = False

    async def _speculate(self) -> None:
        if not self._turn_is_open or self._ending or self._end.is_speaking:
            return
        text = " ".join(part for part in (self.heard(), self._interim) if part)
        if not text or (self._speculation and self._same.matches(self._speculation.text, text)):
            return
        await self._withdraw()
        if self._asked < MOST_SPECULATIONS:
            self._asked += 1
            self._speculation = UserTurnSpeculation(text=text)
            await self.trigger_user_turn_inference_triggered(speculation=self._speculation)

    async def _withdraw(self) -> None:
        speculation, self._speculation = self._speculation, None
        if speculation:
            await self.trigger_user_turn_speculation_cancelled()  # type: ignore[no-untyped-call]

    async def _wait_for_certainty(self) -> None:
        """Ask no more ahead: the model has thrown its answer away, to use a tool.

        If that crossed the end of the turn, which had confirmed the answer, it is asked now.
        """
        self._asked = MOST_SPECULATIONS
        self._speculation = None
        if self._was_confirmed:
            self._was_confirmed = False
            await self.push_frame(LLMRunFrame())


def _now() -> float:
    return asyncio.get_running_loop().time()
