"""The caller speaks while the assistant does: what interrupts, what does not, and what is kept.

Pipecat's own pipeline; recognition, answers and voice are stubs that say what the test wants.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from pipecat.frames.frames import (
    Frame,
    FunctionCallsStartedFrame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMContextFrame,
    OutputAudioRawFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.workers.runner import WorkerRunner

from pipelines.builder import Conversation, build
from pipelines.registry import Registry
from pipelines.resources import Resources
from pipelines.rules import Reply
from pipelines.services.entry import Request, ServiceEntry
from pipelines.services.recognition import LocalRecognition
from pipelines.services.scripted import ResponderService
from pipelines.services.synthesis import LocalSynthesis
from pipelines.spec import BargeInSpec, PipelineSpec, ServiceSpec, Spec, TurnSpec, VadSpec
from tests.integration.pipelines.telephone import RATE, Speaker, Telephone

STUB = ServiceSpec(service="stub")
GREETING = "One two three four five six seven eight nine ten."
SECONDS = 3.0
STOP_SECONDS = 0.2
FRAME = bytes(320)

Stop = Literal["smart-turn", "silence"]
STOPS = pytest.mark.parametrize("stop", ["smart-turn", "silence"])


class Ears:
    """Understands what the test says, once it lets it."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.may_understand = threading.Event()
        self.may_understand.set()

    def recognise(self, samples: NDArray[np.float32]) -> str:
        del samples
        assert self.may_understand.wait(10)
        return self.texts.pop(0)


class Voice:
    """Says everything in three seconds."""

    name = "stub"
    sample_rate = RATE

    def synthesize(self, text: str) -> NDArray[np.float32]:
        del text
        return np.full(int(SECONDS * RATE), 0.1, np.float32)


class Brain(ResponderService):
    """Answers everything alike, once the test lets it."""

    def __init__(self, may_answer: asyncio.Event) -> None:
        super().__init__(name="stub")
        self._may_answer = may_answer

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        if isinstance(frame, LLMContextFrame):
            await self._may_answer.wait()
        await super().process_frame(frame, direction)

    def reply(self, heard: str | None) -> Reply:
        return Reply(f"You said {heard}")


class HoldingSpeaker(Speaker):
    """Plays nothing while it is held; an interruption ends that."""

    interruptions = 0

    def __init__(self, changed: asyncio.Event) -> None:
        super().__init__(changed)
        self._open = asyncio.Event()
        self._open.set()

    @property
    def held(self) -> bool:
        return not self._open.is_set()

    def hold(self) -> None:
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InterruptionFrame):
            self.interruptions += 1
            self.release()
            self._changed.set()

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        await self._open.wait()
        return await super().write_audio_frame(frame)


class HoldingTelephone(Telephone):
    """Holds the assistant back at the start of speech, as it is asked to."""

    def __init__(self) -> None:
        super().__init__()
        self.speaker: HoldingSpeaker = HoldingSpeaker(self.changed)
        self.ears = Ears()
        self.dismissed = 0
        self.holds: bool | None = None
        self.expected = False
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self._speaking = False

    @property
    def is_held(self) -> bool:
        return self.speaker.held

    def allow_barge_in(self, *, hold: bool) -> None:
        self.holds = hold

    def expect_speech(self, *, expected: bool) -> None:
        self.expected = expected
        self.changed.set()

    def dismiss_barge_in(self) -> None:
        self.dismissed += self.speaker.held
        self.speaker.release()
        self.changed.set()

    async def hear(self, conversation: Conversation, seconds: float, *, hold: bool = True) -> None:
        """Have the caller speak for so long, as the VAD tells it."""
        if hold:
            self.speaker.hold()
        queue = conversation.worker.queue_frame
        self._speaking = True
        await queue(VADUserStartedSpeakingFrame(start_secs=0.1))
        await asyncio.sleep(seconds + STOP_SECONDS)
        self._speaking = False
        await queue(VADUserStoppedSpeakingFrame(stop_secs=STOP_SECONDS))

    async def listen(self, conversation: Conversation) -> None:
        """Let the caller's line come in."""
        while True:
            for tap in self._taps:
                tap(FRAME, self._speaking)
            await conversation.worker.queue_frame(InputAudioRawFrame(FRAME, RATE, 1))
            await asyncio.sleep(0.02)


