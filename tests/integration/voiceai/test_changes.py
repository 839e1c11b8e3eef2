"""Rows that change while calls come: who answers, what is kept, and what is said of a wrong row."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from loguru import logger

from tests.support.database import BARE, users_settings
from voiceai.errors import ImportRefused
from voiceai.store.answering import Assistant
from voiceai.store.embedded import Address
from voiceai.store.repository import Store
from voiceai.store.warming import Warm

NUMBER = "4920189098723"
MORE_COLUMNS = (
    'ALTER TABLE "Assistant" ADD pipeline text, ADD overrides text, ADD "systemPrompt" text'
)

TRIGGERS = """
    FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
    WHERE relnamespace = 'public'::regnamespace AND NOT tgisinternal"""
"""On the user's tables."""


@pytest.fixture
async def tables(database: asyncpg.Connection) -> asyncpg.Connection:
    """A user's own tables with one assistant."""
    await database.execute(BARE)
    await database.execute("""INSERT INTO "Assistant" VALUES ('a1', 'Sommer', 'Eins')""")
    await database.execute("INSERT INTO \"PhoneNumber\" VALUES ('p1', $1, 'a1')", NUMBER)
    return database


Serve = Callable[..., contextlib.AbstractAsyncContextManager[Store]]


@pytest.fixture
def serve(
    tables: asyncpg.Connection,
    shared_dir: Path,
    address: Address,
    monkeypatch: pytest.MonkeyPatch,
) -> Serve:
    """Runs a store on the user's tables, as ``serve`` does; its calls are patient."""
    monkeypatch.setattr("voiceai.store.roster.CHANGE_SECONDS", 10.0)

    @contextlib.asynccontextmanager
    async def serving(warm: Warm | None = None) -> AsyncIterator[Store]:
        store = Store(users_settings(shared_dir, address), owner=True)
        if warm:
            store.load_with(warm)
        running = asyncio.ensure_future(store.run())
        try:
            async with asyncio.timeout(10):
                await store.settled()
            yield store
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await store.close()

    return serving


async def greeting(store: Store, number: str = NUMBER) -> str:
    found = await store.assistant_for(number)
    assert found is not None
    return found.spec.greeting


async def invalid(store: Store, count: int = 1) -> None:
    """Wait until so many rows are known to be wrong."""
    async with asyncio.timeout(5):
        while store.invalid_assistants != count:  # noqa: ASYNC110 - a row of another process
            await asyncio.sleep(0.01)


async def versions_of(store: Store, name: str, count: int) -> list[Any]:
    """Wait until an assistant has so many versions; newest first."""
    async with asyncio.timeout(5):
        while True:
            found = await store.editor.versions(name)
            if len(found) == count:
                return found
            await asyncio.sleep(0.01)


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


async def test_nothing_of_the_users_is_touched_while_we_watch(
    tables: asyncpg.Connection, serve: Serve
) -> None:
    async def theirs() -> list[Any]:
        return [
            await tables.fetch('SELECT xmin::text, ctid::text, * FROM "Assistant"'),
            await tables.fetch('SELECT xmin::text, ctid::text, * FROM "PhoneNumber"'),
            await tables.fetch(
                "SELECT table_name, column_name, data_type FROM information_schema.columns "
                "WHERE table_schema = 'public' ORDER BY 1, 2"
            ),
            await tables.fetch(f"SELECT tgname {TRIGGERS}"),
            await tables.fetch("SELECT indexname FROM pg_indexes WHERE schemaname = 'public'"),
        ]

    before = await theirs()
    async with serve() as store:
        assert await greeting(store) == "Eins"
        await versions_of(store, "Sommer", 1)
        ours = await tables.fetch(
            "SELECT DISTINCT nspname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace "
            "WHERE nspname !~ '^(pg_|information_schema)'"
        )

    assert await theirs() == before
    assert {row["nspname"] for row in ours} == {"public", "voiceai"}


async def test_with_our_triggers_it_is_known_who_changed_a_row(
    tables: asyncpg.Connection, serve: Serve
) -> None:
    async with serve() as store:
        assert await store.editor.watch(apply=True) == 2
        await tables.execute("""UPDATE "Assistant" SET greeting = 'Ohne'""")
        await versions_of(store, "Sommer", 2)

        authors = set()
        async with asyncio.timeout(10):
            for step in range(1000):  # until the triggers were seen, which ends the asking
                await tables.execute(f"""UPDATE "Assistant" SET greeting = 'Nummer {step}'""")  # noqa: S608
                newest, *_ = await versions_of(store, "Sommer", 3 + step)
                authors.add(newest.author)
                if "voiceai" in authors:
                    break
        assert await store.editor.watch(apply=False) == 0
        assert await tables.fetchval(f"SELECT count(*) {TRIGGERS}") == 0


async def test_a_table_that_we_may_not_put_a_trigger_on_is_refused_with_the_sql(
    tables: asyncpg.Connection, serve: Serve
) -> None:
    await tables.execute('ALTER TABLE "Assistant" RENAME TO rows_of_assistants')
    await tables.execute('CREATE VIEW "Assistant" AS SELECT * FROM rows_of_assistants')
    await tables.execute('REVOKE TRIGGER ON "PhoneNumber" FROM CURRENT_USER')
    async with serve() as store:
        assert await greeting(store) == "Eins"
        await tables.execute("""UPDATE rows_of_assistants SET greeting = 'Zwei'""")
        assert await greeting(store) == "Zwei"

        with pytest.raises(ImportRefused, match="CREATE TRIGGER voiceai_changed"):
            await store.editor.watch(apply=True)


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


async def test_without_the_right_to_a_schema_the_last_good_row_is_remembered(
    tables: asyncpg.Connection, serve: Serve
) -> None:
    await tables.execute("CREATE SCHEMA voiceai; REVOKE ALL ON SCHEMA voiceai FROM voiceai")
    async with serve() as store:
        assert await greeting(store) == "Eins"
        await tables.execute("""UPDATE "Assistant" SET greeting = NULL""")
        assert await greeting(store) == "Eins"
        await invalid(store)
        await tables.execute("""UPDATE "Assistant" SET greeting = 'Zwei'""")
        assert await greeting(store) == "Zwei"

        found = await store.assistant_for(NUMBER)
        with pytest.raises(ImportRefused, match="CREATE SCHEMA IF NOT EXISTS voiceai"):
            await store.editor.rollback("Sommer", None)

    assert found is not None
    assert found.version is None


async def test_a_deleted_assistant_answers_no_more_and_its_problem_is_forgotten(
    tables: asyncpg.Connection, serve: Serve
) -> None:
    async with serve() as store:
        await tables.execute("""UPDATE "Assistant" SET greeting = NULL""")
        await invalid(store)
        await tables.execute('DELETE FROM "Assistant"')
        await invalid(store, 0)

        assert await store.assistant_for(NUMBER) is None


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
