"""Whole conversations with real models and Pipecat's own worker."""

from typing import Any

from pipelines.builder import Conversation
from pipelines.loader import load_pipeline
from pipelines.resources import Resources
from pipelines.spec import PipelineSpec
from tests.integration.pipelines.conftest import Say, Warm
from tests.integration.pipelines.telephone import Telephone, call

ENGLISH = """
name: english
language: en-US
stt: {service: moonshine}
llm:
  service: scripted
  rules:
    - when: ["opening hours", "open"]
      say: "We are open from nine to five. Every day."
    - {when: ["human", "colleague"], say: "I will put you through.", tool: {transfer: {to: "100"}}}
    - {when: ["goodbye", "bye"], say: "Thank you for calling. Goodbye.", tool: {hangup: {}}}
  otherwise: ["Sorry, I did not understand."]
tts: {service: hibari}
tools: [hangup]
"""


def english(**changes: object) -> PipelineSpec:
    spec = load_pipeline(ENGLISH, source="test")
    return spec.model_copy(update=changes)


def messages(conversation: Conversation) -> list[Any]:
    return list(conversation.context.get_messages())


async def test_understands_a_question_and_answers_it_by_rule(
    resources: Resources, warm: Warm, say: Say
) -> None:
    await warm(english())

    async def caller(conversation: Conversation, telephone: Telephone) -> None:
        await telephone.speak(conversation, say("What are your opening hours?"))
        await telephone.until(lambda: telephone.assistant)

    conversation, telephone = await call(english(), resources, caller)

    assert "opening hours" in telephone.caller[0].lower()
    said, interrupted = telephone.assistant[0]
    assert said.startswith("We are open from nine to five.")
    assert not interrupted
    assert [message.get("role") for message in messages(conversation)] == ["user", "assistant"]


async def test_keeps_only_the_words_that_were_heard_of_an_interrupted_answer(
    resources: Resources, warm: Warm, say: Say
) -> None:
    await warm(english())
    long = english(greeting="One two three four five six seven eight nine ten eleven twelve.")

    async def caller(conversation: Conversation, telephone: Telephone) -> None:
        await conversation.greet()
        await telephone.until(lambda: telephone.speaker.seconds > 1.2)
        await telephone.speak(conversation, say("What are your opening hours?"))
        await telephone.until(lambda: len(telephone.assistant) > 1)

    conversation, telephone = await call(long, resources, caller)

    heard, interrupted = telephone.assistant[0]
    assert interrupted
    assert heard.startswith("One two three")
    assert "ten" not in heard
    assert messages(conversation)[0] == {"role": "assistant", "content": heard}
    assert telephone.assistant[1][0].startswith("We are open")


async def test_hangs_up_once_goodbye_was_spoken(resources: Resources, warm: Warm, say: Say) -> None:
    await warm(english())

    async def caller(conversation: Conversation, telephone: Telephone) -> None:
        await telephone.speak(conversation, say("Thank you, goodbye."))
        await telephone.until(lambda: telephone.control)
        await telephone.until(lambda: telephone.ended)

    _, telephone = await call(english(), resources, caller)

    assert telephone.tools == [("hangup", {})]
    assert telephone.control == [("hangup",)]
    assert telephone.played_when_ended == len(telephone.speaker.played)
    assert telephone.speaker.seconds > 1.2


async def test_transfers_after_it_said_so(resources: Resources, warm: Warm, say: Say) -> None:
    await warm(english())

    async def caller(conversation: Conversation, telephone: Telephone) -> None:
        await telephone.speak(conversation, say("Please let me talk to a human."))
        await telephone.until(lambda: telephone.control)

    _, telephone = await call(english(), resources, caller)

    assert telephone.control == [("transfer", "100")]


async def test_takes_pressed_digits_as_what_the_caller_said(
    resources: Resources, warm: Warm
) -> None:
    spec = load_pipeline(
        ENGLISH.replace('["opening hours", "open"]', '["DTMF: 12#"]'), source="test"
    )
    await warm(english())

    async def caller(conversation: Conversation, telephone: Telephone) -> None:
        for digit in "12#":
            await conversation.press(digit)
        await telephone.until(lambda: telephone.assistant)

    _, telephone = await call(spec, resources, caller)

    assert telephone.caller == ["DTMF: 12#"]
    assert telephone.assistant[0][0].startswith("We are open")


