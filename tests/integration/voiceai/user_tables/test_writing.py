"""What we write into tables: imports, numbers, and seeds where they are ours."""

from pathlib import Path

import asyncpg
import pytest

from tests.support.database import settings_for
from voiceai.errors import ImportRefused, SchemaMismatch, UnknownAssistant
from voiceai.store.embedded import Address
from voiceai.store.repository import Store


async def test_an_import_becomes_the_assistant_and_keeps_the_rows_number(
    bare: asyncpg.Connection, store: Store
) -> None:
    text = "name: sommer\nextends: local-de\ngreeting: Hallo!\nidle: {after_ms: 5000}\n"

    first = await store.import_assistant(text, source="sommer.yaml")
    again = await store.import_assistant(text, source="sommer.yaml")
    await store.assign("+49 201 89098723", "sommer")
    changed = await store.import_assistant(text.replace("Hallo", "Moin"), source="sommer.yaml")
    found = await store.assistant_for("4920189098723")

    assert (first.version, again.version, changed.version) == (1, 1, 2)
    assert (first.created, again.created) == (True, False)
    assert found is not None
    assert found.spec.idle is not None
    assert (found.name, found.spec.greeting, found.spec.idle.after_ms) == ("sommer", "Moin!", 5000)
    assert await bare.fetchval('SELECT count(*) FROM "PhoneNumber"') == 1


async def test_an_edit_in_the_users_application_lies_over_the_import(
    bare: asyncpg.Connection, store: Store
) -> None:
    await store.import_assistant("name: sommer\nextends: local-de\ngreeting: A\n", source="x")
    await store.assign("4940123", "sommer")
    await bare.execute("""UPDATE "Assistant" SET greeting = 'B' WHERE name = 'sommer'""")

    found = await store.assistant_for("4940123")

    assert found is not None
    assert found.spec.greeting == "B"


async def test_a_new_number_is_stored_as_digits(bare: asyncpg.Connection, store: Store) -> None:
    stored = await store.assign("+49 (0) 40-123 456", "Praxis Dr. Sommer")

    assert stored == "4940123456"
    assert await store.assistant_for("4940123456") is not None


async def test_nobody_is_assigned_to_an_unknown_name(store: Store) -> None:
    with pytest.raises(UnknownAssistant, match="nobody"):
        await store.assign("4940123", "nobody")


async def test_a_column_that_we_cannot_fill_refuses_the_import_and_changes_nothing(
    bare: asyncpg.Connection, store: Store
) -> None:
    await bare.execute('ALTER TABLE "Assistant" ADD "organizationId" text')
    await bare.execute("""UPDATE "Assistant" SET "organizationId" = 'o'""")
    await bare.execute('ALTER TABLE "Assistant" ALTER "organizationId" SET NOT NULL')

    with pytest.raises(ImportRefused, match="organizationId"):
        await store.import_assistant("name: neu\n", source="x")

    assert await bare.fetchval('SELECT count(*) FROM "Assistant"') == 1
    assert await bare.fetchval("SELECT count(*) FROM voiceai.assistant_versions") == 2


async def test_tables_of_prismas_kind_take_an_import(
    database: asyncpg.Connection, store: Store
) -> None:
    await database.execute(
        """
        DROP TABLE "PhoneNumber", "Assistant";
        CREATE TABLE "Assistant"(id text primary key, name text NOT NULL, greeting text NOT NULL,
            "systemPrompt" text NOT NULL, voice jsonb, "updatedAt" timestamp(3) NOT NULL,
            "createdAt" timestamp(3) NOT NULL DEFAULT now());
        CREATE TABLE "PhoneNumber"(id text primary key, number text NOT NULL UNIQUE,
            "assignedToAssistantId" text REFERENCES "Assistant"(id),
            "updatedAt" timestamp NOT NULL);
        """
    )

    await store.import_assistant("name: neu\ntts: {service: azure, voice: x}\n", source="x")
    await store.assign("4940", "neu")

    found = await store.assistant_for("4940")
    assert found is not None
    assert found.spec.tts.params["voice"] == "x"


async def test_the_seeds_answer_in_a_new_database_and_are_made_once(
    database: asyncpg.Connection, store: Store, shared_dir: Path
) -> None:
    german = await store.assistant_for("+4920189098723")
    english = await store.assistant_for("+4920189098720")
    assert german is not None
    assert english is not None
    assert (german.name, german.spec.language_code) == ("rezeption-de", "de")
    assert (english.name, english.spec.language_code) == ("reception-en", "en")

    await database.execute("""DELETE FROM "Assistant" WHERE name = 'reception-en'""")
    later = Store(settings_for(shared_dir), owner=False)
    await later.open()
    names = [entry.name for entry in await later.assistants()]
    await later.close()

    assert names == ["rezeption-de"]


async def test_nothing_is_seeded_into_a_users_database(
    database: asyncpg.Connection, shared_dir: Path, address: Address
) -> None:
    settings = settings_for(
        shared_dir,
        db_host=address.host, db_user=address.user, db_password=address.password, db_name="voiceai",
    )  # fmt: skip
    users = Store(settings, owner=True)
    await users.open()

    with pytest.raises(SchemaMismatch, match="Assistant"):
        await users.assistants()
    await users.close()
