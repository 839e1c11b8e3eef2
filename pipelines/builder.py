"""One conversation's Pipecat pipeline, of a spec.

::

    input -> stt -> digits -> caller's turns -> llm -> gate -> tts -> output -> runner -> context

The telephone pushes the VAD's verdicts before the recogniser, which lets no audio past.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from loguru import logger
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import (
    EndWorkerFrame,
    Frame,
    InputDTMFFrame,
    InterruptionFrame,
    LLMMessagesAppendFrame,
    TTSSpeakFrame,
)
from pipecat.observers.base_observer import BaseObserver
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.frame_processor import FrameProcessor

from pipelines import turn
from pipelines.actions import ActionGate, ActionRunner, SpokenFrame
from pipelines.fallback.assemble import make_stage, turn_timeout
from pipelines.flows.director import Director
from pipelines.flows.progress import Progress
from pipelines.graph import DIGITS_SECONDS, graph_of, own_processor
from pipelines.own_processors import make_processor
from pipelines.ports import Anticipating, CallControl, ConversationListener, PhoneTransport
from pipelines.registry import KINDS, REGISTRY, Registry
from pipelines.resources import Resources
from pipelines.spec import IdleSpec, PipelineSpec
from pipelines.speech import TELEPHONE_RATE
from pipelines.tools.digits import DigitCollector
from pipelines.tools.schema import Toolbox, tools_schema
from pipelines.validate import candidates_of


@dataclass(slots=True)
class Conversation:
    """A pipeline that is ready to run.

    Attributes:
        worker: To be run by Pipecat's ``WorkerRunner``; it ends by itself after a hang-up or a
            transfer, and is cancelled when the caller has gone.
        context: What was said, as language models have it.
        spec: What it was built of.
        gave_up: Whether it ends because the caller said nothing for so long.
        is_parked: Whether the caller cannot be heard: then nobody asks why there is silence.
    """

    worker: PipelineWorker
    context: LLMContext
    spec: PipelineSpec
    gave_up: bool = False
    is_parked: bool = False

    async def greet(self) -> None:
        """Say disclosure and greeting, if any; right after the worker was added to a runner."""
        if self.spec.opening:
            await self.say(self.spec.opening)

    async def say(self, text: str) -> None:
        """Say a text after what is being said."""
        await self.worker.queue_frame(TTSSpeakFrame(text, append_to_context=True))

    async def announce(self, text: str) -> None:
        """Say a text that is not of the conversation; return when the telephone has it."""
        behind = SpokenFrame()
        await self.worker.queue_frames([TTSSpeakFrame(text, append_to_context=False), behind])
        await behind.spoken.wait()

    async def hush(self) -> None:
        """Drop what is being said and what waits to be said."""
        await self.worker.queue_frame(InterruptionFrame())

    async def note(self, text: str) -> None:
        """Tell the language model what happened, without having it answer."""
        message: Any = {"role": "developer", "content": text}
        await self.worker.queue_frame(LLMMessagesAppendFrame([message], run_llm=False))

    async def press(self, digit: str) -> None:
        """Take a digit that the caller pressed.

        Args:
            digit: One of ``0`` to ``9``, ``*`` and ``#``; others are ignored.
        """
        try:
            button = KeypadEntry(digit)
        except ValueError:
            return
        await self.worker.queue_frame(InputDTMFFrame(button=button))

    async def end_call(self, reason: str) -> None:
        """End the pipeline once all that is being said has been said."""
        await self.worker.queue_frame(EndWorkerFrame(reason=reason))


def build(
    spec: PipelineSpec,
    *,
    transport: PhoneTransport,
    resources: Resources,
    control: CallControl,
    listener: ConversationListener,
    call_id: str,
    observe: Callable[[Frame], None] | None = None,
    on_secret: Callable[[bool], None] | None = None,
    observers: Sequence[BaseObserver] = (),
    registry: Registry = REGISTRY,
) -> Conversation:
    """Build a conversation. Takes milliseconds once ``resources`` are warm.

    Args:
        spec: Of the conversation.
        transport: Its telephone.
        resources: What all conversations share.
        control: Does what the model wants done in the call.
        listener: Told of turns and tools.
        call_id: In the names of its parts.
        observe: Called with each frame when input, stt, the caller's turns, llm or tts push it,
            before the next one has it; again when another of these passes it on.
        on_secret: Called with true when the caller begins to type what nobody else is to know, and
            with false when that is over.
        observers: Pipecat's own, told of every hop by a queue and a task: one takes a tenth of
            the loop's time.
        registry: Of services.

    Raises:
        SpecError: A service or a parameter is wrong.
        ServiceUnavailable: A model, a program or a key is missing.
    """
    candidates = {kind: candidates_of(spec, kind, registry) for kind in KINDS}
    progress = Progress(spec.flow, spec.tools) if spec.flow else None
    stt, llm, tts = (
        make_stage(kind, candidates[kind], spec, resources, listener, progress=progress)
        for kind in KINDS
    )
    if isinstance(stt, Anticipating):
        transport.add_pause_tap(stt.caller_paused)
    toolbox = Toolbox(resources, listener, DigitCollector(DIGITS_SECONDS, on_secret))
    if progress:
        context = Director(progress, toolbox).context
    elif spec.tools and any(candidate.entry.calls_tools for candidate in candidates["llm"]):
        context = LLMContext(tools=tools_schema(spec.tools, toolbox))
    else:
        context = LLMContext()
    strategies = turn.strategies(
        spec.turn,
        resources,
        transport,
        ends_utterances=all(candidate.entry.ends_utterances for candidate in candidates["stt"]),
    )
    pair = LLMContextAggregatorPair(
        context,
        user_params=LLMUserAggregatorParams(
            user_turn_strategies=strategies,
            user_mute_strategies=turn.mutes(spec.turn),
            user_turn_stop_timeout=turn_timeout(candidates["stt"]),
            user_idle_timeout=spec.idle.after_ms / 1000 if spec.idle else 0,
        ),
    )
    turn.follow(strategies, pair)
    if observe is not None:
        _observe((transport.input(), stt, pair.user(), llm, tts), observe)
    processors: dict[str, FrameProcessor] = {
        "input": transport.input(),
        "stt": stt,
        "digits": toolbox.digits,
        "caller": pair.user(),
        "llm": llm,
        "gate": ActionGate(listener),
        "tts": tts,
        "output": transport.output(),
        "runner": ActionRunner(control),
        "context": pair.assistant(),
    }
    for index in range(len(spec.processors)):
        processors[own_processor(index)] = make_processor(spec, index)
    pipeline = Pipeline([processors[stage.name] for stage in graph_of(spec).stages])
    worker = PipelineWorker(
        pipeline,
        params=PipelineParams(
            audio_in_sample_rate=TELEPHONE_RATE,
            audio_out_sample_rate=TELEPHONE_RATE,
            enable_metrics=True,
            enable_usage_metrics=True,
        ),
        observers=list(observers),
        enable_rtvi=False,
        enable_turn_tracking=False,
        idle_timeout_secs=None,
        cancel_runner_on_idle_timeout=False,
        conversation_id=call_id,
        name=f"call-{call_id}",
    )
    conversation = Conversation(worker, context, spec)
    _tell(pair, listener, conversation)
    return conversation


def _observe(stages: tuple[FrameProcessor, ...], observe: Callable[[Frame], None]) -> None:
    async def pushed(_stage: FrameProcessor, frame: Frame) -> None:
        observe(frame)

    for stage in stages:
        stage.add_event_handler("on_before_push_frame", pushed)


def _tell(
    pair: LLMContextAggregatorPair, listener: ConversationListener, conversation: Conversation
) -> None:
    """Connect the aggregators' events to the listener and to what happens when nobody speaks."""
    caller, assistant = pair.user(), pair.assistant()
    patience = _Patience(conversation) if conversation.spec.idle else None
    started_at: list[float] = []

    async def turn_started(_aggregator: Any, _strategy: Any) -> None:
        started_at[:] = [asyncio.get_running_loop().time()]
        if patience:
            patience.renew()

    async def turn_stopped(_aggregator: Any, _strategy: Any, message: Any) -> None:
        listener.caller_turn(
            message.content or "", started_at=started_at[0] if started_at else None
        )

    async def answer_stopped(_aggregator: Any, message: Any) -> None:
        if message.content or message.interrupted:
            listener.assistant_turn(message.content, interrupted=message.interrupted)

    caller.add_event_handler("on_user_turn_started", turn_started)
    caller.add_event_handler("on_user_turn_stopped", turn_stopped)
    assistant.add_event_handler("on_assistant_turn_stopped", answer_stopped)
    if patience:
        caller.add_event_handler("on_user_turn_idle", patience.lose)


class _Patience:
    """Asks a silent caller so many times, then ends the call."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._idle = conversation.spec.idle or IdleSpec()
        self._asked = 0

    def renew(self) -> None:
        self._asked = 0

    async def lose(self, _aggregator: Any) -> None:
        if self._conversation.is_parked:
            return
        if self._asked >= self._idle.times:
            logger.info("conversation.idle")
            self._conversation.gave_up = True
            await self._conversation.end_call("idle")
            return
        self._asked += 1
        if self._idle.say:
            await self._conversation.say(self._idle.say)
