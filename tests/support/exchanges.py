"""A conversation by rule: recordings, what is answered to each, and what the record says of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.support.brief import answer_to
from tests.support.database import settings_for
from tests.support.serving import Serving
from tests.support.speech import Prompt
from tests.support.word_errors import word_error_rate
from voiceai.bench.sip_call import Call
from voiceai.store.repository import Store

LOAD_SECONDS: Final = 20.0

MISHEARD: Final = 0.2
"""Errors per word of all that one side said, at most."""


@dataclass(frozen=True)
class Exchange:
    """A recording, a pattern of its words, and what is answered to it."""

    prompt: str
    when: str
    say: str


def pipeline(name: str, parent: str, greeting: str, exchanges: Sequence[Exchange]) -> str:
    """Return a pipeline as YAML: a rule for each exchange."""
    rules = "\n".join(f'    - {{when: ["{e.when}"], say: "{e.say}"}}' for e in exchanges)
    return (
        f"name: {name}\nextends: {parent}\ngreeting: {greeting}\n"
        f"llm:\n  service: scripted\n  rules:\n{rules}\n"
        '  otherwise: ["?"]\nidle: {after_ms: 120000}\n'
    )


async def assign(serving: Serving, number: str, text: str) -> None:
    """Have a pipeline, as YAML, answer a number from now on.

    Raises:
        TimeoutError: It is not loaded in time; until it is, the version before would answer.
    """
    store = Store(settings_for(serving.data), owner=False)
    await store.open()
    imported = await store.import_assistant(text, source="test")
    await store.assign(number, imported.name)
    async with asyncio.timeout(LOAD_SECONDS):
        while (await store.editor.versions(imported.name))[0].ready_at is None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await store.close()


async def talk(call: Call, recordings: Sequence[Prompt]) -> list[tuple[float, float]]:
    """Say each recording and hear the answer out; return when answers began and ended."""
    times = []
    for recording in recordings:
        began = await answer_to(call, recording)
        ended = call.heard.last_speech_before()
        assert ended is not None
        times.append((began, ended))
    return times


def joined(turns: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return turns with each two of the caller's in a row as one: he made a pause in between."""
    whole: list[dict[str, Any]] = []
    for turn in turns:
        if whole and whole[-1]["role"] == turn["role"] == "caller":
            text = f"{whole[-1]['text']} {turn['text']}"
            whole[-1] = {**whole[-1], "text": text, "ended_ms": turn["ended_ms"]}
        else:
            whole.append(turn)
    return whole


def assert_understood(
    turns: Sequence[dict[str, Any]], recordings: Sequence[Prompt], said: Sequence[Exchange]
) -> None:
    """The record has each recording's words, and behind them the answer of its rule."""
    roles = ["assistant", *["caller", "assistant"] * len(said)]
    assert [turn["role"] for turn in turns] == roles, turns
    spoken = " ".join(recording.text for recording in recordings)
    understood = " ".join(turn["text"] for turn in turns[1::2])
    assert word_error_rate(spoken, understood) <= MISHEARD, understood
    for heard, answer, exchange in zip(turns[1::2], turns[2::2], said, strict=True):
        assert answer["text"] == exchange.say
        assert not answer["interrupted"]
        assert heard["started_ms"] < heard["ended_ms"] <= answer["started_ms"]
