"""What is done to the call in the order in which it was said: hang up, transfer, digits.

A language model pushes an action while its answer is still being made. The action travels
behind that answer through speech synthesis and output, and is carried out when it comes out.
Neither an interruption nor the end of the pipeline drops it: what was announced is done.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from loguru import logger
from pipecat.frames.frames import (
    ControlFrame,
    EndWorkerFrame,
    Frame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from pipelines.ports import AttendedTransfer, CallControl, ConversationListener


@dataclass
class CallActionFrame(ControlFrame):
    """An action on its way to where it is carried out.

    Attributes:
        tool: ``hangup``, ``transfer`` or ``send_dtmf``.
        arguments: ``to`` and what else a transfer has, or ``digits``.
        after_next_answer: Whether an answer is on its way that has to be said first.
    """

    interruptible: bool = field(default=False, init=False)
    tool: str = "hangup"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    after_next_answer: bool = False


@dataclass
class SpokenFrame(ControlFrame):
    """Travels behind what is being said, and tells when that has been handed to the telephone.

    Attributes:
        spoken: Set then.
    """

    interruptible: bool = field(default=False, init=False)
    spoken: asyncio.Event = field(default_factory=asyncio.Event)


class ActionGate(FrameProcessor):
    """Stands behind the language model: holds an action until the answer around it is complete.

    Within an answer the last sentence may still be without its end, and would be overtaken.
    """

    def __init__(self, listener: ConversationListener) -> None:
        super().__init__()
        self._listener = listener
        self._answering = False
        self._held: list[CallActionFrame] = []
        self._for_next_answer: list[CallActionFrame] = []

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Pass everything on; an action after the end of its answer."""
        await super().process_frame(frame, direction)
        if isinstance(frame, CallActionFrame):
            self._listener.tool_called(frame.tool, frame.arguments)
            if frame.after_next_answer:
                self._for_next_answer.append(frame)
                return
            if self._answering:
                self._held.append(frame)
                return
        elif isinstance(frame, LLMFullResponseStartFrame):
            self._answering = True
            self._held += self._for_next_answer
            self._for_next_answer = []
        await self.push_frame(frame, direction)
        if isinstance(frame, LLMFullResponseEndFrame):
            self._answering = False
            held, self._held = self._held, []
            for action in held:
                await self.push_frame(action)


class ActionRunner(FrameProcessor):
    """Stands behind the output: carries actions out."""

    def __init__(self, control: CallControl) -> None:
        super().__init__()
        self._control = control

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Carry out an action; pass on everything else."""
        await super().process_frame(frame, direction)
        if isinstance(frame, SpokenFrame):
            frame.spoken.set()
            return
        if not isinstance(frame, CallActionFrame):
            await self.push_frame(frame, direction)
            return
        logger.bind(tool=frame.tool).info("conversation.action")
        if frame.tool == "send_dtmf":
            await self._control.send_digits(str(frame.arguments.get("digits", "")))
            return
        if frame.arguments.get("mode") == "attended":
            await self._control.consult(_attended(frame.arguments))
            return
        if frame.tool == "transfer":
            await self._control.transfer(str(frame.arguments.get("to", "")))
        else:
            await self._control.hangup()
        await self.push_frame(EndWorkerFrame(reason=frame.tool))


def _attended(arguments: Mapping[str, Any]) -> AttendedTransfer:
    fields = AttendedTransfer.__slots__
    return AttendedTransfer(**{name: arguments[name] for name in fields if name in arguments})
