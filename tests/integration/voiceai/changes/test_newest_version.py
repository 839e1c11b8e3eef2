"""Rows that change while calls come: the newest version answers, and each is kept once."""

import asyncio
import random
from importlib.resources import files

import asyncpg
import pytest

from tests.support.changes import NUMBER, Serve, greeting, versions_of
from tests.support.database import BARE


async def test_a_changed_row_answers_the_next_call_and_is_kept(
    tables: asyncpg.Connection, serve: Serve
) -> None:
    async with serve() as store:
        assert await greeting(store) == "Eins"
        await tables.execute("""UPDATE "Assistant" SET greeting = 'Zwei'""")

        found = await store.assistant_for(NUMBER)
        newest, first = await versions_of(store, "Sommer", 2)

    assert found is not None
    assert (found.spec.greeting, found.version) == ("Zwei", 2)
    assert (newest.number, newest.origin, newest.author) == (2, "row", "watch")
    assert "greeting: Zwei" in newest.text
    assert "greeting: Eins" in first.text


@pytest.mark.parametrize(
    ("id_type", "value"),
    [("uuid", "7e5fb9f6-3f5a-4f4a-9d0c-2b1d3c1f1a11"), ("integer", "7"), ("bigint", "7")],
)
async def test_changes_are_seen_whatever_the_type_of_the_ids(
    tables: asyncpg.Connection, serve: Serve, id_type: str, value: str
) -> None:
    await tables.execute('DROP TABLE "Assistant", "PhoneNumber"')
    await tables.execute(
        BARE.replace("id text", f"id {id_type}").replace('Id" text', f'Id" {id_type}')
    )
    await tables.execute(
        f"""INSERT INTO "Assistant" VALUES ('{value}', 'Summer', 'Hello');
            INSERT INTO "PhoneNumber" VALUES ('{value}', '{NUMBER}', '{value}')"""  # noqa: S608
    )
    async with serve() as store:
        await tables.execute("""UPDATE "Assistant" SET greeting = 'Good morning'""")
        assert await greeting(store) == "Good morning"
        await tables.execute("""UPDATE "Assistant" SET greeting = NULL""")
        assert await greeting(store) == "Good morning"
        newest, _ = await versions_of(store, "Summer", 2)

    assert newest.assistant_id == value


async def test_two_processes_keep_each_change_once_and_both_answer(
    tables: asyncpg.Connection, serve: Serve
) -> None:
    async with serve() as first, serve() as second:
        for number in range(2, 7):
            await tables.execute(f"""UPDATE "Assistant" SET greeting = 'Nummer {number}'""")  # noqa: S608
            met = await asyncio.gather(greeting(first), greeting(second))
            assert set(met) == {f"Nummer {number}"}
        found = await versions_of(first, "Sommer", 6)

    assert [version.number for version in found] == [6, 5, 4, 3, 2, 1]


async def test_versions_of_before_are_still_what_a_row_builds_upon(
    tables: asyncpg.Connection, serve: Serve
) -> None:
    """The table of versions has grown columns since; imports were all that it held."""
    first = (files("voiceai.store") / "migrations" / "0001_history.sql").read_text("utf-8")
    await tables.execute("CREATE SCHEMA voiceai")
    await tables.execute(first)
    await tables.execute(
        "CREATE TABLE voiceai.schema_migrations "
        "(version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());"
        "INSERT INTO voiceai.schema_migrations VALUES (1)"
    )
    await tables.executemany(
        "INSERT INTO voiceai.assistant_versions (assistant_id, version, name, yaml) "
        "VALUES ('a1', $1, 'Sommer', $2)",
        [
            (1, "name: Sommer\nextends: echo-de\n"),
            (2, "name: Sommer\nextends: local-de\nidle: {times: 7}\n"),
        ],
    )
    async with serve() as store:
        found = await store.assistant_for(NUMBER)
        await store.editor.rollback("Sommer", 1)
        before = await store.assistant_for(NUMBER)

    assert found is not None
    assert found.spec.idle is not None
    assert (found.spec.greeting, found.spec.idle.times, found.version) == ("Eins", 7, 3)
    assert before is not None
    assert before.spec.llm.service == "echo"


ASSISTANTS, CHANGES, CALLS = 200, 80, 160
BROKEN = ('{"llm": 1}', "{", '{"stt": {"service": "none"}}')


async def test_each_call_meets_the_newest_valid_version_while_rows_change_at_random(
    tables: asyncpg.Connection, serve: Serve
) -> None:
    await tables.execute('ALTER TABLE "Assistant" ADD overrides text')
    await tables.execute(
        f"""DELETE FROM "Assistant"; DELETE FROM "PhoneNumber";
            INSERT INTO "Assistant" SELECT i, 'bot ' || i, '0' FROM generate_series(1, {ASSISTANTS}) i;
            INSERT INTO "PhoneNumber" SELECT i, '+49 30 ' || (1000 + i), i
            FROM generate_series(1, {ASSISTANTS}) i"""  # noqa: E501, S608
    )
    chance = random.Random(7)
    valid = {i: ["0"] for i in range(1, ASSISTANTS + 1)}
    busiest = list(range(1, 21))

    async def change(connection: asyncpg.Connection, step: int) -> None:
        i = chance.choice([*busiest, *valid])
        broken = chance.choice(BROKEN) if chance.random() < 0.4 else None
        if broken is not None:
            await call(i)  # what nobody has seen before it was broken, nobody can know
        else:
            valid[i].append(str(step))  # from here on a call may meet it
        await connection.execute(
            'UPDATE "Assistant" SET greeting = $1, overrides = $2 WHERE id = $3',
            str(step), broken, str(i),
        )  # fmt: skip
        committed[i] = len(valid[i]) - 1

    async def call(i: int) -> None:
        oldest = committed[i]
        met = await greeting(store, f"49301{i:03}")
        assert met in valid[i][oldest:], (i, met, valid[i][oldest:])

    async def change_some() -> None:
        for step in range(1, CHANGES + 1):
            await change(tables, step)
            await asyncio.sleep(0)

    committed = dict.fromkeys(valid, 0)
    async with serve() as store:

        async def call_some() -> None:
            for _ in range(CALLS // 4):
                await call(chance.choice([*busiest, *valid]))

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(change_some())
            for _ in range(4):
                tasks.create_task(call_some())
        for i in busiest:
            assert await greeting(store, f"49301{i:03}") == valid[i][-1]
