"""Hears our triggers' notifications, and knows whether it would."""

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from typing import Any

import asyncpg
from loguru import logger

from voiceai.errors import StoreUnavailable
from voiceai.store.changes import CHANNEL
from voiceai.store.database import UNAVAILABLE, Connection, Database

RETRY_SECONDS = 2.0
"""Between attempts to listen."""

PROOF_SECONDS = 2.0
"""So long a notification of our own may take; a pooler in between may swallow it."""


class Listener:
    """Listens on a connection of its own.

    Args:
        database: Who notifies.
        wake: Is called at each notification of a change.

    Attributes:
        hears: Whether a notification arrives, as one of our own has shown.
    """

    def __init__(self, database: Database, wake: Callable[[], None]) -> None:
        self._database = database
        self._wake = wake
        self._authors: set[str] = set()
        self._greeting = f"hello {secrets.token_hex(8)}"
        self._greeted = asyncio.Event()
        self._lost = asyncio.Event()
        self._asked_at = 0.0
        self.hears = False

    def authors(self) -> str:
        """Who changed something since this was last asked; empty if nobody told."""
        names, self._authors = sorted(self._authors), set()
        return ", ".join(names)

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                if self._database.has_schema:
                    await self._listen()
            except (StoreUnavailable, asyncpg.PostgresError) as exc:
                logger.debug("assistants.not_listening: {}", exc)
            finally:
                self.hears = False
            await asyncio.sleep(RETRY_SECONDS)

    async def prove(self, connection: Connection) -> None:
        """Find out now and then whether notifications still arrive: a line may die in silence.

        Args:
            connection: Another than the one that listens.
        """
        now = asyncio.get_running_loop().time()
        if not self.hears or now - self._asked_at < PROOF_SECONDS:
            return
        if not self._greeted.is_set():
            self.hears = False
            self._lost.set()
            return
        self._greeted.clear()
        self._asked_at = now
        await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, self._greeting)

    async def _listen(self) -> None:
        """Listen for as long as the connection lives, to nothing if notifications get lost.

        Raises:
            StoreUnavailable: The database is away.
        """
        self._lost.clear()
        async with self._database.connection() as connection:
            connection.add_termination_listener(self._on_lost)
            await connection.add_listener(CHANNEL, self._heard)
            try:
                self._greeted.clear()
                await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, self._greeting)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PROOF_SECONDS):
                        await self._greeted.wait()
                self.hears = self._greeted.is_set()
                self._asked_at = asyncio.get_running_loop().time()
                self._wake()
                await self._lost.wait()
            finally:
                connection.remove_termination_listener(self._on_lost)
                if not connection.is_closed():
                    try:
                        await connection.remove_listener(CHANNEL, self._heard)
                    except UNAVAILABLE:
                        connection.terminate()

    def _on_lost(self, _connection: Any) -> None:
        self._lost.set()

    def _heard(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        author = str(payload)
        if author == self._greeting:
            self._greeted.set()
        elif not author.startswith("hello "):
            self._authors.add(author)
            self._wake()
