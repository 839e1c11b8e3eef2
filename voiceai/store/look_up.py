"""The database of the tool ``look_up``: a role of its own, transactions that only read."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import asyncpg
from loguru import logger

from pipelines.errors import LookUpFailed
from voiceai.store.database import url_arguments

MAX_CONNECTIONS = 4
IDLE_SECONDS = 60.0

READ_ONLY = {
    "default_transaction_read_only": "on",
    "application_name": "voiceai look_up",
}

CALLERS_VALUE = (asyncpg.DataError, ValueError, ArithmeticError)

OF_KIND: Mapping[str, Callable[[str], object]] = {
    **dict.fromkeys(("text", "varchar", "bpchar"), str),
    **dict.fromkeys(("int2", "int4", "int8"), int),
    **dict.fromkeys(("float4", "float8"), float),
    "numeric": Decimal,
    "date": date.fromisoformat,
}
"""How a parameter of a type is made of text; others are given as they are."""


class LookUpDatabase:
    """Connections as a role that may read what its owner lets it read, and nothing else.

    Args:
        url: Of the database, with the role and its password.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._opening = asyncio.Lock()

    async def __call__(
        self, query: str, values: Sequence[object], *, timeout_seconds: float, max_rows: int
    ) -> list[dict[str, Any]]:
        """Run one query; the server itself ends it after the time-out.

        Raises:
            LookUpFailed: It is refused, takes too long, or the database is away.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                rows = await self._rows(query, values, timeout_seconds, max_rows)
        except (TimeoutError, asyncpg.QueryCanceledError):
            raise LookUpFailed(f"no answer within {1000 * timeout_seconds:.0f} ms") from None
        except (
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            OSError,
            ValueError,
            ArithmeticError,
        ) as error:
            why = "a value" if isinstance(error, CALLERS_VALUE) else str(error)  # the caller's own
            logger.warning("tool.look_up: {}: {}", type(error).__name__, why)
            raise LookUpFailed("the database cannot answer that") from error
        return [_plain(row) for row in rows]

    async def _rows(
        self, query: str, values: Sequence[object], timeout_seconds: float, max_rows: int
    ) -> list[asyncpg.Record]:
        pool = await self._open()
        async with pool.acquire() as connection:
            try:
                async with connection.transaction(readonly=True):
                    milliseconds = max(1, round(1000 * timeout_seconds))
                    await connection.execute(f"SET LOCAL statement_timeout = {milliseconds}")
                    statement = await connection.prepare(query)
                    kinds = [kind.name for kind in statement.get_parameters()]
                    fitting = [_fitting(*each) for each in zip(values, kinds, strict=True)]
                    cursor = await statement.cursor(*fitting)
                    return await cursor.fetch(max_rows)
            except asyncio.CancelledError:
                connection.terminate()  # its server may never answer again
                raise

    async def close(self) -> None:
        """Close the connections."""
        if self._pool:
            await self._pool.close()

    async def _open(self) -> "asyncpg.Pool[asyncpg.Record]":
        async with self._opening:
            if self._pool is None:
                arguments = url_arguments(self._url)
                settings = {**arguments.pop("server_settings", {}), **READ_ONLY}
                self._pool = await asyncpg.create_pool(
                    **arguments,
                    min_size=0,
                    max_size=MAX_CONNECTIONS,
                    max_inactive_connection_lifetime=IDLE_SECONDS,
                    server_settings=settings,
                )
            return self._pool


def _plain(row: asyncpg.Record) -> dict[str, Any]:
    """Make a row plain data: dates, numbers and ids that JSON does not have become text."""
    data: dict[str, Any] = json.loads(json.dumps(dict(row), default=str))
    return data


def _fitting(value: object, kind: str) -> object:
    """Return a value as a column's type wants it: a model gives numbers and texts.

    Raises:
        ValueError: It is none.
    """
    if value is None or kind not in OF_KIND:
        return value
    made: object = OF_KIND[kind](str(value))
    return made
