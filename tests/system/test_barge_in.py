"""A caller interrupts: silence at once, a hearing, and a history of what was really played."""

import asyncio
import socket
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

import pytest
import pytest_asyncio

from pipelines.services.moonshine import Moonshine
from tests.support.availability import have_or_skip
from tests.support.brief import greeted, newest_record, serving_briefly
from tests.support.chat_server import ChatServer, Pause
from tests.support.exchanges import assign
from tests.support.leftovers import eventually_no_ports, eventually_nothing_left
from tests.support.listening import words_heard
from tests.support.pbx import Pbx
from tests.support.ports import free_port
from tests.support.provider import NUMBERS, Provider
from tests.support.serving import Serving
from tests.support.speech import Prompt, prompt
from tests.support.word_errors import nearest_beginning, word_error_rate, words
from voiceai.bench.sip_call import Call
from voiceai.bench.sip_caller import SipCaller

pytestmark = pytest.mark.asyncio(loop_scope="module")

MEDIAN_SECONDS: Final = 0.35
LONGEST_SECONDS: Final = 0.6
MISHEARD: Final = 0.2
A_WORD: Final = 1

LONG: Final = (
    "Once upon a time there was a small house at the edge of a large forest. "
    "An old man lived there with a dog and two black cats. "
    "Every morning he walked down to the river and washed his face in the cold water. "
    "Then he made coffee and read a book about the stars until it was time for lunch. "
    "In the afternoon the children came to hear his stories about the war. "
)
"""It takes 17 s."""

FIRST: Final = "queue-thankyou"
INTERRUPTIONS: Final = (
    (1.2, "number-not-answering"),
    (1.7, "conf-locked"),
    (2.2, "confbridge-invalid"),
    (2.7, "vm-dialout"),
    (3.2, "conf-leaderhasleft"),
)
"""Seconds into an answer, and what the caller says then."""

