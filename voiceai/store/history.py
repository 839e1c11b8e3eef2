"""History on disk: JSON lines, one file for each process, for as long as the database is away."""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

from voiceai.store.records import CallHistory, Entry, fold

MAX_FILE_BYTES = 256 * 1024 * 1024
"""What comes after is counted as dropped."""


class HistoryFile:
    """The JSON lines of one recorder, held by a lock while it lives; the others' are adopted."""

    def __init__(self, folder: Path, process_id: str) -> None:
        self._folder = folder
        self._path = folder / f"{process_id}_{secrets.token_hex(4)}.jsonl"
        self._file: TextIOWrapper | None = None
        self.lines = 0

    def append(self, entries: Sequence[Entry]) -> int:
        """Write entries; returns how many found no room."""
        if self._file is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            opener = lambda path, flags: os.open(path, flags, 0o600)  # noqa: E731 - open()'s form
            self._file = open(  # noqa: SIM115
                self._path, "a", encoding="utf-8", errors="replace", opener=opener
            )
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if self._file.tell() > MAX_FILE_BYTES:
            return len(entries)
        self._file.write("".join(entry.serialize() + "\n" for entry in entries))
        self._file.flush()
        self.lines += len(entries)
        return 0

    def read(self) -> list[Entry]:
        """Entries on disk of this process, oldest first."""
        return read_entries(self._path)

    def clear(self) -> None:
        """Forget what is on disk: it is in the database."""
        if self._file is not None:
            self._file.truncate(0)
            self._file.seek(0)
            self.lines = 0

    def close(self) -> None:
        """Release the file; an empty one is removed."""
        if self._file is not None:
            self._file.close()
            self._file = None
            if not self.lines:
                self._path.unlink(missing_ok=True)

    def abandoned(self) -> list[Path]:
        """Files of processes that are gone."""
        found = []
        for path in sorted(self._folder.glob("*.jsonl")):
            with contextlib.suppress(OSError), path.open("r+", encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                found.append(path)
        return [path for path in found if path != self._path]


def read_history(folder: Path) -> list[CallHistory]:
    """Fold every history file: what is known without a database, newest first."""
    entries = [entry for path in sorted(folder.glob("*.jsonl")) for entry in read_entries(path)]
    return sorted(fold(entries), key=lambda history: history.call.started_at, reverse=True)


def read_entries(path: Path) -> list[Entry]:
    """Entries of one file, oldest first; torn lines are left out."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except FileNotFoundError:
        return []
    return [entry for entry in map(Entry.parse, lines) if entry]
