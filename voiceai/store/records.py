"""What is recorded of a call, and a writer that never makes a call wait.

Each thing that happens becomes an :class:`Entry`. Entries go to the database in order; while that
is away they go to a file of JSON lines, and from there to the database when it is back. Writing
an entry twice changes nothing.
"""

import asyncio
import contextlib
import enum
import fcntl
import json
import os
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Literal

from loguru import logger

from voiceai.errors import StoreUnavailable

MAX_QUEUED = 10_000
"""Entries in memory; some 200 calls' worth of turns while the disk stalls."""

MAX_FILE_BYTES = 256 * 1024 * 1024
"""Of the history file; what comes after is counted as dropped."""

BATCH = 200
"""Entries in one transaction."""

RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0)
"""Pauses between attempts; the last one repeats."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call. Times are aware; ``assistant`` is the name that answered."""

    id: str
    number: str
    started_at: datetime
    caller: str | None = None
    caller_name: str | None = None
    assistant: str | None = None
    assistant_id: str | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    end_reason: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Turn:
    """One utterance.

    Attributes:
        n: Counts from 1 in a call; the same number again replaces the turn.
        text: An assistant's only as far as it was played.
        started_ms: Milliseconds from answer.
        ended_ms: Likewise.
        latency: Milliseconds by part, of an assistant's turn.
    """

    n: int
    role: Literal["caller", "assistant"]
    text: str
    started_ms: int | None = None
    ended_ms: int | None = None
    interrupted: bool = False
    latency: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """Anything else worth keeping, such as a tool call; ``n`` counts from 1 in a call."""

    n: int
    kind: str
    content: Mapping[str, Any]
    at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class CallHistory:
    """A call, what was said in it and what else happened, both in order."""

    call: CallRecord
    turns: tuple[Turn, ...] = ()
    messages: tuple[Message, ...] = ()


class Op(enum.StrEnum):
    """What happened."""

    BEGIN = "begin"
    ANSWER = "answer"
    TURN = "turn"
    MESSAGE = "message"
    END = "end"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened; ``values`` are plain JSON, times in ISO 8601."""

    op: Op
    call_id: str
    values: Mapping[str, Any]

    def serialize(self) -> str:
        """One line of JSON, without its end."""
        document = {"op": self.op, "call": self.call_id, **self.values}
        return json.dumps(document, ensure_ascii=False, default=str)

    @classmethod
    def parse(cls, line: str) -> "Entry | None":
        """Read a line; None if it is torn or foreign."""
        try:
            document = json.loads(line)
            op, call_id = Op(document.pop("op")), str(document.pop("call"))
        except (ValueError, KeyError, AttributeError, TypeError):
            return None
        return cls(op, call_id, document)


class HistoryFile:
    """The JSON lines of one process, held by a lock while it lives; the others' are adopted."""

    def __init__(self, folder: Path, process_id: str) -> None:
        self._folder = folder
        self._path = folder / f"{process_id}.jsonl"
        self._file: TextIOWrapper | None = None
        self.lines = 0

    def append(self, entries: Sequence[Entry]) -> int:
        """Write entries; returns how many found no room."""
        if self._file is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            opener = lambda path, flags: os.open(path, flags, 0o600)  # noqa: E731 - open()'s form
            self._file = open(self._path, "a", encoding="utf-8", opener=opener)  # noqa: SIM115, PTH123
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if self._file.tell() > MAX_FILE_BYTES:
            return len(entries)
        self._file.write("".join(entry.serialize() + "\n" for entry in entries))
        self._file.flush()
        self.lines += len(entries)
        return 0

    def read(self) -> list[Entry]:
        """Entries on disk of this process, oldest first."""
        return _entries(self._path)

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
    entries = [entry for path in sorted(folder.glob("*.jsonl")) for entry in _entries(path)]
    return sorted(fold(entries), key=lambda history: history.call.started_at, reverse=True)


