"""History on disk: JSON lines, one file for each process, for as long as the database is away.

Two kinds of lock: a process holds that of its file while it lives; whoever writes into a file of
the folder, or takes what is in one to the database, holds the folder's.
"""

import asyncio
import contextlib
import fcntl
import os
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path

from voiceai.store.numbers import normalise_number
from voiceai.store.records import CallHistory, Entry, Op, fold

LOCK = "folder.lock"
LOCK_POLL_SECONDS = 0.02

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
        with _folder_lock(self._folder):
            self._file.write("".join(entry.serialize() + "\n" for entry in entries))
            self._file.flush()
        self.lines += len(entries)
        return 0

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Keep everybody from writing into files of the folder, or taking from them."""
        try:
            descriptor = _open_lock(self._folder)
        except OSError:  # no folder, so nothing in it
            yield
            return
        try:
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await asyncio.sleep(LOCK_POLL_SECONDS)
            yield
        finally:
            os.close(descriptor)

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


def erase_caller(folder: Path, caller: str, call_ids: Collection[str] = ()) -> tuple[set[str], int]:
    """Erase what waits of a caller, in the files of living processes too.

    Args:
        folder: Of the files; the caller of this holds it (:meth:`HistoryFile.held`).
        caller: Normalised number.
        call_ids: Calls that are known to be the caller's.

    Returns:
        Which calls began in these files, and how many entries are gone.
    """
    return _strip(
        folder,
        lambda entry: (
            entry.call_id in call_ids
            or (
                entry.op is Op.BEGIN
                and normalise_number(entry.values.get("caller") or "") == caller
            )
        ),
        known=call_ids,
    )


def remove_old(folder: Path, before: datetime) -> int:
    """Remove transcripts of calls that began before; returns how many calls."""
    limit = before.isoformat()

    def is_old(entry: Entry) -> bool:
        begins = entry.op is Op.BEGIN and not entry.values.get("erased")
        return begins and str(entry.values.get("started_at")) < limit

    if not any(_begins_with(path, is_old) for path in folder.glob("*.jsonl")):
        return 0
    with _folder_lock(folder):
        return len(_strip(folder, is_old, keep_caller=True)[0])


def _begins_with(path: Path, wanted: Callable[[Entry], bool]) -> bool:
    """Whether the first call of a file that still has its transcript is a wanted one."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            entry = Entry.parse(line)
            if entry and entry.op is Op.BEGIN and not entry.values.get("erased"):
                return wanted(entry)
    return False


def _strip(
    folder: Path,
    chosen: Callable[[Entry], bool],
    *,
    known: Collection[str] = (),
    keep_caller: bool = False,
) -> tuple[set[str], int]:
    if not folder.exists():
        return set(), 0
    files = {path: read_entries(path) for path in sorted(folder.glob("*.jsonl"))}
    begun = {
        entry.call_id
        for entries in files.values()
        for entry in entries
        if entry.op is Op.BEGIN and chosen(entry)
    }
    ids, gone = begun | set(known), 0
    removed = {Op.TURN, Op.MESSAGE} if keep_caller else {Op.TURN, Op.MESSAGE, Op.RECORDING}
    for path, entries in files.items():
        kept = [
            _without_caller(entry, keep_caller=keep_caller)
            if entry.call_id in ids and entry.op is Op.BEGIN
            else entry
            for entry in entries
            if entry.call_id not in ids or entry.op not in removed
        ]
        if kept != entries:
            gone += len(entries) - len(kept)
            _rewrite(path, kept)
    return begun, gone


def _without_caller(entry: Entry, *, keep_caller: bool) -> Entry:
    values = {**entry.values, "erased": True}
    if not keep_caller:
        values |= {"caller": None, "caller_name": None}
    return replace(entry, values=values)


def _rewrite(path: Path, entries: Sequence[Entry]) -> None:
    """Replace what a file holds, in its place: a living process has it open to append."""
    with path.open("r+", encoding="utf-8", errors="replace") as file:
        file.truncate(0)
        file.write("".join(entry.serialize() + "\n" for entry in entries))


@contextlib.contextmanager
def _folder_lock(folder: Path) -> Iterator[None]:
    descriptor = _open_lock(folder)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _open_lock(folder: Path) -> int:
    return os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
