"""A user's own tables, and stores that run on them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from tests.support.changes import NUMBER, Serve
from tests.support.database import BARE, users_settings
from voiceai.store.embedded import Address
from voiceai.store.repository import Store
from voiceai.store.warming import Warm


@pytest.fixture
async def tables(database: asyncpg.Connection) -> asyncpg.Connection:
    """A user's own tables with one assistant."""
    await database.execute(BARE)
    await database.execute("""INSERT INTO "Assistant" VALUES ('a1', 'Sommer', 'Eins')""")
    await database.execute("INSERT INTO \"PhoneNumber\" VALUES ('p1', $1, 'a1')", NUMBER)
    return database


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
