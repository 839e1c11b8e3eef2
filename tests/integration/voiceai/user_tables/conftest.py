"""A user's own tables, as bare as they may be."""

import asyncpg
import pytest

from tests.support.database import BARE
from voiceai.store.repository import Store


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
