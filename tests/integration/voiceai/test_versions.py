"""Versions of assistants: imported, edited, compared, rolled back, tried on some of the calls."""

import json
from collections import Counter
from pathlib import Path
from typing import cast

import asyncpg
import pytest

from pipelines.errors import SpecError
from tests.support.database import BARE, settings_for, users_settings
from voiceai.errors import ImportRefused, UnknownAssistant
from voiceai.store.database import Connection
from voiceai.store.embedded import Address
from voiceai.store.layers import difference
from voiceai.store.lineup import share_of
from voiceai.store.repository import Store
from voiceai.store.versions import Draft, keep_after

NUMBER = "4940123"
SOMMER = """\
# the practice of Dr. Sommer
name: sommer
extends: local-de
greeting: Guten Tag
idle: {after_ms: 5000, say: "Sind Sie noch da?"}
"""


async def greeting(store: Store, call_id: str = "") -> str:
    found = await store.assistant_for(NUMBER, call_id)
    assert found is not None
    return found.spec.greeting


@pytest.fixture
async def sommer(store: Store) -> Store:
    """A store whose assistant ``sommer`` was imported twice."""
    await store.import_assistant(SOMMER, source="sommer.yaml")
    await store.assign(NUMBER, "sommer")
    await store.import_assistant(SOMMER.replace("Guten Tag", "Moin"), source="sommer.yaml")
    return store


async def test_versions_say_who_imported_what_and_when(sommer: Store) -> None:
    newest, first = await sommer.editor.versions("sommer")

    assert (newest.number, first.number) == (2, 1)
    assert first.text == SOMMER
    assert newest.origin == "import"
    assert "@" in newest.author
    assert newest.created_at > first.created_at


async def test_two_versions_are_compared_as_they_were_written(sommer: Store) -> None:
    found = await sommer.editor.compare("sommer", None, None)

    lines = difference(found.before.text, found.after.text, ("1", "2"))

    assert [line for line in lines if line[0] in "+-"][2:] == [
        "-greeting: Guten Tag",
        "+greeting: Moin",
    ]


async def test_what_was_imported_is_exported_word_for_word(sommer: Store) -> None:
    assert await sommer.editor.text("sommer") == SOMMER.replace("Guten Tag", "Moin")


async def test_a_row_that_was_edited_is_exported_as_it_is_and_imports_as_itself(
    sommer: Store, database: asyncpg.Connection
) -> None:
    await database.execute(
        """UPDATE "Assistant" SET greeting = 'Servus', overrides = $1 WHERE name = 'sommer'""",
        json.dumps({"turn": {"stop": "silence"}}),
    )
    edited = await sommer.assistant_for(NUMBER)

    text = await sommer.editor.text("sommer")
    await database.execute("""UPDATE "Assistant" SET overrides = NULL""")
    await sommer.import_assistant(text, source="export")
    imported = await sommer.assistant_for(NUMBER)

    assert "greeting: Servus" in text
    assert edited is not None
    assert imported is not None
    assert imported.spec == edited.spec


async def test_a_row_with_a_name_that_no_pipeline_has_takes_its_export_back(
    store: Store, database: asyncpg.Connection
) -> None:
    await database.execute(
        """INSERT INTO "Assistant"(id, name, greeting) VALUES ('a', 'Praxis Dr. Sommer', 'Tag')"""
    )

    text = await store.editor.text("Praxis Dr. Sommer")
    result = await store.import_assistant(text.replace("Tag", "Moin"), source="export")

    assert (result.id, result.name, result.created) == ("a", "Praxis Dr. Sommer", False)
    rows = await database.fetch("""SELECT name, greeting FROM "Assistant" WHERE id = 'a'""")
    assert [tuple(row) for row in rows] == [("Praxis Dr. Sommer", "Moin")]


