"""A call's recording: ticks go in, masks apply, and the record is told what became of it."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pipelines.spec import RecordingSpec
from transports.engine import MediaStream
from transports.rtp.events import FRAME_SECONDS
from transports.rtp.tape import RecordedTick, law_of
from voiceai.recording.folder import Recorded
from voiceai.recording.track import Track
from voiceai.recording.writer import RecordingFile, RecordingWriter

__all__ = ["CallRecording", "Note"]

Note = Callable[[Mapping[str, Any]], None]
"""Is told what the call's record is to say of the recording, plain JSON; later news replace it."""


class CallRecording:
    """Records a stream from now on until :meth:`close`. Nothing of it waits, or raises.

    Args:
        call_id: Of the call.
        stream: Its media.
        spec: What is recorded, and for how long it is kept.
        writer: Of all calls.
        note: Told at the beginning, and when all is on disk.
        wall_clock: The day that the file is filed under; aware, in UTC.
    """

    def __init__(
        self,
        call_id: str,
        stream: MediaStream,
        spec: RecordingSpec,
        writer: RecordingWriter,
        note: Note,
        *,
        wall_clock: datetime,
    ) -> None:
        law = law_of(stream.codec)
        recorded = Recorded(call_id, wall_clock.date(), spec.keep_days)
        self._loop = asyncio.get_running_loop()
        self._writer = writer
        self._note = note
        self._spec = spec
        self._file = RecordingFile(recorded, law, 2 if spec.channels == "both" else 1)
        self._track = Track(self._loop.time(), law, spec.channels)
        self._closed = False
        writer.begin(self._file)
        note(self._facts() | {"complete": False})
        stream.record(self._add)

    def mask(self, *, masked: bool) -> None:
        """Keep the caller's side silent, from a little before now until a little after."""
        now = self._loop.time()
        if masked:
            self._track.mask(now)
        else:
            self._track.unmask(now)

    def close(self) -> None:
        """End it; idempotent."""
        if self._closed:
            return
        self._closed = True
        for block in self._track.end():
            self._writer.put(self._file, block)
        self._writer.end(self._file, self._done)

    def _add(self, tick: RecordedTick) -> None:
        if not self._closed:
            for block in self._track.add(tick):
                self._writer.put(self._file, block)

    def _done(self, file: RecordingFile) -> None:
        missed = self._track.missed_ticks + file.lost_ticks
        found = {
            "seconds": round(file.ticks * FRAME_SECONDS, 2),
            "bytes": file.size,
            "missing_seconds": round(missed * FRAME_SECONDS, 2),
            "complete": file.problem is None,
            "problem": file.problem,
        }
        if not file.size:
            found["path"] = None
        self._note(self._facts() | found)

    def _facts(self) -> dict[str, Any]:
        recorded = self._file.recorded
        return {
            "path": recorded.path,
            "format": "wav",
            "codec": self._file.law.value,
            "channels": self._spec.channels,
            "keep_until": recorded.keep_until.isoformat(),
        }