def fold(entries: Iterable[Entry]) -> list[CallHistory]:
    """Put calls together from their entries; a call whose beginning is missing is left out."""
    calls: dict[str, dict[str, Any]] = {}
    turns: dict[str, dict[int, Turn]] = {}
    messages: dict[str, dict[int, Message]] = {}
    for entry in entries:
        if entry.op is Op.BEGIN:
            calls.setdefault(entry.call_id, {}).update(entry.values)
        elif entry.op is Op.TURN:
            turn = Turn(**entry.values)
            turns.setdefault(entry.call_id, {})[turn.n] = turn
        elif entry.op is Op.MESSAGE:
            message = Message(**entry.values)
            messages.setdefault(entry.call_id, {})[message.n] = message
        elif entry.call_id in calls:
            calls[entry.call_id].update(entry.values)
    return [
        CallHistory(
            call=_record(call_id, values),
            turns=tuple(turn for _, turn in sorted(turns.get(call_id, {}).items())),
            messages=tuple(item for _, item in sorted(messages.get(call_id, {}).items())),
        )
        for call_id, values in calls.items()
        if "started_at" in values
    ]


class Recorder:
    """Writes entries behind the calls' backs.

    Args:
        folder: Where the JSON lines go while the database is away.
        process_id: Names this process's file.
        write: Puts a batch into the database; raises StoreUnavailable when it cannot.
    """

    def __init__(
        self, folder: Path, process_id: str, write: Callable[[Sequence[Entry]], Awaitable[None]]
    ) -> None:
        self._disk = HistoryFile(folder, process_id)
        self._write = write
        self._queue: deque[Entry] = deque()
        self._something = asyncio.Event()
        self._adopted = False
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """Entries that are not in the database yet."""
        return len(self._queue) + self._disk.lines

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
                await self._spill()  # a call goes on while the database is away
            failures = 0 if await self.flush() else failures + 1

    async def flush(self) -> bool:
        """Write everything now; False if it went to disk instead."""
        self._something.clear()
        try:
            await self._replay()
            while self._queue:
                batch = [self._queue[index] for index in range(min(BATCH, len(self._queue)))]
                await self._write(batch)
                for _ in batch:
                    self._queue.popleft()
        except StoreUnavailable as exc:
            if self._queue:
                logger.bind(waiting=self.waiting).warning("history.waits: {}", exc)
            await self._spill()
            return False
        return True

    async def close(self) -> None:
        """Write the rest, to disk if need be, in three seconds at most."""
        try:
            async with asyncio.timeout(3):
                await self.flush()
        except TimeoutError:
            await self._spill()
        self._disk.close()

    async def _spill(self) -> None:
        entries = list(self._queue)
        if not entries:
            return
        try:
            lost = await asyncio.to_thread(self._disk.append, entries)
        except OSError as exc:
            logger.error("history.disk: {}", exc)
            return
        self.dropped += lost
        for _ in entries:
            self._queue.popleft()

    async def _replay(self) -> None:
        """Bring what is on disk into the database, first that of processes that are gone."""
        if not self._adopted:
            for path in await asyncio.to_thread(self._disk.abandoned):
                await self._write_all(await asyncio.to_thread(_entries, path))
                path.unlink(missing_ok=True)
            self._adopted = True
        if self._disk.lines:
            await self._write_all(await asyncio.to_thread(self._disk.read))
            self._disk.clear()

    async def _write_all(self, entries: Sequence[Entry]) -> None:
        for start in range(0, len(entries), BATCH):
            await self._write(entries[start : start + BATCH])


def _entries(path: Path) -> list[Entry]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return [entry for entry in map(Entry.parse, lines) if entry]


def _record(call_id: str, values: Mapping[str, Any]) -> CallRecord:
    times = {
        key: datetime.fromisoformat(values[key])
        for key in ("started_at", "answered_at", "ended_at")
        if values.get(key)
    }
    kept = ("number", "caller", "caller_name", "assistant", "assistant_id", "end_reason")
    texts = {key: values.get(key) for key in kept}
    return CallRecord(id=call_id, details=values.get("details") or {}, **{**texts, **times})
