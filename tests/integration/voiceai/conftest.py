"""A real embedded PostgreSQL in a folder of its own, shared by a module."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from voiceai.settings import Settings
from voiceai.store.embedded import Address, EmbeddedPostgres
from voiceai.store.repository import Store


def settings_for(data_dir: Path, **values: object) -> Settings:
    """Settings of this test alone: nothing of the environment's database is used."""
    return Settings(_env_file=None, voiceai_data_dir=data_dir, **values)


async def connect(address: Address, **changes: object) -> asyncpg.Connection:
    """Log in as the store does."""
    fields = ("host", "port", "user", "password", "database")
    arguments = {name: getattr(address, name) for name in fields}
    return await asyncpg.connect(**{**arguments, **changes})


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A folder below a closed one, as ``mktemp -d`` and a home of root's are."""
    closed = Path(tempfile.mkdtemp())
    yield closed / "data"
    shutil.rmtree(closed)


@pytest.fixture
async def store(data_dir: Path) -> AsyncIterator[Store]:
    """A store of an owner on a new embedded database."""
    found = Store(settings_for(data_dir), owner=True)
    await found.open()
    yield found
    await found.close()


@pytest.fixture
async def database(data_dir: Path) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the test's own to the embedded database of ``data_dir``."""
    server = EmbeddedPostgres(data_dir)
    connection = await connect(await server.open(owner=True))
    yield connection
    await connection.close()
    await server.close()
