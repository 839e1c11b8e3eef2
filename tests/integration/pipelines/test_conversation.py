"""Whole conversations with real models and Pipecat's own worker."""

import asyncio

from pipelines.loader import load_pipeline
from tests.integration.pipelines.telephone import FRAME_SECONDS, call

ENGLISH = """
name: english
language: en-US
stt: {service: moonshine}
llm:
  service: scripted
  rules:
    - {when: ["opening hours", "open"], say: "We are open from nine to five. Every day of the week, and on Sunday as well."}
    - {when: ["human", "colleague"], say: "I will put you through.", tool: {transfer: {to: "100"}}}
    - {when: ["goodbye", "bye"], say: "Thank you for calling. Goodbye.", tool: {hangup: {}}}
  otherwise: ["Sorry, I did not understand."]
tts: {service: hibari}
tools: [hangup]
"""


def english(**changes):
    spec = load_pipeline(ENGLISH, source="test")
    return spec.model_copy(update=changes)


async def test_understands_a_question_and_answers_it_by_rule(resources, warm, say):
    await warm(english())

    async def caller(conversation, telephone):
        await telephone.speak(conversation, say("What are your opening hours?"))
        await telephone.until(lambda: telephone.assistant)

    conversation, telephone = await call(english(), resources, caller)

    assert "opening hours" in telephone.caller[0].lower()
    said, interrupted = telephone.assistant[0]
    assert said.startswith("We are open from nine to five.")
    assert not interrupted
    roles = [message["role"] for message in conversation.context.get_messages()]
    assert roles == ["user", "assistant"]


async def test_keeps_only_the_words_that_were_heard_of_an_interrupted_answer(resources, warm, say):
    await warm(english())
    long = english(greeting="One two three four five six seven eight nine ten eleven twelve.")

    async def caller(conversation, telephone):
        await conversation.greet()
        async with asyncio.timeout(5):
            while len(telephone.speaker.played) * FRAME_SECONDS < 1.2:
                await asyncio.sleep(FRAME_SECONDS)
        await telephone.speak(conversation, say("What are your opening hours?"))
        await telephone.until(lambda: len(telephone.assistant) > 1)

    conversation, telephone = await call(long, resources, caller)

    heard, interrupted = telephone.assistant[0]
    assert interrupted
    assert heard.startswith("One two three")
    assert "ten" not in heard
    assert conversation.context.get_messages()[0] == {"role": "assistant", "content": heard}
    assert telephone.assistant[1][0].startswith("We are open")


async def test_hangs_up_once_goodbye_was_spoken(resources, warm, say):
    await warm(english())

    async def caller(conversation, telephone):
        await telephone.speak(conversation, say("Thank you, goodbye."))
        await telephone.until(lambda: telephone.control)
        async with asyncio.timeout(5):
            while not conversation.worker.has_finished():
                await asyncio.sleep(FRAME_SECONDS)

    _, telephone = await call(english(), resources, caller)

    assert telephone.tools == [("hangup", {})]
    assert telephone.control == [("hangup",)]
    assert telephone.played_when_ended == len(telephone.speaker.played)
    assert telephone.played_when_ended * FRAME_SECONDS > 1.2


async def test_transfers_after_it_said_so(resources, warm, say):
    await warm(english())

    async def caller(conversation, telephone):
        await telephone.speak(conversation, say("Please let me talk to a human."))
        await telephone.until(lambda: telephone.control)

    _, telephone = await call(english(), resources, caller)

    assert telephone.control == [("transfer", "100")]


async def test_takes_pressed_digits_as_what_the_caller_said(resources, warm):
    spec = load_pipeline(
        ENGLISH.replace(
            'when: ["opening hours", "open"], say: "We', 'when: ["DTMF: 12#"], say: "We'
        ),
        source="test",
    )
    await warm(english())

    async def caller(conversation, telephone):
        for digit in "12#":
            await conversation.press(digit)
        await telephone.until(lambda: telephone.assistant)

    _, telephone = await call(spec, resources, caller)

    assert telephone.caller == ["DTMF: 12#"]
    assert telephone.assistant[0][0].startswith("We are open")


async def test_asks_a_silent_caller_and_then_ends_the_call(resources, warm):
    text = ENGLISH + "greeting: Hello.\nidle: {after_ms: 1000, say: Are you there?, times: 2}\n"
    spec = load_pipeline(text, source="test")
    await warm(english())

    async def caller(conversation, _telephone):
        await conversation.greet()
        async with asyncio.timeout(15):
            while not conversation.worker.has_finished():
                await asyncio.sleep(FRAME_SECONDS)

    _, telephone = await call(spec, resources, caller)

    assert [said for said, _ in telephone.assistant] == ["Hello."] + ["Are you there?"] * 2


async def test_a_cough_during_an_answer_is_asked_about_within_two_seconds(resources, warm):
    spec = english(greeting="One two three four five six seven eight nine ten eleven twelve.")
    await warm(english())

    async def caller(conversation, telephone):
        await conversation.greet()
        async with asyncio.timeout(5):
            while len(telephone.speaker.played) * FRAME_SECONDS < 0.6:
                await asyncio.sleep(FRAME_SECONDS)
        await telephone.speak(conversation, bytes(2 * 8000 // 4), after=0.3)
        await telephone.until(lambda: len(telephone.assistant) > 1, seconds=4)

    _, telephone = await call(spec, resources, caller)

    assert telephone.assistant[1][0] == "Sorry, I did not understand."


async def test_says_nothing_into_speech_that_it_may_not_hear(resources, warm, say):
    text = ENGLISH + "greeting: One two three four five six seven eight nine ten.\n"
    spec = load_pipeline(text + "turn: {barge_in: {enabled: false}}\n", source="test")
    await warm(english())

    async def caller(conversation, telephone):
        await conversation.greet()
        async with asyncio.timeout(5):
            while not telephone.speaker.played:
                await asyncio.sleep(FRAME_SECONDS)
        await telephone.speak(conversation, say("What are your opening hours?"), after=0.3)
        await telephone.until(lambda: telephone.assistant)

    _, telephone = await call(spec, resources, caller)

    assert telephone.assistant == [(spec.greeting, False)]
    assert telephone.caller == []


async def test_ends_a_turn_by_silence_alone(resources, warm, say):
    spec = load_pipeline(ENGLISH + "turn: {stop: silence}\n", source="test")
    await warm(english())

    async def caller(conversation, telephone):
        await telephone.speak(conversation, say("What are your opening hours?"))
        await telephone.until(lambda: telephone.assistant)

    _, telephone = await call(spec, resources, caller)

    assert telephone.assistant[0][0].startswith("We are open")


async def test_echoes_what_was_recorded(resources, warm, recording):
    spec = load_pipeline("name: echo\nextends: echo-en\n", source="test")
    await warm(spec)

    async def caller(conversation, telephone):
        await telephone.speak(conversation, recording[: 16_000 * 4])
        await telephone.until(lambda: telephone.caller)

    _, telephone = await call(spec, resources, caller)

    assert len(telephone.caller[0].split()) > 4
