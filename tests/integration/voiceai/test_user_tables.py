"""The users' own tables, in the shapes that they have."""

import json
import time
from pathlib import Path

import asyncpg
import pytest

from pipelines.errors import SpecError
from tests.support.database import settings_for
from voiceai.errors import ImportRefused, SchemaMismatch, UnknownAssistant
from voiceai.store.embedded import Address
from voiceai.store.repository import Store

BARE = """
    CREATE TABLE "Assistant"(id text primary key, name text, greeting text);
    CREATE TABLE "PhoneNumber"(id text primary key, number text, "assignedToAssistantId" text);
"""


@pytest.fixture
async def bare(database: asyncpg.Connection, store: Store) -> asyncpg.Connection:
    """Only what must exist, with one assistant, as a user's own database has it."""
    await database.execute('DROP TABLE "PhoneNumber", "Assistant"')
    await database.execute(BARE)
    await database.execute(
        """INSERT INTO "Assistant" VALUES ('a1', 'Praxis Dr. Sommer', 'Praxis Sommer!')"""
    )
    await database.execute("""INSERT INTO "PhoneNumber" VALUES ('p1', '4920189098723', 'a1')""")
    return database


@pytest.mark.parametrize(
    "dialled",
    ["4920189098723", "+4920189098723", "004920189098723", "49 201 890-98723", "49(0)201/89098723"],
)  # fmt: skip
async def test_finds_a_number_in_any_notation(
    bare: asyncpg.Connection, store: Store, dialled: str
) -> None:
    found = await store.assistant_for(dialled)

    assert found is not None
    assert found.name == "Praxis Dr. Sommer"
    assert found.spec.greeting == "Praxis Sommer!"
    assert found.spec.language == "de-DE"
    assert found.spec.llm.service == "scripted"


@pytest.mark.parametrize("stored", ["+49 201 89098723", "0049-201-89098723", "+49 (0)201 89098723"])
async def test_finds_a_number_stored_in_any_notation(
    bare: asyncpg.Connection, store: Store, stored: str
) -> None:
    await bare.execute('UPDATE "PhoneNumber" SET number = $1', stored)

    assert await store.assistant_for("4920189098723") is not None


@pytest.mark.parametrize("dialled", ["020189098723", "20189098723", "", "+", "49201890987231"])
async def test_guesses_no_country_and_no_extension(
    bare: asyncpg.Connection, store: Store, dialled: str
) -> None:
    assert await store.assistant_for(dialled) is None


async def test_a_number_without_an_assistant_is_nobodys(
    bare: asyncpg.Connection, store: Store
) -> None:
    await bare.execute('UPDATE "PhoneNumber" SET "assignedToAssistantId" = NULL')

    assert await store.assistant_for("4920189098723") is None


async def test_an_edited_row_counts_from_the_next_call(
    bare: asyncpg.Connection, store: Store
) -> None:
    await store.assistant_for("4920189098723")
    await bare.execute("""UPDATE "Assistant" SET greeting = 'Neu'""")

    found = await store.assistant_for("4920189098723")

    assert found is not None
    assert found.spec.greeting == "Neu"


async def test_a_column_added_while_we_run_is_used(bare: asyncpg.Connection, store: Store) -> None:
    await store.assistant_for("4920189098723")
    await bare.execute(
        'ALTER TABLE "Assistant" ADD COLUMN "systemPrompt" text, ADD overrides jsonb'
    )
    await bare.execute(
        """UPDATE "Assistant" SET "systemPrompt" = 'Sei kurz.', overrides = $1""",
        json.dumps({"turn": {"stop": "silence"}, "idle": {"times": 1}}),
    )

    found = await store.assistant_for("4920189098723")

    assert found is not None
    assert found.spec.prompt == "Sei kurz."
    assert found.spec.turn.stop == "silence"
    assert found.spec.idle is not None
    assert (found.spec.idle.times, found.spec.idle.after_ms) == (1, 10000)


@pytest.mark.parametrize(
    ("id_type", "link_type", "value"),
    [
        ("uuid", "uuid", "7e5fb9f6-3f5a-4f4a-9d0c-2b1d3c1f1a11"),
        ("uuid", "text", "7e5fb9f6-3f5a-4f4a-9d0c-2b1d3c1f1a11"),
        ("integer", "integer", "7"),
        ("bigint", "integer", "7"),
        ("varchar(40)", "text", "abc"),
    ],
)
async def test_ids_may_have_any_type(
    database: asyncpg.Connection, store: Store, id_type: str, link_type: str, value: str
) -> None:
    await database.execute(
        f"""
        DROP TABLE "PhoneNumber", "Assistant";
        CREATE TABLE "Assistant"(id {id_type} primary key, name text, greeting text);
        CREATE TABLE "PhoneNumber"(id {id_type} primary key, number text,
                                   "assignedToAssistantId" {link_type});
        INSERT INTO "Assistant" VALUES ('{value}', 'anna', 'Hallo');
        INSERT INTO "PhoneNumber" VALUES ('{value}', '4930123', '{value}');
        """  # noqa: S608 - values of this test
    )

    found = await store.assistant_for("4930123")
    assert found is not None
    assert (found.id, found.name) == (value, "anna")

    imported = await store.import_assistant("name: berta\ngreeting: Tag\n", source="berta.yaml")
    await store.assign("+49 40 777", "berta")
    reached = await store.assistant_for("4940777")
    assert imported.created
    assert reached is not None
    assert reached.name == "berta"


