"""A database of the user's own: two bare tables, and a call that hears their greeting."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import asyncpg
import numpy as np
import pytest

from pipelines.services.espeak import Espeak
from pipelines.services.moonshine import Moonshine
from pipelines.speech import for_telephone
from tests.support.availability import have_or_skip
from tests.support.brief import newest_record
from tests.support.database import BARE, connect
from tests.support.listening import likeness, words_heard
from tests.support.pbx import Pbx
from tests.support.provider import NUMBERS, Provider
from tests.support.serving import Serving
from tests.support.word_errors import word_error_rate
from voiceai.bench.sip_caller import SipCaller
from voiceai.store.embedded import Address, EmbeddedPostgres

GREETING: Final = "Welcome to the flower shop, how can I help you?"
OTHER_GREETING: Final = "The garden centre is closed on Sundays."

CATALOGUE: Final = """
    SELECT json_build_object(
        'columns', (SELECT json_agg(c ORDER BY table_name, ordinal_position)
                    FROM information_schema.columns c WHERE table_schema = 'public'),
        'triggers', (SELECT json_agg(tgname) FROM pg_trigger t JOIN pg_class r ON r.oid = tgrelid
                     WHERE relnamespace = 'public'::regnamespace AND NOT tgisinternal),
        'functions', (SELECT json_agg(proname) FROM pg_proc
                      WHERE pronamespace = 'public'::regnamespace),
        'rows', (SELECT json_agg(a) FROM "Assistant" a),
        'numbers', (SELECT json_agg(p) FROM "PhoneNumber" p))
"""


OF_OTHER_TYPES: Final = """
    CREATE TABLE "Assistant"(id {kind} primary key, name text, greeting text);
    CREATE TABLE "PhoneNumber"(id {kind} primary key, number text, "assignedToAssistantId" {kind});
    INSERT INTO "Assistant" VALUES ({id}, 'flowers', '{greeting}');
    INSERT INTO "PhoneNumber" VALUES ({id}, '004920189098720', {id});
