"""The users' own tables, in the shapes that they have."""

import json
from pathlib import Path

import asyncpg
import pytest

from pipelines.errors import SpecError
from tests.support.database import settings_for
from voiceai.errors import SchemaMismatch
from voiceai.store.repository import Store


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
