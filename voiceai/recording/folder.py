"""The folder of recordings: a folder per day, a file per call that says how long it is kept.

::

    recordings/2026-11-23/4f0c...e1_30d.wav     of a call that began on that day (UTC); for 30 days

The name says all that deletion needs, so that it never depends on a database.
"""

import contextlib
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

__all__ = ["FOLDER", "Recorded", "RecordingFolder"]

FOLDER = "recordings"
"""In the data folder."""
FILE = re.compile(r"(?P<call_id>[A-Za-z0-9.-]{1,80})_(?P<days>\d{1,4})d\.wav")


@dataclass(frozen=True, slots=True)
class Recorded:
    """One file.

    Attributes:
        day: On which the call began, in UTC.
        days: So long it is kept.
    """

    call_id: str
    day: date
    days: int

    @property
    def name(self) -> str:
        """Its place in the folder."""
        return f"{self.day.isoformat()}/{self.call_id}_{self.days}d.wav"

    @property
    def path(self) -> str:
        """Likewise, from the data folder."""
        return f"{FOLDER}/{self.name}"

    @property
    def keep_until(self) -> date:
        """The last day on which it is there, in UTC."""
        return self.day + timedelta(days=self.days)

    @classmethod
    def parse(cls, name: str) -> "Recorded | None":
        """Read a place in the folder; None if it is not one of ours.

        Nor is one that would be kept beyond the end of the calendar.
        """
        day, _, file = name.partition("/")
        found = FILE.fullmatch(file)
        try:
            began, days = date.fromisoformat(day), int(found["days"]) if found else 0
            began + timedelta(days=days)
        except (ValueError, OverflowError):
            return None
        return cls(found["call_id"], began, days) if found else None


class RecordingFolder:
    """Where recordings are. Every method but :meth:`place` blocks.

    Args:
        data_dir: The folder that it is in; it is made with the first recording, for its owner only.
    """

    def __init__(self, data_dir: Path) -> None:
        self.root = data_dir / FOLDER

    def place(self, path: str) -> Path | None:
        """Return where the file of a record's path is or was; None for a path that is not ours."""
        folder, _, name = path.partition("/")
        recorded = Recorded.parse(name) if folder == FOLDER else None
        return self.root / recorded.name if recorded else None

    def create(self, recorded: Recorded) -> int:
        """Create a file that only its owner may read; return its descriptor.

        Raises:
            OSError: The folder or the file cannot be made, or the file is there.
        """
        path = self.root / recorded.name
        for folder in (self.root, path.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)

    def discard(self, recorded: Recorded) -> None:
        """Delete a file in which there is nothing.

        Raises:
            OSError: It cannot be deleted.
        """
        self._remove([recorded])

    def remove_calls(self, call_ids: Collection[str]) -> set[str]:
        """Delete the recordings of calls; return of which there was one."""
        wanted = set(call_ids)
        return self._remove([each for each in self._files() if each.call_id in wanted])

    def remove_expired(self, now: datetime) -> set[str]:
        """Delete what has been kept for as long as was asked; return of which calls.

        Args:
            now: Aware, in UTC.
        """
        today = now.date()
        return self._remove([each for each in self._files() if each.keep_until < today])

    def _files(self) -> Iterator[Recorded]:
        for path in sorted(self.root.glob("*/*.wav")):
            if (found := Recorded.parse(f"{path.parent.name}/{path.name}")) is not None:
                yield found

    def _remove(self, files: Collection[Recorded]) -> set[str]:
        """Delete files: all that can be, before the first error is raised."""
        gone, problems = set(), list[OSError]()
        for each in files:
            path = self.root / each.name
            try:
                path.unlink()
                gone.add(each.call_id)
            except FileNotFoundError:
                pass
            except OSError as error:
                problems.append(error)
            with contextlib.suppress(OSError):  # others are in it
                path.parent.rmdir()
        if problems:
            raise problems[0]
        return gone