"""

OWN: Final = """\
name: own
language: {language}
stt: {{service: local}}
tts: {{service: espeak}}
turn: {{stop: silence, vad: {{model: energy}}}}
"""

ALIKE: Final = 0.8
"""Of what is heard and what the row says, in pieces; another greeting has 0.5."""


@pytest.fixture
async def users_tables(
    tmp_path: Path,
) -> AsyncIterator[tuple[Address, asyncpg.Connection]]:
    """A PostgreSQL with the two tables, made by somebody else, and a connection to it."""
    server = EmbeddedPostgres(tmp_path / "users")
    address = await server.open(owner=True)
    connection = await connect(address)
    await connection.execute(BARE)
    await connection.execute("INSERT INTO \"Assistant\" VALUES ('clx1', 'flowers', $1)", GREETING)
    await connection.execute(
        "INSERT INTO \"PhoneNumber\" VALUES ('cly1', '+49 2018 9098720', 'clx1')"
    )
    yield address, connection
    await connection.close()
    await server.close()


@pytest.mark.timeout(90)
async def test_a_call_hears_the_greeting_of_its_row_and_the_tables_stay_as_they_were(
    *,
    users_tables: tuple[Address, asyncpg.Connection],
    pbx: Pbx,
    provider: Provider,
    caller: SipCaller,
    tmp_path: Path,
) -> None:
    moonshine = have_or_skip(Moonshine)
    address, users = users_tables
    before = await catalogue(users)
    database = {**settings_of(address), "VOICEAI_DEFAULT_LANGUAGE": "en"}
    async with Serving(pbx.params.ari, tmp_path / "serving", **database) as serving:
        first = await heard_greeting(caller, provider, moonshine)
        record = await newest_record(serving)
        after = await catalogue(users)
        await users.execute('UPDATE "Assistant" SET greeting = $1', OTHER_GREETING)
        second = await heard_greeting(caller, provider, moonshine)

    moonshine.close()
    assert word_error_rate(GREETING, first) <= 0.25, first
    assert word_error_rate(OTHER_GREETING, second) <= 0.25, second
    assert (record["number"], record["assistant"]) == (NUMBERS[0], "flowers")
    assert [turn["text"] for turn in record["turns"]] == [GREETING]
    assert after == before
    ours = await users.fetch(
        "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_|information_schema'"
    )
    assert {row["nspname"] for row in ours} == {"public", "voiceai"}


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("kind", "own_id", "language", "greeting", "may_create"),
    [
        ("uuid", "gen_random_uuid()", "de-DE", "Blumenhaus Winter, was darf es sein?", True),
        ("integer", "7", "en-US", "Flower shop Winter, what would you like?", False),
    ],
    ids=["uuids, in German", "integers, in English, without the right to create a schema"],
)
async def test_a_call_hears_the_greeting_of_its_row_whatever_ids_language_and_rights(
    *,
    pbx: Pbx,
    provider: Provider,
    caller: SipCaller,
    tmp_path: Path,
    kind: str,
    own_id: str,
    language: str,
    greeting: str,
    may_create: bool,
) -> None:
    voice = Espeak(language.lower() if language == "en-US" else "de", 160)
    spoken = for_telephone(have_or_skip(lambda: voice.synthesize(greeting)), voice.sample_rate)
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "own.yaml").write_text(OWN.format(language=language))
    own = {
        "VOICEAI_PIPELINES": str(tmp_path / "pipelines"),
        "VOICEAI_DEFAULT_PIPELINE": "own",
        "VOICEAI_DEFAULT_LANGUAGE": language[:2],
    }
    async with other_tables(tmp_path, kind, own_id, greeting) as (address, users):
        if not may_create:
            await users.execute("REVOKE CREATE ON DATABASE voiceai FROM CURRENT_USER")
        before = await catalogue(users)
        settings = {**settings_of(address), **own}
        async with Serving(pbx.params.ari, tmp_path / "serving", **settings) as serving:
            call = await caller.dial(NUMBERS[0], via=provider.address)
            assert call.answered_at is not None, f"refused with {call.status}"
            await call.wait_for_speech(10, after=call.answered_at)
            await call.wait_for_silence(0.7, 10)
            await call.hang_up()
            record = await newest_record(serving)
        after = await catalogue(users)
        schema = await users.fetchval("SELECT to_regnamespace('voiceai') IS NOT NULL")

    samples = np.frombuffer(spoken, "<i2").astype(np.float64)
    assert likeness(call.heard, call.answered_at, samples) >= ALIKE
    assert (record["assistant"], [turn["text"] for turn in record["turns"]]) == (
        "flowers",
        [greeting],
    )
    assert after == before
    assert schema is may_create


@contextlib.asynccontextmanager
async def other_tables(
    folder: Path, kind: str, own_id: str, greeting: str
) -> AsyncIterator[tuple[Address, asyncpg.Connection]]:
    """A PostgreSQL whose two tables have ids of another type, and a connection to it."""
    server = EmbeddedPostgres(folder / "users")
    address = await server.open(owner=True)
    connection = await connect(address)
    new = await connection.fetchval(f"SELECT quote_literal({own_id}::text)")
    await connection.execute(OF_OTHER_TYPES.format(kind=kind, id=new, greeting=greeting))
    try:
        yield address, connection
    finally:
        await connection.close()
        await server.close()


def settings_of(address: Address) -> dict[str, str]:
    """Return the environment of a process that is to use this database."""
    return {
        "DB_HOST": address.host,
        "DB_PORT": str(address.port),
        "DB_USER": address.user,
        "DB_PASSWORD": address.password,
        "DB_NAME": address.database,
    }


async def catalogue(users: asyncpg.Connection) -> Any:
    """Everything that is in the user's schema."""
    return json.loads(await users.fetchval(CATALOGUE))


async def heard_greeting(caller: SipCaller, provider: Provider, moonshine: Moonshine) -> str:
    """Call, and return the words of the greeting."""
    call = await caller.dial(NUMBERS[0], via=provider.address)
    assert call.answered_at is not None, f"refused with {call.status}"
    began = await call.wait_for_speech(10, after=call.answered_at)
    await call.wait_for_silence(0.7, 10)
    ended = call.heard.last_speech_before()
    assert ended is not None
    await call.hang_up()
    return words_heard(moonshine, call.heard, began, ended)