PIPELINE: Final = """\
name: talkative
extends: local-en
greeting: Hello.
prompt: Tell stories.
llm: {service: openai, model: m}
idle: {after_ms: 120000}
"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def serving(
    pbx: Pbx, brief_data: Path, chat_port: int, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Serving]:
    folder = tmp_path_factory.mktemp("barge-in") / "serving"
    address = {"OPENAI_BASE_URL": f"http://127.0.0.1:{chat_port}/v1"}
    async with serving_briefly(pbx.params.ari, folder, brief_data, **address) as serving:
        yield serving


@pytest_asyncio.fixture(loop_scope="module")
async def caller() -> AsyncIterator[SipCaller]:
    async with SipCaller("127.0.0.4") as caller:
        yield caller


@pytest.fixture(scope="module")
def moonshine() -> Moonshine:
    return have_or_skip(Moonshine)


@pytest.fixture(scope="module")
def chat_port() -> int:
    """Where the language model is while a test has one."""
    return free_port("127.0.0.1", socket.SOCK_STREAM)


async def use_model(serving: Serving) -> None:
    """Have the number answered by what the language model says."""
    await assign(serving, NUMBERS[1], PIPELINE)


def said_by(role: str, messages: list[dict[str, Any]]) -> list[str]:
    """Return what the language model was told of one side."""
    return [str(message["content"]) for message in messages if message["role"] == role]


async def ask(call: Call, recording: Prompt) -> float:
    """Say something into silence; return when the answer begins."""
    played = await call.play(recording.pcm)
    return await call.wait_for_speech(8, after=played.ended_at)


async def interrupt(
    call: Call, began: float, after: float, recording: Prompt
) -> tuple[float, float]:
    """Say something `after` seconds of an answer; return onset and the last speech heard of it."""
    await asyncio.sleep(began + after - asyncio.get_running_loop().time())
    played = await call.play(recording.pcm)
    assert played.speech_started_at is not None
    onset = played.speech_started_at
    spurts = [spurt for spurt in call.heard.talkspurts(pause=0.4) if spurt[0] <= onset]
    return onset, spurts[-1][1]  # an answer to a pause in the caller's words is another talkspurt


@pytest.mark.timeout(120)
async def test_an_interrupted_assistant_is_silent_listens_and_remembers_what_was_heard(
    *,
    provider: Provider,
    pbx: Pbx,
    serving: Serving,
    caller: SipCaller,
    moonshine: Moonshine,
    chat_port: int,
    request: pytest.FixtureRequest,
) -> None:
    first = have_or_skip(lambda: prompt("en", FIRST))
    recordings = [prompt("en", name) for _, name in INTERRUPTIONS]
    replies = [(LONG,)] * len(recordings) + [("All right.",)]
    async with ChatServer(replies, port=chat_port) as chat:
        await use_model(serving)
        call = await caller.dial(NUMBERS[1], via=provider.address)
        await greeted(call)

        began, spans, reactions = await ask(call, first), [], []
        for (after, _), recording in zip(INTERRUPTIONS, recordings, strict=True):
            onset, silent = await interrupt(call, began, after, recording)
            spans.append((began, silent))
            reactions.append(silent - onset)
            began = await call.wait_for_speech(8)
        await call.wait_for_silence(0.5, 10)
        await call.hang_up()
    record = await newest_record(serving)
    request.node.user_properties.append(("silent after, s", reactions))

    assert median(reactions) <= MEDIAN_SECONDS, reactions
    assert max(reactions) <= LONGEST_SECONDS, reactions

    callers = [turn for turn in record["turns"] if turn["role"] == "caller"]
    answers = [turn for turn in record["turns"] if turn["role"] == "assistant"][1:]
    assert len(callers) == len(answers) == len(chat.asked) == 1 + len(recordings), record["turns"]
    spoken = " ".join(recording.text for recording in (first, *recordings))
    assert word_error_rate(spoken, " ".join(turn["text"] for turn in callers)) <= MISHEARD, callers
    for turn, messages in zip(callers, chat.asked, strict=True):
        assert said_by("user", messages)[-1] == turn["text"]
    assert (answers[-1]["text"], answers[-1]["interrupted"]) == ("All right.", False)
    for index, (start, end) in enumerate(spans):
        stored = answers[index]
        assert stored["interrupted"]
        assert said_by("assistant", chat.asked[index + 1])[-1] == stored["text"]
        heard = words_heard(moonshine, call.heard, start, end)
        difference = len(words(stored["text"])) - nearest_beginning(LONG, heard)
        request.node.user_properties.append(("words too many", difference))
        assert abs(difference) <= A_WORD, f"heard {heard!r}, stored {stored['text']!r}"
    await eventually_nothing_left(pbx.params.ari)
    await eventually_no_ports(serving.process)


async def test_a_pause_of_the_language_model_adds_no_words_to_what_was_heard(
    *,
    provider: Provider,
    serving: Serving,
    caller: SipCaller,
    moonshine: Moonshine,
    chat_port: int,
) -> None:
    first, second = (have_or_skip(partial(prompt, "en", name)) for name in (FIRST, "conf-locked"))
    answer = f"Let me see. {LONG}"
    reply = (answer[:15], Pause(3.0), answer[15:])
    async with ChatServer([reply, ("All right.",)], port=chat_port) as chat:
        await use_model(serving)
        call = await caller.dial(NUMBERS[1], via=provider.address)
        await greeted(call)

        began = await ask(call, first)
        resumed = await call.wait_for_speech(6, after=await call.wait_for_silence(1.0, 10) + 0.1)
        _, silent = await interrupt(call, resumed, 1.5, second)
        await call.wait_for_speech(8)
        await call.hang_up()
    record = await newest_record(serving)

    [stored, *_] = [turn for turn in record["turns"] if turn["interrupted"]]
    heard = words_heard(moonshine, call.heard, began, silent)
    difference = len(words(stored["text"])) - nearest_beginning(answer, heard)
    assert abs(difference) <= A_WORD, f"heard {heard!r}, stored {stored['text']!r}"
    assert said_by("assistant", chat.asked[1])[-1] == stored["text"]
