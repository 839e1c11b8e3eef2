"""Rows that change while their models are loaded: which version answers until then."""

import asyncio

import asyncpg
import pytest

from tests.support.changes import Serve, greeting, invalid
from voiceai.store.answering import Assistant


async def test_the_older_version_answers_while_the_new_one_is_loaded(
    tables: asyncpg.Connection, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voiceai.store.roster.CHANGE_SECONDS", 0.05)
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def warm(assistant: Assistant) -> str:
        if assistant.spec.greeting == "Zwei":
            asked.set()
            await go_on.wait()
        return ""

    async with serve(warm) as store:
        await tables.execute("""UPDATE "Assistant" SET greeting = 'Zwei'""")
        async with asyncio.timeout(5):
            await asked.wait()
        assert await greeting(store) == "Eins"

        go_on.set()
        async with asyncio.timeout(5):
            while await greeting(store) != "Zwei":  # noqa: ASYNC110 - until it is seated
                await asyncio.sleep(0.01)


async def test_a_voice_that_does_not_load_leaves_the_older_version_at_work(
    tables: asyncpg.Connection, serve: Serve
) -> None:
    async def warm(assistant: Assistant) -> str:
        return "there is no such voice" if assistant.spec.greeting == "Stumm" else ""

    async with serve(warm) as store:
        await tables.execute("""UPDATE "Assistant" SET greeting = 'Stumm'""")
        assert await greeting(store) == "Eins"
        [entry] = await store.assistants()
        assert entry.problem == "there is no such voice"
    async with serve(warm) as store:
        assert await greeting(store) == "Eins"


async def test_what_was_good_and_not_yet_loaded_answers_when_its_row_is_poisoned(
    tables: asyncpg.Connection, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voiceai.store.roster.CHANGE_SECONDS", 0.05)
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def warm(assistant: Assistant) -> str:
        if assistant.spec.greeting == "Zwei":
            asked.set()
            await go_on.wait()
        return ""

    async with serve(warm) as store:
        await tables.execute("""UPDATE "Assistant" SET greeting = 'Zwei'""")
        async with asyncio.timeout(5):
            await asked.wait()
        await tables.execute("""UPDATE "Assistant" SET greeting = NULL""")
        await invalid(store)
        assert await greeting(store) == "Eins"

        go_on.set()
        async with asyncio.timeout(5):
            while await greeting(store) != "Zwei":  # noqa: ASYNC110 - until it is seated
                await asyncio.sleep(0.01)
        [entry] = await store.assistants()
        assert "became null" in entry.problem
    async with serve(warm) as store:  # after a restart
        assert await greeting(store) == "Zwei"


async def test_a_voice_that_does_not_load_leaves_a_version_at_work_that_never_was_loaded(
    tables: asyncpg.Connection, serve: Serve
) -> None:
    async def warm(assistant: Assistant) -> str:
        return "there is no such voice" if assistant.spec.greeting == "Stumm" else ""

    async with serve() as store:  # keeps the version
        assert await greeting(store) == "Eins"
    await tables.execute("UPDATE voiceai.assistant_versions SET ready_at = NULL")
    await tables.execute("""UPDATE "Assistant" SET greeting = 'Stumm'""")
    async with serve(warm) as store:
        assert await greeting(store) == "Eins"
        [entry] = await store.assistants()
        assert entry.problem == "there is no such voice"


async def test_an_assistant_nobody_has_seen_answers_before_it_is_loaded(
    tables: asyncpg.Connection, serve: Serve
) -> None:
    """Its caller rings while it loads: there is no older version to answer."""
    never = asyncio.Event()

    async def warm(assistant: Assistant) -> str:
        if assistant.name == "Neu":
            await never.wait()
        return ""

    async with serve(warm) as store:
        await tables.execute(
            """INSERT INTO "Assistant" VALUES ('a2', 'Neu', 'Hallo');
               INSERT INTO "PhoneNumber" VALUES ('p2', '4930', 'a2')"""
        )
        assert await greeting(store, "+49 30") == "Hallo"
