"""The embedded PostgreSQL, shared by every process that uses one data folder.

Locks are files of the data folder (flock(2)); the kernel drops them when a process dies.

- ``postgres.lock``: held while the server is started or stopped.
- ``postgres.owners``: held shared by each owner. Who leaves last stops the server.

A server that outlives a killed owner is adopted by the next one. A guest uses what runs and never
stops it; where nothing runs it starts the server, and is its owner.
"""

import asyncio
import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from voiceai.errors import EmbeddedFailed
from voiceai.store.cluster import PORT, ROLE, Cluster

LOCK_TIMEOUT = 60.0
"""Seconds to wait for another process that starts or stops the server."""


@dataclass(frozen=True, slots=True)
class Address:
    """How to log in: the arguments of ``asyncpg.connect``."""

    host: str
    password: str
    port: int = PORT
    user: str = ROLE
    database: str = ROLE


class EmbeddedPostgres:
    """This process's share in the server of ``data_dir``."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._cluster = Cluster(data_dir)
        self._ownership: int | None = None

    async def open(self, *, owner: bool) -> Address:
        """Start or adopt the server.

        Args:
            owner: Take part in deciding when it stops; a guest does not.

        Raises:
            EmbeddedFailed: It does not start, or its files belong to another user.
        """
        return await asyncio.to_thread(self._open, owner)

    async def close(self) -> None:
        """Stop the server if this was its last owner."""
        await asyncio.to_thread(self._close)

    def _open(self, owner: bool) -> Address:  # noqa: FBT001 - asyncio.to_thread is positional
        try:
            self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._starting_or_stopping():
                running = self._cluster.running()
                if (owner or running is None) and self._ownership is None:
                    self._ownership = self._lock_file("postgres.owners")
                    fcntl.flock(self._ownership, fcntl.LOCK_SH)
                try:
                    running = running or self._cluster.start()
                except BaseException:
                    self._disown()
                    raise
                return Address(str(running.socket_folder), self._cluster.password())
        except OSError as exc:
            raise EmbeddedFailed(f"the embedded PostgreSQL in {self._data_dir}: {exc}") from exc

    def _close(self) -> None:
        if self._ownership is None:
            return
        with self._starting_or_stopping():
            try:
                fcntl.flock(self._ownership, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return  # another owner is left
            else:
                self._cluster.stop()
            finally:
                self._disown()

    def _disown(self) -> None:
        if self._ownership is not None:
            os.close(self._ownership)
            self._ownership = None

    @contextlib.contextmanager
    def _starting_or_stopping(self) -> Iterator[None]:
        """Hold ``postgres.lock``.

        Raises:
            EmbeddedFailed: Another process kept it for ``LOCK_TIMEOUT``.
        """
        descriptor = self._lock_file("postgres.lock")
        try:
            deadline = time.monotonic() + LOCK_TIMEOUT
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise EmbeddedFailed(
                            f"another process holds {self._data_dir / 'postgres.lock'}"
                        ) from None
                    time.sleep(0.01)
            yield
        finally:
            os.close(descriptor)

    def _lock_file(self, name: str) -> int:
        return os.open(self._data_dir / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
