"""Recordings are kept for as long as was asked, and go with their calls."""

import asyncio
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
from loguru import logger

from voiceai.errors import StoreUnavailable
from voiceai.recording.folder import RecordingFolder
from voiceai.recording.length import seconds_in
from voiceai.store.database import Database

LOOK_SECONDS = 3600.0
"""Between two looks for files that nobody may keep."""

FORGET_DAYS = 7
"""So long a file is looked for that is not on this machine."""


class RecordingKeeper:
    """The recordings of a database's calls, in this machine's folder.

    Args:
        database: Where calls are kept.
        folder: Where their recordings are.
    """

    def __init__(self, database: Database, folder: RecordingFolder) -> None:
        self._database = database
        self._folder = folder

    async def keep(self) -> None:
        """Delete what is due, now and every hour, until cancelled."""
        while True:
            try:
                removed = await self.remove_due(datetime.now(UTC))
                if removed:
                    logger.bind(recordings=removed).info("recording.removed")
            except (StoreUnavailable, asyncpg.PostgresError, OSError) as exc:
                logger.warning("recording.retention: {}", exc)
            await asyncio.sleep(LOOK_SECONDS)

    async def remove_due(self, now: datetime) -> int:
        """Delete what is too old, and what belonged to calls that are gone; returns how many.

        Args:
            now: Aware, in UTC.

        Raises:
            StoreUnavailable: The database is away; what is too old is deleted by then.
            OSError: A file cannot be deleted; all others are deleted by then.
        """
        expired = set[str]()
        try:
            expired = await asyncio.to_thread(self._folder.remove_expired, now)
        finally:
            noted = await self._remove_noted(now, expired) if self._database.has_schema else set()
        return len(expired | noted)

    async def _remove_noted(self, now: datetime, expired: Collection[str]) -> set[str]:
        """Forget what expired, and delete what is noted; no query waits for the disk.

        Returns:
            The calls of which there was a file.
        """
        async with self._database.connection() as connection:
            await connection.execute(
                "UPDATE voiceai.calls SET recording = NULL "
                "WHERE recording IS NOT NULL AND recording->>'keep_until' < $1",
                now.date().isoformat(),
            )
            rows = await connection.fetch("SELECT call_id FROM voiceai.recordings_to_remove")
        found = await self.remove([row["call_id"] for row in rows])
        async with self._database.connection() as connection:
            await connection.execute(
                "DELETE FROM voiceai.recordings_to_remove WHERE call_id = ANY ($1::text[]) "
                "OR since < now() - $2::integer * interval '1 day'",
                [*expired, *found],
                FORGET_DAYS,
            )
        return found

    async def remove(self, call_ids: Collection[str]) -> set[str]:
        """Delete the recordings of calls; returns of which there was one.

        Raises:
            OSError: A file cannot be deleted.
        """
        if not call_ids:
            return set()
        return await asyncio.to_thread(self._folder.remove_calls, call_ids)

    async def erase(self, call_ids: Collection[str]) -> set[str]:
        """Likewise; what cannot be deleted now stays noted for :meth:`keep`, and is told."""
        try:
            return await self.remove(call_ids)
        except OSError as exc:
            logger.error("recording.remains: {}; it will be tried again within the hour", exc)
            return set()

    def file(self, recording: Mapping[str, Any] | None) -> Path | None:
        """Return the file of a recording; None if it is not there."""
        path = self._folder.place(str((recording or {}).get("path")))
        return path if path is not None and path.is_file() else None

    def measured(self, recording: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """Return a recording with the size that it has by now.

        One that was never finished is still being made, or was cut short by the process's end.
        """
        if recording is None or "bytes" in recording:
            return recording
        file = self.file(recording)
        size = file.stat().st_size if file else 0
        channels = 2 if recording.get("channels") == "both" else 1
        return {**recording, "bytes": size, "seconds": seconds_in(size, channels)}
