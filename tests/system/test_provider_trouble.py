"""Each provider hangs, says nothing or goes away in the middle of a call, and the call goes on."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from tests.support.availability import have_or_skip
from tests.support.brief import ANSWER, GREETING, NUMBER, PROMPT, greeted, newest_record
from tests.support.exchanges import assign
from tests.support.fakes import KEY
from tests.support.leftovers import eventually_nothing_left
from tests.support.pbx import Pbx
from tests.support.provider import Provider
from tests.support.serving import Serving
from tests.support.speech import prompt
from voiceai.bench.sip_caller import SipCaller
from voiceai.fakes.azure import AzureFake
from voiceai.fakes.chat import words
from voiceai.fakes.mistral import MistralFake
from voiceai.fakes.recognisers import ScriptedRecogniser

MakeServing = Callable[..., Serving]

ANSWER_SECONDS: Final = 3.0
"""So long after their last word callers wait for an answer at most, whatever is broken."""

WORDS: Final = "That conference is full."

PIPELINE: Final = f"""\
name: clouds
extends: local-en
greeting: {GREETING}
stt: {{service: azure, silence_ms: 300, fallback: [{{service: local}}]}}
llm:
  service: mistral
  model: mistral-small-latest
  fallback: [{{service: scripted, rules: [{{when: ["\\\\w"], say: {ANSWER}}}], otherwise: ["No."]}}]
tts: {{service: azure, fallback: [{{service: local}}]}}
idle: {{after_ms: 120000}}
"""


@pytest.mark.timeout(150)
async def test_whatever_breaks_the_caller_is_answered_within_three_seconds(
    *,
    pbx: Pbx,
    provider: Provider,
    caller: SipCaller,
    serve_briefly: MakeServing,
    request: pytest.FixtureRequest,
) -> None:
    recording = have_or_skip(lambda: prompt("en", PROMPT))
    async with (
        AzureFake(recogniser=ScriptedRecogniser(otherwise=WORDS), key=KEY) as azure,
        MistralFake(respond=lambda _: words(ANSWER), key=KEY) as mistral,
        serve_briefly(
            pbx.params.ari,
            AZURE_SPEECH_KEY=KEY,
            AZURE_SPEECH_ENDPOINT=azure.url,
            MISTRAL_API_KEY=KEY,
            MISTRAL_BASE_URL=mistral.base_url,
        ) as serving,
    ):
        await assign(serving, NUMBER, PIPELINE)
        hear, speak, think = azure.recognition, azure.synthesis, mistral.chat
        troubles: list[tuple[Callable[[], Any], Callable[[], Any]]] = [
            (hear.recover, hear.recover),
            (hear.stall, hear.recover),
            (think.stall, think.recover),
            (speak.silence, speak.recover),
            *((fake.server.stop, fake.server.start) for fake in (azure, mistral)),
        ]
        call = await caller.dial(NUMBER, via=provider.address)
        await greeted(call)
        waits = []
        for break_it, mend_it in troubles:
            await _done(break_it())
            played = await call.play(recording.pcm)
            began = await call.wait_for_speech(8, after=played.ended_at)
            waits.append(began - played.ended_at)
            await call.wait_for_silence(0.4, 10)
            await _done(mend_it())
        await call.hang_up()
        await eventually_nothing_left(pbx.params.ari)
        record = await newest_record(serving)

    request.node.user_properties.append(("waits", [round(wait, 2) for wait in waits]))
    assert max(waits) < ANSWER_SECONDS, waits
    assert record["end_reason"] == "caller_hung_up"
    turns = [turn["text"] for turn in record["turns"] if turn["role"] == "assistant"]
    assert turns == [GREETING, *[ANSWER] * len(troubles)]
    failed = [each["content"] for each in record["messages"] if each["kind"] == "service_failed"]
    assert {(each["kind"], each["service"]) for each in failed} == {
        ("stt", "azure"),
        ("llm", "mistral"),
        ("tts", "azure"),
    }
    assert all(each["instead"] for each in failed), failed


async def _done(result: Awaitable[None] | None) -> None:
    if result is not None:
        await result
