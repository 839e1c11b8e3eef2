"""Connections to PostgreSQL, and the tables of ours in its schema ``voiceai``."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from importlib.resources import files
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg
from loguru import logger

from voiceai.errors import StoreUnavailable
from voiceai.settings import Settings
from voiceai.store.embedded import Address

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    Connection = asyncpg.pool.PoolConnectionProxy  # not generic at run time

TIMEOUT = 5.0
"""Seconds for a connection or a statement; a call's set-up waits no longer."""

UNAVAILABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)
"""Errors that say nothing about the statement: trying again may help."""

NOT_CONNECTED = "the database is not connected yet"

MIGRATION_TIMEOUT = 600.0
"""Seconds for a migration, such as an index of many calls, or for another process's."""

MIGRATION_LOCK = 0x766F6963
"""Key of the advisory lock under which the schema is changed."""

PRISMA_PARAMETERS = frozenset(
    "schema connection_limit pool_timeout pgbouncer connect_timeout socket_timeout sslaccept".split()  # noqa: E501, SIM905
)
"""Parameters of a DATABASE_URL that Prisma understands and PostgreSQL does not."""


def connect_arguments(settings: Settings) -> dict[str, Any]:
    """Arguments of ``asyncpg.create_pool`` for the configured database."""
    if settings.database_url is not None:
        return url_arguments(settings.database_url.get_secret_value())
    password = settings.db_password.get_secret_value() if settings.db_password else None
    return {
        "host": settings.db_host,
        "port": settings.db_port,
        "user": settings.db_user,
        "password": password,
        "database": settings.db_name,
    }


def url_arguments(url: str) -> dict[str, Any]:
    """A URL of libpq's, SQLAlchemy's or Prisma's kind as ``asyncpg`` takes it."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    kept = {key: value for key, value in query.items() if key not in PRISMA_PARAMETERS}
    arguments: dict[str, Any] = {
        "dsn": urlunsplit(parts._replace(scheme="postgresql", query=urlencode(kept)))
    }
    if "schema" in query:
        arguments["server_settings"] = {"search_path": query["schema"]}
    if query.get("pgbouncer") == "true":
        arguments["statement_cache_size"] = 0
    return arguments


class Database:
    """A pool that is opened when the server can be reached, and our tables in it.

    Args:
        address: Finds out how to log in, before each attempt to open the pool.
    """

    def __init__(self, address: Callable[[], Awaitable[dict[str, Any] | Address]]) -> None:
        self._address = address
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self.has_schema = False
        self.advice = ""
        self.problem = NOT_CONNECTED
        self.trouble = asyncio.Event()

    async def open(self) -> None:
        """Connect and bring our tables up to date.

        Without the right to create the schema, ``has_schema`` stays false and ``advice``
        holds the SQL to run.

        Raises:
            StoreUnavailable: The server cannot be reached or refuses the login.
        """
        await self.close()
        pool: asyncpg.Pool[asyncpg.Record] | None = None
        try:
            address = await self._address()
            if isinstance(address, Address):
                fields = ("host", "port", "user", "password", "database")
                address = {name: getattr(address, name) for name in fields}
            pool = asyncpg.create_pool(
                **address, min_size=0, max_size=6, timeout=TIMEOUT, command_timeout=TIMEOUT
            )
            await pool
            async with pool.acquire() as connection:
                await self._migrate(connection)
        except BaseException as exc:
            if pool is not None:
                pool.terminate()
            if not isinstance(exc, UNAVAILABLE):
                self.problem = str(exc) if isinstance(exc, StoreUnavailable) else NOT_CONNECTED
                raise
            self.problem = f"the database cannot be reached: {exc or type(exc).__name__}"
            raise StoreUnavailable(self.problem) from exc
        self._pool = pool
        self.problem = ""

    async def close(self) -> None:
        """Disconnect, at once if the server does not answer."""
        self.problem = NOT_CONNECTED
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            await pool.close()
        except UNAVAILABLE:
            pool.terminate()

    async def renew(self) -> None:
        """Trust no connection of the past."""
        if self._pool is not None:
            await self._pool.expire_connections()

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Borrow a connection.

        Raises:
            StoreUnavailable: There is none, or it breaks while it is used.
        """
        if self._pool is None:
            raise StoreUnavailable(self.problem)
        try:
            async with self._pool.acquire(timeout=TIMEOUT) as connection:
                yield connection
        except UNAVAILABLE as exc:
            self.problem = f"the database does not answer: {exc or type(exc).__name__}"
            self.trouble.set()
            raise StoreUnavailable(self.problem) from exc
        self.problem = ""

    async def _migrate(self, connection: Connection) -> None:
        """Apply the migrations that are missing, in one transaction."""
        scripts = _scripts()
        self.has_schema = False
        try:
            if await _version(connection) != max(scripts):
                async with connection.transaction():
                    await connection.execute(
                        "SELECT pg_advisory_xact_lock($1)",
                        MIGRATION_LOCK,
                        timeout=MIGRATION_TIMEOUT,
                    )
                    await self._apply(connection, scripts)
        except asyncpg.InsufficientPrivilegeError as exc:
            user = await connection.fetchval("SELECT quote_ident(current_user)")
            self.advice = (
                f"CREATE SCHEMA IF NOT EXISTS voiceai AUTHORIZATION {user}; "
                f"GRANT ALL ON SCHEMA voiceai TO {user};"
            )
            logger.warning(
                "database.no_schema: {}; history stays on disk. Run: {}", exc, self.advice
            )
            return
        self.advice = ""
        self.has_schema = True

    async def _apply(self, connection: Connection, scripts: Mapping[int, str]) -> None:
        if not await connection.fetchval("SELECT 1 FROM pg_namespace WHERE nspname = 'voiceai'"):
            await connection.execute("CREATE SCHEMA voiceai")
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS voiceai.schema_migrations "
            "(version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        rows = await connection.fetch("SELECT version FROM voiceai.schema_migrations")
        applied = {row["version"] for row in rows}
        for version, script in scripts.items():
            if version not in applied:
                await connection.execute(script, timeout=MIGRATION_TIMEOUT)
                statement = "INSERT INTO voiceai.schema_migrations (version) VALUES ($1)"
                await connection.execute(statement, version)
                logger.bind(version=version).info("database.migrated")


async def _version(connection: Connection) -> int:
    """Number of the newest migration that was applied; 0 for none."""
    if await connection.fetchval("SELECT to_regclass('voiceai.schema_migrations')::text") is None:
        return 0
    query = "SELECT coalesce(max(version), 0) FROM voiceai.schema_migrations"
    return int(await connection.fetchval(query))


def _scripts() -> dict[int, str]:
    """The shipped migrations by number, in order."""
    folder = files("voiceai.store") / "migrations"
    named = sorted((item.name, item) for item in folder.iterdir() if item.name.endswith(".sql"))
    return {
        int(PurePath(name).stem.partition("_")[0]): item.read_text(encoding="utf-8")
        for name, item in named
    }
