"""What is relied on of Pipecat 1.14, so that an upgrade that changes it fails here."""

import inspect
from importlib import resources as package_files
from importlib.metadata import version
from typing import Any

from pipecat.audio.turn.base_turn_analyzer import EndOfTurnState
from pipecat.frames.frames import (
    ControlFrame,
    EndWorkerFrame,
    Frame,
    InputAudioRawFrame,
    InputDTMFFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMTextFrame,
    SystemFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.observers.base_observer import BaseObserver, FramePushed
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.services.llm_service import LLMService
from pipecat.services.stt_service import STTService
from pipecat.turns.user_stop import TurnAnalyzerUserTurnStopStrategy
from pipecat.workers.runner import WorkerRunner

from pipelines import smart_turn
from pipelines.actions import CallActionFrame
from pipelines.builder import Conversation, build
from pipelines.loader import load_pipeline
from pipelines.resources import Resources
from pipelines.services.scripted import PlainAdapter, ScriptedService
from tests.integration.pipelines.conftest import Say, Warm
from tests.integration.pipelines.telephone import Telephone

SPEC = load_pipeline("name: contract\nextends: echo-en\ngreeting: ''\n", source="test")


MARKS: list[type[Frame]] = [
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
    TranscriptionFrame,
    LLMContextFrame,
    LLMTextFrame,
    TTSAudioRawFrame,
]
"""What a turn's clock waits for, in this order."""


class Frames(BaseObserver):
    """The kinds of frames that are pushed, each where it is pushed first."""

    def __init__(self) -> None:
        super().__init__(observe_every_push=False)
        self.kinds: list[type] = []
        self.audio_reached: set[str] = set()

    async def on_push_frame(self, data: FramePushed) -> None:
        self.kinds.append(type(data.frame))
        if isinstance(data.frame, InputAudioRawFrame):
            self.audio_reached.add(type(data.destination).__name__)


def test_the_version_is_the_one_that_was_read() -> None:
    assert version("pipecat-ai") == "1.14.0"


async def test_a_turn_starts_and_ends_when_no_audio_gets_past_the_recogniser(
    resources: Resources, warm: Warm, say: Say
) -> None:
    await warm(SPEC)
    telephone, frames = Telephone(), Frames()
    observed: list[Frame] = []
    conversation = build(
        SPEC,
        transport=telephone,
        resources=resources,
        control=telephone,
        listener=telephone,
        call_id="contract",
        observe=observed.append,
        observers=[frames],
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(conversation.worker)
    running = runner.create_task(runner.run())
    try:
        await telephone.speak(conversation, say("What are your opening hours?"))
        await telephone.until(lambda: telephone.assistant)
    finally:
        await conversation.worker.cancel()
        await running

    order = [
        UserStartedSpeakingFrame,
        InterruptionFrame,  # at each start, whether or not the assistant speaks
        TranscriptionFrame,
        LLMContextFrame,
    ]
    places = [frames.kinds.index(kind) for kind in order]
    assert places == sorted(places)
    assert UserStoppedSpeakingFrame in frames.kinds
    assert "LLMUserAggregator" not in frames.audio_reached
    kinds = list(dict.fromkeys(map(type, observed)))
    assert [kind for kind in kinds if kind in MARKS] == MARKS


async def test_the_greeting_waits_until_the_pipeline_has_started(
    resources: Resources, warm: Warm
) -> None:
    spec = SPEC.model_copy(update={"greeting": "Hello."})
    await warm(SPEC)
    telephone = Telephone()
    conversation = build(
        spec,
        transport=telephone,
        resources=resources,
        control=telephone,
        listener=telephone,
        call_id="contract",
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(conversation.worker)
    await conversation.greet()
    running = runner.create_task(runner.run())
    try:
        await telephone.until(lambda: telephone.assistant)
    finally:
        await conversation.worker.cancel()
        await running

    assert telephone.assistant == [("Hello.", False)]


def test_actions_go_in_order_and_survive_an_interruption() -> None:
    action = CallActionFrame("hangup", {})

    assert isinstance(action, ControlFrame)
    assert not isinstance(action, SystemFrame)
    assert not action.interruptible
    assert not EndWorkerFrame().interruptible
    assert issubclass(InputDTMFFrame, SystemFrame)


def test_what_is_overridden_is_still_there() -> None:
    assert inspect.iscoroutinefunction(STTService.process_audio_frame)
    assert inspect.iscoroutinefunction(
        inspect.getattr_static(TurnAnalyzerUserTurnStopStrategy, "_maybe_trigger_user_turn_stopped")
    )
    assert package_files.files(smart_turn.MODEL_PACKAGE).joinpath(smart_turn.MODEL_FILE).is_file()


def test_the_rules_need_no_client_of_any_provider() -> None:
    assert LLMService.adapter_class is None
    assert ScriptedService.adapter_class is PlainAdapter


async def test_turn_detection_outlives_the_conversations_that_use_it(resources: Resources) -> None:
    model = smart_turn.load_model(resources)
    first, second = smart_turn.SmartTurn(model, resources), smart_turn.SmartTurn(model, resources)
    first.set_sample_rate(8000)
    second.set_sample_rate(8000)
    await first.cleanup()  # type: ignore[no-untyped-call]

    second.feed(bytes(320), speaking=True)
    state, metrics = await second.analyze_end_of_turn()

    assert state in EndOfTurnState
    assert metrics is not None


async def test_silence_after_unfinished_speech_is_told_after_a_second(resources: Resources) -> None:
    analyzer = smart_turn.SmartTurn(smart_turn.load_model(resources), resources)
    analyzer.set_sample_rate(8000)
    told: list[Any] = []
    analyzer.on_silence = lambda: told.append(1)

    analyzer.feed(bytes(320), speaking=True)
    for _ in range(49):
        analyzer.feed(bytes(320), speaking=False)
    before = list(told)
    analyzer.feed(bytes(320), speaking=False)

    assert (before, told) == ([], [1])


async def test_a_context_without_tools_is_told_none(resources: Resources, warm: Warm) -> None:
    await warm(SPEC)
    telephone = Telephone()

    conversation: Conversation = build(
        SPEC,
        transport=telephone,
        resources=resources,
        control=telephone,
        listener=telephone,
        call_id="contract",
    )

    assert isinstance(conversation.context, LLMContext)
    assert conversation.context.get_messages() == []
