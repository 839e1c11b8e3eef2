"""A real embedded PostgreSQL, shared where a test leaves it running."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.support.database import connect, copy_data, initialise, settings_for
from voiceai.store.embedded import Address, EmbeddedPostgres
from voiceai.store.repository import Store

EMPTY = """
    DROP SCHEMA IF EXISTS voiceai, crm CASCADE;
    DROP SCHEMA public CASCADE;
    CREATE SCHEMA public;
"""


def forget_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the environment name no database."""
    for name in ("DATABASE_URL", "DB_HOST", "DB_PORT", "DB_USER", "DB_PASSWORD", "DB_NAME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the environment's database nor a ``.env`` of the folder counts."""
    forget_database(monkeypatch)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A folder below one that is closed to others, as ``mktemp -d`` makes them."""
    closed = Path(tempfile.mkdtemp())
    yield closed / "data"
    shutil.rmtree(closed)


@pytest.fixture(scope="session")
def template_dir() -> Iterator[Path]:
    """A data folder with an empty database; to be copied only."""
    closed = Path(tempfile.mkdtemp())
    asyncio.run(initialise(closed / "data"))
    yield closed / "data"
    shutil.rmtree(closed)


@pytest.fixture
def empty_dir(template_dir: Path, data_dir: Path) -> Path:
    """A folder like `data_dir` in which initdb is done: there is an empty database."""
    copy_data(template_dir, data_dir)
    return data_dir


@pytest.fixture(scope="session")
def shared_server() -> Iterator[tuple[Path, EmbeddedPostgres, Address]]:
    """One server for all tests that do not stop it."""
    folder = Path(tempfile.mkdtemp())
    server = EmbeddedPostgres(folder)
    address = asyncio.run(server.open(owner=True))
    yield folder, server, address
    asyncio.run(server.close())
    shutil.rmtree(folder)


@pytest.fixture
async def database(
    shared_server: tuple[Path, EmbeddedPostgres, Address],
) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the test's own to the shared server, whose database is empty."""
    folder, _, address = shared_server
    connection = await connect(address)
    await connection.execute(EMPTY)
    shutil.rmtree(folder / "history", ignore_errors=True)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
def shared_dir(shared_server: tuple[Path, EmbeddedPostgres, Address]) -> Path:
    """The data folder of the shared server."""
    return shared_server[0]


@pytest.fixture
def address(shared_server: tuple[Path, EmbeddedPostgres, Address]) -> Address:
    """How to log in to the shared server."""
    return shared_server[2]


@pytest.fixture
async def store(database: asyncpg.Connection, shared_dir: Path) -> AsyncIterator[Store]:
    """A store as ``serve`` has it, connected to a new database of the shared server."""
    found = Store(settings_for(shared_dir), owner=True)
    await found.open()
    yield found
    await found.close()