async def test_other_names_are_mapped(
    database: asyncpg.Connection, store: Store, shared_dir: Path
) -> None:
    await database.execute(
        """
        CREATE SCHEMA crm;
        CREATE TABLE crm.bots(bot_id int primary key, title text, welcome text, persona text);
        CREATE TABLE crm.numbers(e164 bigint, bot int);
        INSERT INTO crm.bots VALUES (1, 'Empfang', 'Willkommen', 'Sei nett.');
        INSERT INTO crm.numbers VALUES (49301, 1);
        """
    )
    mapping = (
        "Assistant=crm.bots, Assistant.id=bot_id, Assistant.name=title, Assistant.greeting=welcome,"
        "Assistant.systemPrompt=persona, PhoneNumber=crm.numbers, PhoneNumber.number=e164,"
        "PhoneNumber.assignedToAssistantId=bot"
    )
    mapped = Store(settings_for(shared_dir, voiceai_db_map=mapping), owner=False)
    await mapped.open()

    found = await mapped.assistant_for("+49 301")
    await mapped.close()

    assert found is not None
    assert found.name == "Empfang"
    assert (found.spec.greeting, found.spec.prompt) == ("Willkommen", "Sei nett.")


async def test_a_missing_column_is_named_with_the_way_to_map_it(
    database: asyncpg.Connection, store: Store
) -> None:
    await database.execute('ALTER TABLE "Assistant" RENAME greeting TO welcome_text')

    with pytest.raises(SchemaMismatch, match=r'no column "greeting".*VOICEAI_DB_MAP'):
        await store.assistants()
    assert any("greeting" in problem for problem in store.problems())


async def test_a_missing_table_is_named_with_the_way_to_map_it(
    database: asyncpg.Connection, store: Store
) -> None:
    await database.execute('ALTER TABLE "PhoneNumber" RENAME TO phone_numbers')

    with pytest.raises(SchemaMismatch, match=r"VOICEAI_DB_MAP=PhoneNumber=public\.phone_numbers"):
        await store.assistants()


@pytest.mark.parametrize("called_before", [False, True])
async def test_tables_that_we_may_not_read_are_a_reason_and_no_end_of_serve(
    bare: asyncpg.Connection, store: Store, *, called_before: bool
) -> None:
    """The error of the database went through the store and took the whole process along."""
    if called_before:
        await store.assistant_for("4920189098723")
    await bare.execute('REVOKE ALL ON "Assistant" FROM CURRENT_USER')

    with pytest.raises(SchemaMismatch, match=r"permission denied.*GRANT SELECT"):
        await store.assistant_for("4920189098723")
    with pytest.raises(SchemaMismatch, match="permission denied"):
        await store.assistants()
    assert "permission denied" in " ".join(store.problems())

    await bare.execute('GRANT ALL ON "Assistant" TO CURRENT_USER')
    assert await store.assistants()
    assert store.problems() == []


@pytest.mark.parametrize("column", ["text", "jsonb"])
async def test_a_voice_may_be_text_or_json(
    bare: asyncpg.Connection, store: Store, column: str
) -> None:
    voice = json.dumps({"provider": "azure", "voiceId": "de-DE-ConradNeural"})
    await bare.execute(f'ALTER TABLE "Assistant" ADD voice {column}')
    await bare.execute(f'UPDATE "Assistant" SET voice = $1::text::{column}', voice)  # noqa: S608

    found = await store.assistant_for("4920189098723")

    assert found is not None
    assert found.spec.tts.service == "azure"
    assert found.spec.tts.params["voice"] == "de-DE-ConradNeural"


async def test_a_voice_of_another_service_is_left_out_and_reported(
    bare: asyncpg.Connection, store: Store
) -> None:
    await bare.execute('ALTER TABLE "Assistant" ADD voice text')
    await bare.execute("""UPDATE "Assistant" SET voice = 'de-DE-KatjaNeural'""")

    found = await store.assistant_for("4920189098723")

    assert found is not None
    assert "voice" not in found.spec.tts.params
    assert "de-DE-KatjaNeural" in found.warnings[0]


