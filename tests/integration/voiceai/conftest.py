"""A real embedded PostgreSQL in a folder of its own."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.support.database import connect, settings_for
from voiceai.store.embedded import EmbeddedPostgres
from voiceai.store.repository import Store


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the environment's database nor a ``.env`` of the folder counts."""
    for name in ("DATABASE_URL", "DB_HOST", "DB_PORT", "DB_USER", "DB_PASSWORD", "DB_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A folder below one that is closed to others, as ``mktemp -d`` makes them."""
    closed = Path(tempfile.mkdtemp())
    yield closed / "data"
    shutil.rmtree(closed)


@pytest.fixture
async def server(data_dir: Path) -> AsyncIterator[EmbeddedPostgres]:
    """The embedded server, running."""
    found = EmbeddedPostgres(data_dir)
    await found.open(owner=True)
    yield found
    await found.close()


@pytest.fixture
async def database(data_dir: Path, server: EmbeddedPostgres) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the test's own."""
    connection = await connect(await server.open(owner=True))
    yield connection
    await connection.close()


@pytest.fixture
async def store(data_dir: Path, server: EmbeddedPostgres) -> AsyncIterator[Store]:
    """A store as ``serve`` has it, connected."""
    found = Store(settings_for(data_dir), owner=True)
    await found.open()
    yield found
    await found.close()
