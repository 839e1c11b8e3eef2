"""Language models that may be asked before it is certain that the caller has finished.

Pipecat's services hold such an answer in a gate of their own until the turn is over, and throw it
away when it goes on. Two things are added here: a question that was withdrawn before the model
came to it is not answered, since by then the turn may be over and nothing would hold the answer;
and within a chain it is the chain that holds the answer, because it has to see that one comes.
"""

from dataclasses import dataclass

from pipecat.frames.frames import (
    EagerEndOfTurnCancelFrame,
    Frame,
    LLMContextFrame,
    SystemFrame,
    TTSSpeakFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import LLMService

__all__ = ["ModelAtWorkFrame", "SpeculatingModel", "Withdrawals"]


@dataclass
class ModelAtWorkFrame(SystemFrame):
    """A piece of a tool call has come, of which a chain sees nothing else before it is whole."""


class Withdrawals:
    """Tells which questions came before their withdrawal, which overtakes them."""

    def __init__(self) -> None:
        self._latest = -1

    def note(self, frame: Frame) -> None:
        """Take note of a withdrawal."""
        if isinstance(frame, EagerEndOfTurnCancelFrame):
            self._latest = max(self._latest, frame.id)

    def withdrew(self, frame: Frame) -> bool:
        """Whether a frame is a question that nobody wants an answer to."""
        return isinstance(frame, LLMContextFrame) and frame.speculation and frame.id < self._latest


class SpeculatingModel(LLMService):
    """A language model's service, to be mixed in ahead of another one."""

    _in_chain = False

    def __init__(self, **given: object) -> None:
        super().__init__(**given)  # type: ignore[arg-type]
        self._withdrawals = Withdrawals()

    @property
    def is_asked_ahead(self) -> bool:
        """Whether what it answers may be thrown away yet."""
        return self._speculation_gate.is_speculating

    def wants(self, frame: Frame) -> bool:
        """Whether a frame is of use: all are but questions that were withdrawn."""
        return not self._withdrawals.withdrew(frame)

    @property
    def is_in_chain(self) -> bool:
        """Whether a chain takes what it pushes."""
        return self._in_chain

    def let_chain_hold(self) -> None:
        """From now on push answers at once; whoever takes them holds them."""
        self._in_chain = True

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Answer no question that was withdrawn."""
        self._withdrawals.note(frame)
        if self.wants(frame):
            await super().process_frame(frame, direction)

    async def push_frame(
        self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM
    ) -> None:
        """Push a frame past the gate if it is of no answer, or a chain holds those.

        The gate still learns of the turns, for tools are its to stop.
        """
        is_held_elsewhere = self._in_chain and not isinstance(frame, SystemFrame)
        if is_held_elsewhere or isinstance(frame, TTSSpeakFrame):
            await FrameProcessor.push_frame(self, frame, direction)
        else:
            await super().push_frame(frame, direction)