@pytest.fixture
def resources() -> Iterator[Resources]:
    shared = Resources()
    yield shared
    shared.close()


async def talk(
    resources: Resources,
    script: Callable[[Conversation, HoldingTelephone], Awaitable[None]],
    *,
    stop: Stop = "silence",
    barge_in: BargeInSpec | None = None,
) -> tuple[Conversation, HoldingTelephone]:
    """Run a conversation that begins with a greeting of three seconds."""
    telephone = HoldingTelephone()

    def hearing(request: Request) -> LocalRecognition:
        return LocalRecognition(
            telephone.ears, resources, language=request.spec.language, model="stub", latency=0.5
        )

    registry: Registry = {
        "stt": {"stub": ServiceEntry(make=hearing, params=Spec)},
        "llm": {"stub": ServiceEntry(make=lambda _: Brain(telephone.may_answer), params=Spec)},
        "tts": {
            "stub": ServiceEntry(
                make=lambda request: LocalSynthesis(
                    Voice(), resources, language=request.spec.language
                ),
                params=Spec,
            )
        },
    }
    spec = PipelineSpec(
        name="barge-in",
        language="en-US",
        greeting=GREETING,
        stt=STUB,
        llm=STUB,
        tts=STUB,
        turn=TurnSpec(
            stop=stop,
            vad=VadSpec(stop_ms=round(1000 * STOP_SECONDS)),
            barge_in=barge_in or BargeInSpec(),
        ),
    )
    conversation = build(
        spec,
        transport=telephone,
        resources=resources,
        control=telephone,
        listener=telephone,
        call_id="test",
        registry=registry,
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(conversation.worker)
    running = asyncio.create_task(runner.run())
    listening = asyncio.create_task(telephone.listen(conversation))
    try:
        await conversation.greet()
        await telephone.until(lambda: telephone.speaker.seconds > 0.5)
        await script(conversation, telephone)
    finally:
        listening.cancel()
        await conversation.worker.cancel()
        await asyncio.wait_for(running, 10)
    return conversation, telephone


def messages(conversation: Conversation) -> list[tuple[Any, Any]]:
    return [(said.get("role"), said.get("content")) for said in conversation.context.get_messages()]  # type: ignore[union-attr]


@pytest.mark.parametrize("stop", ["smart-turn"])
async def test_after_a_cough_the_answer_goes_on_and_nothing_is_kept_of_it(
    resources: Resources, stop: Stop
) -> None:
    async def caller(conversation: Conversation, telephone: HoldingTelephone) -> None:
        telephone.ears.texts = [""]
        await telephone.hear(conversation, 0.15)
        await telephone.until(lambda: telephone.speaker.seconds > SECONDS - 0.03)
        await telephone.until(lambda: telephone.assistant)
        assert telephone.holds

    conversation, telephone = await talk(resources, caller, stop=stop)

    assert telephone.dismissed == 1
    assert telephone.speaker.interruptions == 0
    assert telephone.assistant == [(GREETING, False)]
    assert telephone.caller == []
    assert messages(conversation) == [("assistant", GREETING)]


@STOPS
async def test_a_short_word_interrupts_when_it_is_understood_and_is_answered(
    resources: Resources, stop: Stop
) -> None:
    async def caller(conversation: Conversation, telephone: HoldingTelephone) -> None:
        telephone.ears.texts = ["stop"]
        telephone.ears.may_understand.clear()
        await telephone.hear(conversation, 0.15)
        await asyncio.sleep(0.2)
        assert telephone.speaker.held
        assert telephone.speaker.interruptions == 0
        telephone.ears.may_understand.set()
        await telephone.until(lambda: telephone.caller, 1.6)
        assert telephone.speaker.interruptions == 1
        await telephone.until(lambda: len(telephone.assistant) == 2)

    conversation, telephone = await talk(resources, caller, stop=stop)

    heard, interrupted = telephone.assistant[0]
    assert interrupted
    assert GREETING.startswith(heard)
    assert telephone.caller == ["stop"]
    assert telephone.dismissed == 0
    kept = [("assistant", heard), ("user", "stop"), ("assistant", "You said stop")]
    assert messages(conversation) == kept


@pytest.mark.parametrize("stop", ["silence"])
async def test_speech_that_goes_on_interrupts_before_its_end(
    resources: Resources, stop: Stop
) -> None:
    async def caller(conversation: Conversation, telephone: HoldingTelephone) -> None:
        telephone.ears.texts = ["a long question"]
        speaking = asyncio.create_task(telephone.hear(conversation, 1.2))
        await asyncio.sleep(0.4)
        assert telephone.speaker.held
        await telephone.until(lambda: telephone.speaker.interruptions)
        assert not telephone.speaker.held
        assert not speaking.done()
        await speaking
        await telephone.until(lambda: len(telephone.assistant) == 2)

    conversation, telephone = await talk(resources, caller, stop=stop)

    heard = telephone.assistant[0][0]
    assert telephone.caller == ["a long question"]
    assert messages(conversation)[:2] == [("assistant", heard), ("user", "a long question")]
    assert telephone.speaker.interruptions == 1


async def test_an_answer_goes_on_when_nothing_is_understood_in_time_and_stops_when_it_is_later(
    resources: Resources,
) -> None:
    async def caller(conversation: Conversation, telephone: HoldingTelephone) -> None:
        telephone.ears.texts = ["wait"]
        telephone.ears.may_understand.clear()
        await telephone.hear(conversation, 0.1)
        await telephone.until(lambda: telephone.dismissed, 0.5)
        played = telephone.speaker.seconds
        await telephone.until(lambda: telephone.speaker.seconds > played + 0.3)
        telephone.ears.may_understand.set()
        await telephone.until(lambda: telephone.caller)

    barge_in = BargeInSpec(resume_after_false_ms=300)
    conversation, telephone = await talk(resources, caller, barge_in=barge_in)

    heard, interrupted = telephone.assistant[0]
    assert interrupted
    assert messages(conversation)[:2] == [("assistant", heard), ("user", "wait")]


async def test_a_second_cough_is_waited_for_too(resources: Resources) -> None:
    async def caller(conversation: Conversation, telephone: HoldingTelephone) -> None:
        telephone.ears.texts = ["", ""]
        telephone.ears.may_understand.clear()
        await telephone.hear(conversation, 0.1)
        second = asyncio.create_task(telephone.hear(conversation, 0.1))
        await asyncio.sleep(0.05)
        telephone.ears.may_understand.set()
        await asyncio.sleep(0.15)
        assert telephone.speaker.held, "the first cough's transcript let go of the second's"
        await second
        await telephone.until(lambda: telephone.dismissed)
        await telephone.until(lambda: telephone.assistant)

    _, telephone = await talk(resources, caller)

    assert telephone.dismissed == 1
    assert telephone.assistant == [(GREETING, False)]


@STOPS
async def test_a_cough_while_the_answer_is_being_made_does_not_cost_it(
    resources: Resources, stop: Stop
) -> None:
    async def caller(conversation: Conversation, telephone: HoldingTelephone) -> None:
        telephone.ears.texts = ["a question", ""]
        telephone.may_answer.clear()
        await telephone.hear(conversation, 0.15)
        await telephone.until(lambda: telephone.caller)
        played = telephone.speaker.seconds
        await telephone.hear(conversation, 0.1, hold=telephone.expected)
        await telephone.until(lambda: telephone.dismissed)
        telephone.may_answer.set()
        await telephone.until(lambda: telephone.speaker.seconds > played + 0.5)

    _, telephone = await talk(resources, caller, stop=stop)

    assert telephone.caller == ["a question"]
    assert telephone.speaker.interruptions == 1


async def test_words_while_the_answer_is_being_made_belong_to_the_question(
    resources: Resources,
) -> None:
    async def caller(conversation: Conversation, telephone: HoldingTelephone) -> None:
        telephone.ears.texts = ["a table", "for two"]
        telephone.may_answer.clear()
        for turns in (1, 2):
            await telephone.hear(conversation, 0.15)
            await telephone.until(lambda turns=turns: len(telephone.caller) == turns)  # type: ignore[misc]
        telephone.may_answer.set()
        played = telephone.speaker.seconds
        await telephone.until(lambda: telephone.speaker.seconds > played + 0.5)

    conversation, telephone = await talk(resources, caller)

    said = [text for role, text in messages(conversation) if role == "user"]
    assert said == ["a table", "for two"]
    assert telephone.dismissed == 0


async def test_an_answer_is_expected_until_it_has_ended_and_while_a_tool_is_asked(
    resources: Resources,
) -> None:
    async def caller(conversation: Conversation, telephone: HoldingTelephone) -> None:
        assert telephone.expected, "the greeting"
        await telephone.until(lambda: telephone.assistant)
        await telephone.until(lambda: not telephone.expected)
        await conversation.worker.queue_frame(FunctionCallsStartedFrame([]))
        await telephone.until(lambda: telephone.expected)

    await talk(resources, caller)


@STOPS
async def test_enough_words_interrupt_and_what_was_heard_is_kept_before_them(
    resources: Resources, stop: Stop
) -> None:
    async def caller(conversation: Conversation, telephone: HoldingTelephone) -> None:
        telephone.ears.texts = ["stop that please"]
        await telephone.hear(conversation, 0.15, hold=False)
        await telephone.until(lambda: telephone.assistant and len(messages(conversation)) > 1)

    barge_in = BargeInSpec(min_words=2)
    conversation, telephone = await talk(resources, caller, stop=stop, barge_in=barge_in)

    heard, interrupted = telephone.assistant[0]
    assert interrupted
    kept = [("assistant", heard), ("user", "stop that please")]
    assert messages(conversation)[:2] == kept


async def test_a_silent_assistant_lets_a_turn_begin_at_once(resources: Resources) -> None:
    async def caller(conversation: Conversation, telephone: HoldingTelephone) -> None:
        await telephone.until(lambda: telephone.assistant)
        telephone.ears.texts = ["hello"]
        speaking = asyncio.create_task(telephone.hear(conversation, 0.1, hold=False))
        await telephone.until(lambda: telephone.speaker.interruptions)
        assert not speaking.done()
        await speaking
        await telephone.until(lambda: telephone.caller)

    _, telephone = await talk(resources, caller)

    assert telephone.caller == ["hello"]


@pytest.mark.parametrize(
    ("barge_in", "holds"),
    [(BargeInSpec(min_words=2), False), (BargeInSpec(enabled=False), None)],
    ids=["words", "never"],
)
async def test_where_speech_alone_does_not_interrupt_nothing_is_held(
    resources: Resources, barge_in: BargeInSpec, holds: bool | None
) -> None:
    async def caller(conversation: Conversation, telephone: HoldingTelephone) -> None:
        telephone.ears.texts = ["yes"]
        await telephone.hear(conversation, 0.4, hold=False)
        await telephone.until(lambda: telephone.assistant)

    _, telephone = await talk(resources, caller, barge_in=barge_in)

    assert telephone.holds is holds
    assert telephone.speaker.interruptions == 0
    assert telephone.assistant == [(GREETING, False)]