async def test_a_rollback_restores_text_and_columns_and_is_itself_a_version(
    sommer: Store, database: asyncpg.Connection
) -> None:
    restored, number = await sommer.editor.rollback("sommer", None)

    assert (restored.number, number) == (1, 3)
    assert await greeting(sommer) == "Guten Tag"
    stored = """SELECT greeting FROM "Assistant" WHERE name = 'sommer'"""
    assert await database.fetchval(stored) == "Guten Tag"
    assert await sommer.editor.text("sommer") == SOMMER
    assert (await sommer.editor.versions("sommer"))[0].origin == "rollback"


@pytest.mark.parametrize("id_type", ["text", "uuid", "integer"])
async def test_a_rollback_restores_the_columns_of_a_row_that_was_never_imported(
    database: asyncpg.Connection, shared_dir: Path, address: Address, id_type: str
) -> None:
    row_id = {"text": "x", "uuid": "7e5fb9f6-3f5a-4f4a-9d0c-2b1d3c1f1a11", "integer": "7"}[id_type]
    await database.execute(BARE.replace("text primary key", f"{id_type} primary key"))
    await database.execute('ALTER TABLE "Assistant" ADD overrides jsonb')
    await database.execute(
        f"""INSERT INTO "Assistant" VALUES ('{row_id}', 'anna', 'Eins', '{{"idle": {{"times": 3}}}}');
            INSERT INTO "PhoneNumber" VALUES ('{row_id}', '{NUMBER}', '{row_id}')"""  # noqa: E501, S608
    )
    store = Store(users_settings(shared_dir, address), owner=True)
    await store.open()
    await keep_rows(store)
    await database.execute("""UPDATE "Assistant" SET greeting = 'Zwei', overrides = NULL""")
    await keep_rows(store)

    await store.editor.rollback("anna", None)
    found = await store.assistant_for(NUMBER)
    [entry] = await store.assistants()
    await store.close()

    assert found is not None
    assert found.spec.idle is not None
    assert (found.id, found.spec.greeting, found.spec.idle.times) == (row_id, "Eins", 3)
    assert entry.version == 3


async def keep_rows(store: Store) -> None:
    """Look once, as ``serve`` does, and keep what changed."""
    await store.look_once()


async def test_a_rollback_to_what_can_not_be_built_any_more_changes_nothing(
    database: asyncpg.Connection, shared_dir: Path, tmp_path: Path
) -> None:
    base = tmp_path / "own.yaml"
    base.write_text("name: own\nextends: local-de\n", encoding="utf-8")
    with_base = Store(settings_for(shared_dir, voiceai_pipelines=tmp_path), owner=True)
    await with_base.open()
    await with_base.import_assistant("name: a\nextends: own\ngreeting: A\n", source="a")
    await with_base.import_assistant("name: a\nextends: local-de\ngreeting: B\n", source="a")
    await with_base.close()

    without = Store(settings_for(shared_dir), owner=True)
    await without.open()
    with pytest.raises(SpecError, match="own"):
        await without.editor.rollback("a", 1)
    await without.close()

    stored = """SELECT greeting FROM "Assistant" WHERE name = 'a'"""
    assert await database.fetchval(stored) == "B"


async def test_what_is_not_there_is_refused_with_what_is(sommer: Store) -> None:
    with pytest.raises(UnknownAssistant, match="did you mean sommer"):
        await sommer.editor.versions("somer")
    with pytest.raises(UnknownAssistant, match="no version 9; it has 1 to 2"):
        await sommer.editor.rollback("sommer", 9)
    with pytest.raises(UnknownAssistant, match="1 version to compare"):
        await sommer.editor.compare("rezeption-de", None, None)
    with pytest.raises(UnknownAssistant, match="did you mean sommer"):
        await sommer.assign("4930", "sommr")


