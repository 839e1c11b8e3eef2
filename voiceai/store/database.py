"""Connections to PostgreSQL, and the tables of ours in its schema ``voiceai``."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg
from loguru import logger

from voiceai.errors import StoreUnavailable
from voiceai.settings import Settings
from voiceai.store.embedded import Address
from voiceai.store.records import CallHistory, CallRecord, Entry, Message, Op, Turn

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

MIGRATION_LOCK = 0x766F6963
"""Key of the advisory lock under which the schema is changed."""

PRISMA_PARAMETERS = frozenset(
    "schema connection_limit pool_timeout pgbouncer connect_timeout socket_timeout sslaccept".split()  # noqa: E501, SIM905
)
"""Parameters of a DATABASE_URL that Prisma understands and PostgreSQL does not."""

STATEMENTS: Mapping[Op, str] = {
    Op.BEGIN: """
        INSERT INTO voiceai.calls (id, process_id, number, caller, caller_name, assistant,
                                   assistant_id, started_at)
        SELECT $1, e->>'process_id', e->>'number', e->>'caller', e->>'caller_name',
               e->>'assistant', e->>'assistant_id', (e->>'started_at')::timestamptz
        FROM (SELECT $2::jsonb AS e) entry
        ON CONFLICT (id) DO NOTHING""",
    Op.ANSWER: """
        UPDATE voiceai.calls SET answered_at = ($2::jsonb->>'answered_at')::timestamptz,
               assistant = coalesce($2::jsonb->>'assistant', assistant),
               assistant_id = coalesce($2::jsonb->>'assistant_id', assistant_id)
        WHERE id = $1""",
    Op.TURN: """
        INSERT INTO voiceai.turns
        SELECT $1, t.n, t.role, t.text, t.started_ms, t.ended_ms, t.interrupted, t.latency
        FROM jsonb_to_record($2::jsonb) AS t(n int, role text, text text, started_ms int,
                                             ended_ms int, interrupted boolean, latency jsonb)
        ON CONFLICT (call_id, n) DO UPDATE SET role = excluded.role, text = excluded.text,
            started_ms = excluded.started_ms, ended_ms = excluded.ended_ms,
            interrupted = excluded.interrupted, latency = excluded.latency""",
    Op.MESSAGE: """
        INSERT INTO voiceai.messages
        SELECT $1, m.n, m.kind, m.at_ms, m.content
        FROM jsonb_to_record($2::jsonb) AS m(n int, kind text, at_ms int, content jsonb)
        ON CONFLICT (call_id, n) DO UPDATE SET kind = excluded.kind, at_ms = excluded.at_ms,
            content = excluded.content""",
    Op.END: """
        UPDATE voiceai.calls SET ended_at = (e->>'ended_at')::timestamptz,
               end_reason = e->>'end_reason', details = coalesce(e->'details', '{}')
        FROM (SELECT $2::jsonb AS e) entry WHERE id = $1""",
}
"""By entry: the call's id and the entry's values as JSON."""

CALL_COLUMNS = (
    "id, number, caller, caller_name, assistant, assistant_id, started_at, answered_at, ended_at, "
    "end_reason, details::text AS details"
)


def connect_arguments(settings: Settings) -> dict[str, Any]:
    """Arguments of ``asyncpg.create_pool`` for the configured database."""
    if settings.database_url is not None:
        return _url_arguments(settings.database_url.get_secret_value())
    password = settings.db_password.get_secret_value() if settings.db_password else None
    return {
        "host": settings.db_host,
        "port": settings.db_port,
        "user": settings.db_user,
        "password": password,
        "database": settings.db_name,
    }


def _url_arguments(url: str) -> dict[str, Any]:
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
                    await connection.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK)
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
                await connection.execute(script)
                statement = "INSERT INTO voiceai.schema_migrations (version) VALUES ($1)"
                await connection.execute(statement, version)
                logger.bind(version=version).info("database.migrated")

    async def write(self, entries: Sequence[Entry]) -> None:
        """Write entries in order; one that the database refuses is logged and left out.

        Raises:
            StoreUnavailable: The database is away, or has no tables of ours.
        """
        if not self.has_schema:
            raise StoreUnavailable(self.problem or "the schema voiceai does not exist")
        async with self.connection() as connection:
            try:
                async with connection.transaction():
                    for entry in entries:
                        await _write_entry(connection, entry)
            except UNAVAILABLE:
                raise
            except asyncpg.PostgresError:
                for entry in entries:
                    await _try_entry(connection, entry)

    async def calls(self, limit: int) -> list[CallRecord]:
        """The newest calls."""
        query = f"SELECT {CALL_COLUMNS} FROM voiceai.calls ORDER BY started_at DESC, id LIMIT $1"  # noqa: S608
        async with self.connection() as connection:
            return [_call(row) for row in await connection.fetch(query, limit)]

    async def call(self, call_id: str) -> CallHistory | None:
        """One call with everything in it."""
        query = f"SELECT {CALL_COLUMNS} FROM voiceai.calls WHERE id = $1"  # noqa: S608 - constant
        async with self.connection() as connection:
            row = await connection.fetchrow(query, call_id)
            if row is None:
                return None
            turns = await connection.fetch(
                "SELECT n, role, text, started_ms, ended_ms, interrupted, latency::text AS latency "
                "FROM voiceai.turns WHERE call_id = $1 ORDER BY n",
                call_id,
            )
            messages = await connection.fetch(
                "SELECT n, kind, content::text AS content, at_ms "
                "FROM voiceai.messages WHERE call_id = $1 ORDER BY n",
                call_id,
            )
        return CallHistory(
            _call(row),
            tuple(Turn(**{**turn, "latency": _json(turn["latency"])}) for turn in turns),
            tuple(Message(**{**item, "content": _json(item["content"])}) for item in messages),
        )


async def _version(connection: Connection) -> int:
    """Number of the newest migration that was applied; 0 for none."""
    if await connection.fetchval("SELECT to_regclass('voiceai.schema_migrations')::text") is None:
        return 0
    query = "SELECT coalesce(max(version), 0) FROM voiceai.schema_migrations"
    return int(await connection.fetchval(query))


async def _write_entry(connection: Connection, entry: Entry) -> None:
    values = json.dumps(_storable(entry.values), ensure_ascii=False, default=str)
    await connection.execute(STATEMENTS[entry.op], entry.call_id, values)


async def _try_entry(connection: Connection, entry: Entry) -> None:
    try:
        async with connection.transaction():
            await _write_entry(connection, entry)
    except UNAVAILABLE:
        raise
    except asyncpg.PostgresError as exc:
        logger.bind(call_id=entry.call_id, op=entry.op).error("history.refused: {}", exc)


def _storable(value: Any) -> Any:
    """Leave out what PostgreSQL's text cannot hold and a recogniser or model may produce.

    That is U+0000, and half of a surrogate pair: an emoji that was cut in two.
    """
    if isinstance(value, str):
        return value.replace("\x00", "").encode(errors="replace").decode()
    if isinstance(value, Mapping):
        return {_storable(key): _storable(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(entry) for entry in value]
    return value


def _scripts() -> dict[int, str]:
    """The shipped migrations by number, in order."""
    folder = files("voiceai.store") / "migrations"
    named = sorted((item.name, item) for item in folder.iterdir() if item.name.endswith(".sql"))
    return {
        int(PurePath(name).stem.partition("_")[0]): item.read_text(encoding="utf-8")
        for name, item in named
    }


def _call(row: asyncpg.Record) -> CallRecord:
    return CallRecord(**{**row, "details": _json(row["details"]) or {}})


def _json(text: str | None) -> Any:
    return None if text is None else json.loads(text)
