"""Answers by rules: no key, no model, the same every time (``pipelines.rules``)."""

import uuid
from typing import Any

from pipecat.adapters.llm.base_llm_adapter import BaseLLMAdapter
from pipecat.frames.frames import (
    EagerEndOfTurnCancelFrame,
    Frame,
    FunctionCallFromLLM,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.settings import LLMSettings

from pipelines.actions import CallActionFrame
from pipelines.flows.progress import Progress
from pipelines.flows.replies import StepResponder
from pipelines.rules import Reply, Responder, Script, sentences
from pipelines.services.entry import Request, ServiceEntry
from pipelines.speculation import SpeculatingModel


class PlainAdapter(BaseLLMAdapter[dict[str, Any]]):  # type: ignore[no-untyped-call]
    """An adapter to no provider: without one, Pipecat imports the OpenAI client (0.3 s)."""

    @property
    def id_for_llm_specific_messages(self) -> str:
        """Return a name that no message bears."""
        return "plain"

    async def get_llm_invocation_params(self, context: LLMContext, **_: Any) -> dict[str, Any]:
        """Return the context's messages."""
        return {"messages": self.get_messages(context)}

    def to_provider_tools_format(self, tools_schema: Any) -> list[Any]:
        """Return no tools: rules call them by name."""
        del tools_schema
        return []

    def get_messages_for_logging(self, context: LLMContext) -> list[dict[str, Any]]:
        """Return the messages that are plain."""
        messages: list[Any] = self.get_messages(context)
        return [message for message in messages if isinstance(message, dict)]


class ResponderService(SpeculatingModel):
    """A language model's place in a pipeline, taken by something that answers at once.

    Streams its answer sentence by sentence. Subclasses say what the answer is.
    """

    adapter_class = PlainAdapter

    is_in_steps = False
    """Whether it is asked to speak first in a step, or about what a function brought."""

    def __init__(self, *, name: str) -> None:
        settings = LLMSettings(  # Pipecat complains of each one that is not given
            model=name,
            system_instruction=None,
            temperature=None,
            max_tokens=None,
            top_p=None,
            top_k=None,
            frequency_penalty=None,
            presence_penalty=None,
            seed=None,
            user_turn_completion_config=None,
            filter_incomplete_user_turns=False,
        )
        super().__init__(settings=settings)

    def reply(self, heard: str | None) -> Reply:
        """Return the answer.

        Args:
            heard: What the caller said since the last answer; None if it was not understood, or a
                step begins.
        """
        raise NotImplementedError

    def take_back(self) -> None:
        """Forget the latest answer, which nobody will hear."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Answer a context; pass on everything else."""
        is_dropped = isinstance(frame, EagerEndOfTurnCancelFrame | InterruptionFrame)
        if is_dropped and self.is_asked_ahead:
            self.take_back()
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
        elif self.wants(frame):
            await self._answer(frame.context)

    async def _answer(self, context: LLMContext) -> None:
        heard = last_heard(context)
        if heard == "" and not self.is_in_steps:
            return
        reply = self.reply(heard or None)
        if (
            reply.tool or reply.call
        ) and self.is_asked_ahead:  # an action is not held: it would be carried out
            await self.broadcast_frame(EagerEndOfTurnCancelFrame)
            return
        await self.push_frame(LLMFullResponseStartFrame())
        try:
            await self.start_ttfb_metrics()
            await self.start_processing_metrics()
            for index, sentence in enumerate(sentences(reply.say)):
                if index == 0:
                    await self.stop_ttfb_metrics()
                await self._push_llm_text(f"{sentence} ")
            if reply.tool is not None:
                arguments = reply.tool.params.model_dump(exclude_unset=True)
                await self.push_frame(CallActionFrame(reply.tool.kind, arguments))
            if reply.call is not None:
                name, values = reply.call
                await self.run_function_calls(
                    [FunctionCallFromLLM(name, _call_id(), values, context)]
                )
            await self.stop_processing_metrics()
        finally:  # an interruption cancels this task, and the aggregator waits for the end
            await self.push_frame(LLMFullResponseEndFrame())


class ScriptedService(ResponderService):
    """Answers by rules, those of a flow's current node if there is a flow.

    Args:
        script: The pipeline's.
        progress: Where the conversation is in its flow.
    """

    def __init__(self, script: Script, progress: Progress | None = None) -> None:
        super().__init__(name="scripted")
        self._responder = StepResponder(script, progress) if progress else Responder(script)
        self.is_in_steps = progress is not None

    def reply(self, heard: str | None) -> Reply:
        """Return the answer of the first rule that matches."""
        return self._responder.not_understood() if heard is None else self._responder.answer(heard)

    def take_back(self) -> None:
        """Say again next time what was not heard."""
        self._responder.take_back()


def last_heard(context: LLMContext) -> str | None:
    """Return what the caller said since the last answer.

    Two user messages in a row are one turn that was interrupted before anything was heard.

    Returns:
        None if the last message is an instruction to answer a turn that was not understood
        (Pipecat's empty user turn, role ``developer``); empty if there is nothing to answer.
    """
    texts: list[str] = []
    for message in reversed(context.get_messages()):
        role = message.get("role") if isinstance(message, dict) else None
        if role != "user":
            if not texts and role == "developer":
                return None
            break
        texts.append(_text_of(message))
    return " ".join(text for text in reversed(texts) if text)


def _text_of(message: Any) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content.strip()
    parts = content if isinstance(content, list) else []
    texts = [part.get("text", "") for part in parts if isinstance(part, dict)]
    return " ".join(text.strip() for text in texts if isinstance(text, str))


def _make(request: Request) -> ScriptedService:
    return ScriptedService(request.params, request.progress)


def _call_id() -> str:
    """Return an id as Mistral takes them: a cloud model may read on where rules have answered."""
    return uuid.uuid4().hex[:9]


SCRIPTED = ServiceEntry(make=_make, params=Script, follows_rules=True)
