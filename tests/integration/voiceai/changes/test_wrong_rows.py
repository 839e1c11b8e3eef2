"""Rows that become wrong while calls come: what is said of them, and who answers."""

import asyncpg
import pytest
from loguru import logger

from tests.support.changes import NUMBER, Serve, greeting, invalid

MORE_COLUMNS = (
    'ALTER TABLE "Assistant" ADD pipeline text, ADD overrides text, ADD "systemPrompt" text'
)

POISON = {
    "bad JSON": ("overrides", "{", "is not JSON"),
    "an unknown service": ("overrides", '{"stt": {"service": "mooonshine"}}', "'moonshine'"),
    "a parameter that is none": ("overrides", '{"turn": {"stop": "never"}}', "turn.stop"),
    "two megabytes of prompt": ("systemPrompt", "x" * 2_000_000, "row is longer than 524288"),
    "a long prompt": ("systemPrompt", "x" * 30_000, "prompt: is longer than 20000"),
    "no greeting": ("greeting", None, "greeting: became null"),
    "a pipeline that is not there": ("pipeline", "lokal-de", "'local-de'"),
    "code": ("overrides", '{"processors": [{"use": "os:system"}]}', "processors"),
}


@pytest.mark.parametrize(("column", "value", "told"), POISON.values(), ids=POISON)
async def test_a_poisoned_row_never_answers_and_the_last_good_version_does(
    tables: asyncpg.Connection, serve: Serve, column: str, value: str | None, told: str
) -> None:
    await tables.execute(MORE_COLUMNS)
    poison = f'UPDATE "Assistant" SET "{column}" = $1'  # noqa: S608 - of this test
    lines: list[str] = []
    sink = logger.add(lines.append, format="{message}", level="ERROR")
    try:
        async with serve() as store:
            await tables.execute("""UPDATE "Assistant" SET greeting = 'Gut'""")
            assert await greeting(store) == "Gut"
            await tables.execute(poison, value)
            assert await greeting(store) == "Gut"
            await invalid(store)
            [entry] = await store.assistants()
            assert told in entry.problem
            assert entry.problem.startswith('Assistant "Sommer"')
            assert await greeting(store) == "Gut"
        complaints = [line for line in lines if "assistant.invalid" in line]

        async with serve() as store:  # after a restart
            assert await greeting(store) == "Gut"
            assert store.invalid_assistants == 1
            await tables.execute(
                """UPDATE "Assistant" SET greeting = 'Heil', pipeline = NULL, overrides = NULL,
                                          "systemPrompt" = NULL"""
            )
            assert await greeting(store) == "Heil"
            assert store.invalid_assistants == 0
            [entry] = await store.assistants()
    finally:
        logger.remove(sink)

    assert len(complaints) == 1
    assert entry.problem == ""


HOSTILE = {
    "text nested without end": ("text", "[" * 100_000, "nested too deeply"),
    "JSON nested deeply": ("jsonb", '{"a":' * 2000 + "1" + "}" * 2000, "nested too deeply"),
    "a number without end": ("jsonb", '{"a": 1e5000}', "nested too deeply"),
    "a zero character": ("json", '{"prompt": "a\\u0000b"}', "a character that is none"),
    "half a character": ("json", '{"\\ud800": 1}', "a character that is none"),
    "half a character as text": ("text", '{"stt": {"\\ud800": 1}}', "a character that is none"),
    "a list for a tool": ("jsonb", '{"tools": [["http"]]}', "tools[0]"),
    "maps nested": ("jsonb", '{"llm":' * 40 + "1" + "}" * 40, "nested too deeply"),
}


@pytest.mark.parametrize(("kind", "value", "told"), HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_row_is_told_and_takes_no_other_along(
    tables: asyncpg.Connection, serve: Serve, kind: str, value: str, told: str
) -> None:
    await tables.execute(
        f"""ALTER TABLE "Assistant" ADD overrides {kind};
            INSERT INTO "Assistant" VALUES ('a2', 'Winter', 'One');
            INSERT INTO "PhoneNumber" VALUES ('p2', '4930', 'a2')"""  # noqa: S608 - of this test
    )
    poison = f'UPDATE "Assistant" SET overrides = $1::text::{kind}'  # noqa: S608 - likewise
    async with serve() as store:
        await tables.execute(poison, value)
        await invalid(store, 2)
        await tables.execute(
            """UPDATE "Assistant" SET greeting = 'Two', overrides = NULL WHERE id = 'a2'"""
        )
        assert await greeting(store, "4930") == "Two"
        assert await greeting(store) == "Eins"
        winter, sommer = sorted(await store.assistants(), key=lambda entry: entry.id, reverse=True)

    assert winter.problem == ""
    assert told in sommer.problem


async def test_a_deleted_assistant_answers_no_more_and_its_problem_is_forgotten(
    tables: asyncpg.Connection, serve: Serve
) -> None:
    async with serve() as store:
        await tables.execute("""UPDATE "Assistant" SET greeting = NULL""")
        await invalid(store)
        await tables.execute('DELETE FROM "Assistant"')
        await invalid(store, 0)

        assert await store.assistant_for(NUMBER) is None