async def test_asks_a_silent_caller_and_then_ends_the_call(
    resources: Resources, warm: Warm
) -> None:
    text = ENGLISH + "greeting: Hello.\nidle: {after_ms: 1000, say: Are you there?, times: 2}\n"
    spec = load_pipeline(text, source="test")
    await warm(english())

    async def caller(conversation: Conversation, telephone: Telephone) -> None:
        await conversation.greet()
        await telephone.until(lambda: telephone.ended, seconds=20)

    _, telephone = await call(spec, resources, caller)

    assert [said for said, _ in telephone.assistant] == ["Hello."] + ["Are you there?"] * 2


async def test_a_cough_during_an_answer_is_asked_about_within_two_seconds(
    resources: Resources, warm: Warm
) -> None:
    spec = english(greeting="One two three four five six seven eight nine ten eleven twelve.")
    await warm(english())

    async def caller(conversation: Conversation, telephone: Telephone) -> None:
        await conversation.greet()
        await telephone.until(lambda: telephone.speaker.seconds > 0.6)
        await telephone.speak(conversation, bytes(2 * 8000 // 4), after=0.3)
        await telephone.until(lambda: len(telephone.assistant) > 1, seconds=4)

    _, telephone = await call(spec, resources, caller)

    assert telephone.assistant[1][0] == "Sorry, I did not understand."


async def test_says_nothing_into_speech_that_it_may_not_hear(
    resources: Resources, warm: Warm, say: Say
) -> None:
    text = ENGLISH + "greeting: One two three four five six seven eight nine ten.\n"
    spec = load_pipeline(text + "turn: {barge_in: {enabled: false}}\n", source="test")
    await warm(english())

    async def caller(conversation: Conversation, telephone: Telephone) -> None:
        await conversation.greet()
        await telephone.until(lambda: telephone.speaker.played)
        await telephone.speak(conversation, say("What are your opening hours?"), after=0.3)
        await telephone.until(lambda: telephone.assistant)

    _, telephone = await call(spec, resources, caller)

    assert telephone.assistant == [(spec.greeting, False)]
    assert telephone.caller == []


async def test_ends_a_turn_by_silence_alone(resources: Resources, warm: Warm, say: Say) -> None:
    spec = load_pipeline(ENGLISH + "turn: {stop: silence}\n", source="test")
    await warm(english())

    async def caller(conversation: Conversation, telephone: Telephone) -> None:
        await telephone.speak(conversation, say("What are your opening hours?"))
        await telephone.until(lambda: telephone.assistant)

    _, telephone = await call(spec, resources, caller)

    assert telephone.assistant[0][0].startswith("We are open")


async def test_echoes_what_was_recorded(resources: Resources, warm: Warm, recording: bytes) -> None:
    spec = load_pipeline("name: echo\nextends: echo-en\n", source="test")
    await warm(spec)

    async def caller(conversation: Conversation, telephone: Telephone) -> None:
        await telephone.speak(conversation, recording[: 16_000 * 4])
        await telephone.until(lambda: any(telephone.caller))

    _, telephone = await call(spec, resources, caller)

    *too_early, heard = telephone.caller
    assert not any(too_early), "a transcript that comes late is a turn of its own"
    assert len(heard.split()) > 4


async def test_speech_longer_than_the_model_hears_is_one_turn(
    resources: Resources, warm: Warm, recording: bytes
) -> None:
    spec = load_pipeline("name: long\nextends: echo-en\nturn: {stop: silence}\n", source="test")
    await warm(spec)

    async def caller(conversation: Conversation, telephone: Telephone) -> None:
        await telephone.speak(conversation, recording + recording[: 16_000 * 4])
        await telephone.until(lambda: telephone.caller)

    _, telephone = await call(spec, resources, caller)

    assert len(telephone.caller) == 1
    assert telephone.caller[0].lower().count("ever failed") == 2