async def test_an_import_that_does_not_go_with_the_rows_overrides_changes_nothing(
    sommer: Store, database: asyncpg.Connection
) -> None:
    await database.execute("""UPDATE "Assistant" SET overrides = '{"stt": {"service": "none"}}'""")

    with pytest.raises(SpecError, match=r"stt\.service"):
        await sommer.import_assistant(SOMMER.replace("Guten Tag", "Servus"), source="x")

    stored = """SELECT greeting FROM "Assistant" WHERE name = 'sommer'"""
    assert await database.fetchval(stored) == "Moin"
    assert len(await sommer.editor.versions("sommer")) == 2


async def test_a_canary_takes_its_share_of_the_calls_and_always_the_same_ones(
    sommer: Store,
) -> None:
    staged = await sommer.editor.import_text(
        SOMMER.replace("Guten Tag", "Probe"), source="x", stage=True
    )
    assert await greeting(sommer) == "Moin"
    await sommer.editor.set_canary("sommer", staged.version, 30)
    await sommer.look_once()
    calls = [f"1700000000.{n}" for n in range(200)]

    met = {call: await sommer.assistant_for(NUMBER, call) for call in calls}
    again = {call: await sommer.assistant_for(NUMBER, call) for call in calls}

    assert met == again
    canaries = {call: found for call, found in met.items() if found and found.canary}
    assert canaries.keys() == {call for call in calls if share_of(call) < 30}
    assert Counter(found.spec.greeting for found in canaries.values()) == {"Probe": len(canaries)}
    assert {found.version for found in canaries.values()} == {3}
    assert await greeting(sommer) == "Moin"
    entry = next(found for found in await sommer.assistants() if found.name == "sommer")
    assert entry.canary == (3, 30)


async def test_a_canary_ends_when_it_is_called_off_or_becomes_the_row(sommer: Store) -> None:
    staged = await sommer.editor.import_text(
        SOMMER.replace("Guten Tag", "Probe"), source="x", stage=True
    )
    await sommer.editor.set_canary("sommer", staged.version, 100)
    await sommer.look_once()
    assert await greeting(sommer, "call") == "Probe"

    assert await sommer.editor.end_canary("sommer")
    assert not await sommer.editor.end_canary("sommer")
    await sommer.look_once()
    assert await greeting(sommer, "call") == "Moin"

    await sommer.editor.set_canary("sommer", staged.version, 1)
    await sommer.editor.rollback("sommer", staged.version)
    found = await sommer.assistant_for(NUMBER)
    assert found is not None
    assert (found.spec.greeting, found.canary) == ("Probe", False)
    assert not await sommer.editor.end_canary("sommer")


async def test_a_row_that_was_read_before_an_import_does_not_push_it_aside(
    sommer: Store, database: asyncpg.Connection
) -> None:
    """The older text would be what the row builds upon from then on."""
    found = (await sommer.editor.versions("sommer"))[0]
    stale = Draft(
        found.assistant_id, "sommer", "name: sommer\n", "row", "watch", found.base,
        {"name": "sommer", "greeting": "read before"}, "name: sommer\n",
    )  # fmt: skip
    await sommer.import_assistant(SOMMER.replace("Guten Tag", "Servus"), source="x")

    connection = cast("Connection", database)
    assert await keep_after(connection, stale, found.number) is None
    assert (await sommer.editor.versions("sommer"))[0].number == found.number + 1
    assert await keep_after(connection, stale, found.number + 1) == found.number + 2


async def test_nothing_is_staged_for_an_assistant_that_is_not_there(store: Store) -> None:
    with pytest.raises(UnknownAssistant):
        await store.editor.import_text(SOMMER, source="x", stage=True)


async def test_without_a_schema_of_ours_an_import_is_refused_with_the_sql(
    database: asyncpg.Connection, shared_dir: Path, address: Address
) -> None:
    await database.execute(
        BARE + "CREATE SCHEMA voiceai; REVOKE ALL ON SCHEMA voiceai FROM voiceai"
    )
    store = Store(users_settings(shared_dir, address), owner=True)
    await store.open()

    with pytest.raises(ImportRefused, match="CREATE SCHEMA IF NOT EXISTS voiceai"):
        await store.import_assistant(SOMMER, source="x")
    await store.close()
