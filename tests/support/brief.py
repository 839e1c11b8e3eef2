"""An assistant of few words, its data folder that is made once, and how one talks with it."""

import asyncio
from pathlib import Path
from typing import Any, Final

from asterisk.params import AriParams
from tests.support.database import connect, copy_data, settings_for
from tests.support.serving import Serving
from tests.support.speech import Prompt
from voiceai.bench.sip_call import Call
from voiceai.store.embedded import EmbeddedPostgres
from voiceai.store.repository import Store

NUMBER: Final = "4920189098720"

GREETING: Final = "Hello."

ANSWER: Final = "All right."
"""What it says to any words; where it understood none it says `No.`"""

PROMPT: Final = "conf-full"
"""Name of a short prompt, `That conference is full.`"""

YAML: Final = f"""\
name: brief
extends: local-en
greeting: {GREETING}
llm:
  service: scripted
  rules:
    - {{when: ["\\\\w"], say: {ANSWER}}}
  otherwise: ["No."]
idle: {{after_ms: 120000}}
"""


async def make_data(folder: Path) -> None:
    """Make a data folder in which the brief assistant is the only one, and answers `NUMBER`."""
    store = Store(settings_for(folder), owner=True)
    await store.open()
    await store.import_assistant(YAML, source="brief")
    await store.assign(NUMBER, "brief")
    guest = EmbeddedPostgres(folder)
    connection = await connect(await guest.open(owner=False))
    await connection.execute("""DELETE FROM "Assistant" WHERE name <> 'brief'""")
    await connection.close()
    await store.close()


def serving_briefly(ari: AriParams, folder: Path, data: Path, **settings: str) -> Serving:
    """Return a `voiceai serve`, not started, whose assistant is the brief one.

    Args:
        ari: The Asterisk to connect to.
        folder: Of the process; made here.
        data: A folder of `make_data`; stays as it is.
        settings: Environment variables.
    """
    folder.mkdir(parents=True)
    copy_data(data, folder / "data")
    return Serving(ari, folder, **settings)


async def greeted(call: Call, within: float = 10.0) -> None:
    """Wait until the assistant has begun and ended to speak."""
    assert call.answered_at is not None, f"refused with {call.status}"
    await call.wait_for_speech(within, after=call.answered_at)
    await call.wait_for_silence(0.4, 10)


async def answer_to(call: Call, words: Prompt) -> float:
    """Say something and wait for the end of the answer; return when that began."""
    played = await call.play(words.pcm)
    began = await call.wait_for_speech(8, after=played.ended_at)
    await call.wait_for_silence(0.4, 10)
    return began


async def newest_record(serving: Serving, within: float = 5.0) -> dict[str, Any]:
    """Return the newest call with its turns, once it has ended."""
    async with asyncio.timeout(within):
        while True:
            calls = await serving.get("/calls?limit=1")
            if calls and calls[0]["ended_at"]:
                record: dict[str, Any] = await serving.get(f"/calls/{calls[0]['id']}")
                return record
            await asyncio.sleep(0.05)


async def ended_record(serving: Serving, caller: str, within: float = 5.0) -> dict[str, Any]:
    """Return the record of who called from a number, once his call has ended."""
    async with asyncio.timeout(within):
        while True:
            for call in await serving.get("/calls"):
                if call["caller"] == caller and call["ended_at"]:
                    record: dict[str, Any] = await serving.get(f"/calls/{call['id']}")
                    return record
            await asyncio.sleep(0.05)


async def all_records(serving: Serving, count: int, within: float = 5.0) -> list[dict[str, Any]]:
    """Return every call with its turns, newest first, once so many have ended."""
    async with asyncio.timeout(within):
        while True:
            calls = await serving.get("/calls?limit=1000")
            if sum(call["ended_at"] is not None for call in calls) >= count:
                return [await serving.get(f"/calls/{call['id']}") for call in calls]
            await asyncio.sleep(0.05)


def said(record: dict[str, Any]) -> list[str]:
    """Return what the assistant said, and `?` where the caller did, in however many turns."""
    turns = [turn["text"] if turn["role"] == "assistant" else "?" for turn in record["turns"]]
    return [
        text for text, before in zip(turns, ["", *turns], strict=False) if text + before != "??"
    ]
