"""A writer of records that never makes a call wait."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from loguru import logger

from voiceai.errors import StoreUnavailable
from voiceai.store.history import HistoryFile, read_entries
from voiceai.store.records import Entry

MAX_QUEUED = 10_000
"""Entries in memory; some 200 calls' worth of turns while the disk stalls."""

BATCH = 200
"""Entries in one transaction."""

RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0)
"""Pauses between attempts; the last one repeats."""


class Recorder:
    """Writes entries behind the calls' backs.

    Attributes:
        disk: Where entries wait.
        dropped: Entries that are lost.

    Args:
        folder: Where the JSON lines go while the database is away.
        process_id: Names this process's file.
        write: Puts a batch into the database; raises StoreUnavailable when it cannot.
    """

    def __init__(
        self, folder: Path, process_id: str, write: Callable[[Sequence[Entry]], Awaitable[None]]
    ) -> None:
        self.disk = HistoryFile(folder, process_id)
        self._write = write
        self._queue: deque[Entry] = deque()
        self._something = asyncio.Event()
        self._adopted = False
        self._writing = asyncio.Lock()
        self._away = False
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """Entries that are not in the database yet."""
        return len(self._queue) + self.disk.lines

    def put(self, entry: Entry) -> None:
        """Record; returns at once. The oldest gives way when memory is full."""
        if len(self._queue) >= MAX_QUEUED:
            self._queue.popleft()
            self.dropped += 1
        self._queue.append(entry)
        self._something.set()

    async def run(self) -> None:
        """Write until cancelled."""
        failures = 0
        while True:
            pause = RETRY_SECONDS[min(failures, len(RETRY_SECONDS)) - 1] if failures else None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._something.wait()
            if failures and self._queue:
                async with self._writing:
                    await self._spill()  # at once: a crash loses nothing while the database is away
            failures = 0 if await self.flush() else failures + 1

    async def flush(self) -> bool:
        """Write everything now; False if it went to disk instead."""
        async with self._writing:
            self._something.clear()
            try:
                await self._replay()
                while self._queue:
                    batch = [self._queue[index] for index in range(min(BATCH, len(self._queue)))]
                    await self._write(batch)
                    for _ in batch:
                        self._queue.popleft()
            except StoreUnavailable as exc:
                if not self._away:
                    logger.bind(waiting=self.waiting).warning("history.waits_on_disk: {}", exc)
                self._away = True
                await self._spill()
                return False
            self._away = False
            return True

    async def close(self) -> None:
        """Write the rest, to disk if need be, in three seconds at most."""
        try:
            async with asyncio.timeout(3):
                await self.flush()
        except TimeoutError:
            await self._spill()
        self.disk.close()

    async def _spill(self) -> None:
        entries = list(self._queue)
        if not entries:
            return
        self._queue.clear()
        try:
            self.dropped += await asyncio.to_thread(self.disk.append, entries)
        except OSError as exc:
            logger.error("history.disk: {}", exc)
            self._queue.extendleft(reversed(entries))

    async def _replay(self) -> None:
        """Bring what is on disk into the database, first that of processes that are gone."""
        if self._adopted and not self.disk.lines:
            return
        async with self.disk.held():
            await self._bring()

    async def _bring(self) -> None:
        if not self._adopted:
            for path in await asyncio.to_thread(self.disk.abandoned):
                await self._write_all(await asyncio.to_thread(read_entries, path))
                path.unlink(missing_ok=True)
            self._adopted = True
        if self.disk.lines:
            await self._write_all(await asyncio.to_thread(self.disk.read))
            self.disk.clear()

    async def _write_all(self, entries: Sequence[Entry]) -> None:
        for start in range(0, len(entries), BATCH):
            await self._write(entries[start : start + BATCH])