@pytest.mark.parametrize(
    ("overrides", "path"),
    [
        ({"processors": [{"use": "os:system"}]}, "processors"),
        ({"llm": {"service": "openai", "base_url": "http://10.0.0.1"}}, "llm.base_url"),
        ({"stt": {"model": "/etc/passwd"}}, "stt.model"),
        ({"tools": [{"http": {"url": "http://x"}}]}, "tools.http"),
        ({"extends": "other"}, "extends"),
        ({"tts": {"apiKey": "x"}}, "tts.apiKey"),
    ],
)
async def test_what_reaches_out_is_refused_in_a_row(
    bare: asyncpg.Connection, store: Store, overrides: dict[str, object], path: str
) -> None:
    await bare.execute('ALTER TABLE "Assistant" ADD overrides jsonb')
    await bare.execute('UPDATE "Assistant" SET overrides = $1', json.dumps(overrides))

    with pytest.raises(SpecError) as caught:
        await store.assistant_for("4920189098723")

    assert caught.value.path == path
    assert "Praxis Dr. Sommer" in caught.value.file


async def test_the_pipeline_column_names_the_base(bare: asyncpg.Connection, store: Store) -> None:
    await bare.execute('ALTER TABLE "Assistant" ADD pipeline text, ADD language text')
    await bare.execute("""UPDATE "Assistant" SET pipeline = 'echo-en', language = 'en'""")

    found = await store.assistant_for("4920189098723")

    assert found is not None
    assert (found.spec.llm.service, found.spec.language) == ("echo", "en-US")


async def test_one_broken_row_leaves_the_others_in_the_list(
    database: asyncpg.Connection, store: Store
) -> None:
    await database.execute(
        """UPDATE "Assistant" SET pipeline = 'lokal-de' WHERE language = 'de-DE'"""
    )

    english, german = await store.assistants()

    assert english.spec is not None
    assert german.spec is None
    assert "lokal-de" in german.problem
    assert "local-de" in german.problem


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


async def test_a_lookup_among_ten_thousand_numbers_is_quick(
    bare: asyncpg.Connection, store: Store
) -> None:
    await bare.execute(
        """INSERT INTO "PhoneNumber"
           SELECT 'n' || i, '+49 30 ' || (5000000 + i), 'a1' FROM generate_series(1, 10000) i"""
    )
    await bare.execute('ANALYZE "PhoneNumber"')

    await store.look_once()

    numbers = ("4920189098723", "49305009999", "49999999999")
    times = [await fastest(store, number) for number in numbers]

    assert max(times) < 0.02


async def test_a_number_is_found_where_it_is_now_not_where_it_was_last_seen(
    bare: asyncpg.Connection, store: Store
) -> None:
    await bare.execute("""INSERT INTO "Assistant" VALUES ('a2', 'Winter', 'Praxis Winter!')""")
    await bare.execute("""UPDATE "PhoneNumber" SET number = '+49 201 890-98723'""")
    await store.look_once()
    assert await answering(store) == "Praxis Sommer!"

    await bare.execute("""UPDATE "PhoneNumber" SET "assignedToAssistantId" = 'a2'""")
    assert await answering(store) == "Praxis Winter!"
    await bare.execute("""UPDATE "PhoneNumber" SET number = '0049 (0)201 89098723'""")
    assert await answering(store) == "Praxis Winter!"


async def test_another_number_in_its_place_is_not_taken_for_it(
    bare: asyncpg.Connection, store: Store
) -> None:
    await store.look_once()
    place = await bare.fetchval('SELECT ctid::text FROM "PhoneNumber"')
    await bare.execute("""DELETE FROM "PhoneNumber" WHERE id = 'p1'""")
    await bare.execute("""INSERT INTO "PhoneNumber" VALUES ('p0', '4930', 'a1')""")
    await bare.execute("""VACUUM FULL "PhoneNumber" """)
    assert await bare.fetchval('SELECT ctid::text FROM "PhoneNumber"') == place

    assert await store.assistant_for("4920189098723") is None


async def test_numbers_in_a_view_are_found_though_its_rows_have_no_place(
    bare: asyncpg.Connection, store: Store
) -> None:
    await bare.execute('ALTER TABLE "PhoneNumber" RENAME TO numbers')
    await bare.execute('CREATE VIEW "PhoneNumber" AS SELECT * FROM numbers')
    await store.look_once()
    assert await answering(store) == "Praxis Sommer!"
    await bare.execute("UPDATE numbers SET number = '0049 201 89098723'")

    assert await answering(store) == "Praxis Sommer!"


async def answering(store: Store) -> str:
    """The greeting that a call to the practice hears."""
    found = await store.assistant_for("4920189098723")
    assert found is not None
    return found.spec.greeting


async def fastest(store: Store, number: str) -> float:
    """Seconds of the quickest of five lookups."""
    times = []
    for _ in range(5):
        started = time.perf_counter()
        await store.assistant_for(number)
        times.append(time.perf_counter() - started)
    return min(times)


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
