"""How changes of the users' tables are noticed: with and without triggers and rights."""

import asyncio
from typing import Any

import asyncpg
import pytest

from tests.support.changes import NUMBER, Serve, greeting, invalid, versions_of
from voiceai.errors import ImportRefused

TRIGGERS = """
    FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
    WHERE relnamespace = 'public'::regnamespace AND NOT tgisinternal"""
"""On the user's tables."""


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
