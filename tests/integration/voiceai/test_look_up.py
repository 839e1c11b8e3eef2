"""The tool ``look_up`` with a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import quote

import asyncpg
import pytest
from loguru import logger

from pipelines.errors import LookUpFailed
from voiceai.store.embedded import Address
from voiceai.store.look_up import LookUpDatabase

TABLE = """
    CREATE TABLE orders (number text, state text, at timestamptz, price numeric);
    INSERT INTO orders
    SELECT 'n' || i, 'sent', '2026-11-23 00:00+00', 9.5 FROM generate_series(1, 50) i;
"""

LOGGED_IN = b"R\0\0\0\x08\0\0\0\0S\0\0\0\x18server_version\x0016.0\0Z\0\0\0\x05I"
"""AuthenticationOk, ParameterStatus and ReadyForQuery of the server's protocol."""


@pytest.fixture
async def look_up(database: asyncpg.Connection, address: Address) -> AsyncIterator[LookUpDatabase]:
    """As the role that owns the table, so that only the transaction keeps it from writing."""
    await database.execute(TABLE)
    login = f"{address.user}:{quote(address.password, safe='')}"
    where = f"host={quote(str(address.host), safe='')}&port={address.port}"
    made = LookUpDatabase(f"postgresql://{login}@/{address.database}?{where}")
    yield made
    await made.close()


async def rows(look_up: LookUpDatabase, query: str, *values: object) -> object:
    return await look_up(query, values, timeout_seconds=1.0, max_rows=20)


async def test_rows_are_plain_data_and_not_too_many(look_up: LookUpDatabase) -> None:
    found = await rows(look_up, "SELECT * FROM orders WHERE number = $1", "n7")
    assert found == [
        {"number": "n7", "state": "sent", "at": "2026-11-23 00:00:00+00:00", "price": "9.5"}
    ]
    many = await look_up("SELECT * FROM orders", (), timeout_seconds=1.0, max_rows=20)
    assert len(many) == 20


async def test_a_value_is_never_part_of_the_query(look_up: LookUpDatabase) -> None:
    assert await rows(look_up, "SELECT * FROM orders WHERE number = $1", "x' OR '1'='1") == []


async def test_a_value_becomes_what_its_column_is(look_up: LookUpDatabase) -> None:
    for kind, value in (("int", "7"), ("text", 7), ("numeric", "9.5"), ("date", "2026-11-23")):
        found = await rows(look_up, f"SELECT ($1::{kind})::text AS value", value)
        assert found == [{"value": str(value)}]


async def test_a_value_that_does_not_fit_is_told_and_not_logged(look_up: LookUpDatabase) -> None:
    written: list[str] = []
    sink = logger.add(lambda line: written.append(str(line)))
    for kind in ("int", "numeric", "date", "uuid", "bool"):
        with pytest.raises(LookUpFailed, match="cannot answer that"):
            await rows(look_up, f"SELECT $1::{kind}", "secret name")
    logger.remove(sink)
    assert "tool.look_up" in written[-1]
    assert "secret name" not in "".join(written)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM pg_authid",
        "WITH gone AS (DELETE FROM orders RETURNING *) SELECT * FROM gone",
        "SELECT set_config('transaction_read_only', 'off', false), lo_create(0)",
        "SELECT nothing FROM nowhere",
    ],
)
async def test_what_the_role_may_not_do_fails_in_words_for_the_model(
    look_up: LookUpDatabase, database: asyncpg.Connection, query: str
) -> None:
    with pytest.raises(LookUpFailed, match="cannot answer that"):
        await rows(look_up, query)
    assert await database.fetchval("SELECT count(*) FROM orders") == 50


async def test_a_query_that_takes_too_long_ends_and_the_next_one_works(
    look_up: LookUpDatabase,
) -> None:
    with pytest.raises(LookUpFailed, match="no answer within 100 ms"):
        await look_up("SELECT pg_sleep(5)", (), timeout_seconds=0.1, max_rows=1)
    assert await rows(look_up, "SELECT 1 AS one") == [{"one": 1}]


async def test_a_database_that_says_nothing_any_more_holds_nobody_up() -> None:
    """As behind a firewall that forgot the connection: what it sends is lost."""
    connections: list[asyncio.StreamWriter] = []

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await reader.read(100)
        if len(connections) == 1:
            writer.write(LOGGED_IN)

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        dead = LookUpDatabase(f"postgresql://reader@127.0.0.1:{port}/shop?sslmode=disable")
        async with asyncio.timeout(2):
            with pytest.raises(LookUpFailed, match="no answer within 200 ms"):
                await dead("SELECT 1", (), timeout_seconds=0.2, max_rows=1)
            await dead.close()
        for writer in connections:
            writer.close()


async def test_a_database_that_is_away_is_told() -> None:
    away = LookUpDatabase("postgresql://reader@127.0.0.1:1/shop")
    with pytest.raises(LookUpFailed):
        await rows(away, "SELECT 1")
    await away.close()
