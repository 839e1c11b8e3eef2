"""Writes recordings in a thread of its own: neither an event loop nor a clock waits for a disk.

The header is written anew with every block, so that a file is playable at any time, and stays so
when the process is killed.
"""

import asyncio
import contextlib
import os
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from loguru import logger

from transports.audio.codec import Codec
from transports.rtp.events import FRAME_SAMPLES, FRAME_SECONDS
from voiceai.recording.folder import Recorded, RecordingFolder
from voiceai.recording.track import BLOCK_TICKS, Block
from voiceai.recording.wav import HEADER_BYTES, header, silence

__all__ = ["QUEUED_BLOCKS", "RecordingFile", "RecordingWriter"]

QUEUED_BLOCKS = 2000
"""Seconds of calls that may wait for the disk, 32 MB; what comes then is lost."""

CLOSE_SECONDS = 5.0
"""So long the last blocks may take at the end of the process."""


@dataclass(slots=True)
class RecordingFile:
    """A file that is being written; once it is done, what became of it.

    Attributes:
        recorded: Its name.
        law: Of its samples.
        channels: 1 or 2.
        lost_ticks: 20 ms each that the disk was too slow for; they are silence.
        ticks: 20 ms each that are on disk.
        problem: Why it ends early, or is not there; None when all is well.
    """

    recorded: Recorded
    law: Codec
    channels: int
    lost_ticks: int = 0
    ticks: int = 0
    problem: str | None = None
    descriptor: int = field(default=-1, repr=False)

    @property
    def size(self) -> int:
        """Bytes on disk; 0 when there is no file."""
        return HEADER_BYTES + self._data_bytes if self.ticks else 0

    @property
    def _data_bytes(self) -> int:
        return self.ticks * FRAME_SAMPLES * self.channels

    def open(self, folder: RecordingFolder) -> None:
        """Make the file."""
        self.descriptor = folder.create(self.recorded)
        self._write(header(self.law, self.channels, 0), 0)

    def append(self, block: Block) -> None:
        """Write a block at its time, with silence before it if need be.

        Raises:
            OSError: It cannot be written; the file ends before it then.
        """
        before = self.ticks
        try:
            while self.ticks < block.tick:
                ticks = min(block.tick - self.ticks, BLOCK_TICKS)
                self._add(silence(self.law, ticks * FRAME_SAMPLES * self.channels), ticks)
            self._add(block.data, block.ticks)
        except OSError:
            self.ticks = before
            os.ftruncate(self.descriptor, HEADER_BYTES + self._data_bytes)
            self._write(header(self.law, self.channels, self._data_bytes), 0)
            raise

    def close(self) -> None:
        """Close the file; idempotent."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def _add(self, data: bytes, ticks: int) -> None:
        self._write(data, HEADER_BYTES + self._data_bytes)
        self.ticks += ticks
        self._write(header(self.law, self.channels, self._data_bytes), 0)

    def _write(self, data: bytes, at: int) -> None:
        while data:
            written = os.pwrite(self.descriptor, data, at)
            data, at = data[written:], at + written


Done = Callable[[RecordingFile], None]


class RecordingWriter:
    """The thread, which starts with the first recording. Its methods never wait for a disk.

    Attributes:
        open_files: Recordings that are under way.
        failed: Recordings that ended early, or never began.
        problem: Why the latest recording could not be written; None when it could.

    Args:
        folder: Where the files go.
    """

    def __init__(self, folder: RecordingFolder) -> None:
        self.open_files = 0
        self.failed = 0
        self._lost_ticks = 0
        self.problem: str | None = None
        self._folder = folder
        self._jobs: queue.SimpleQueue[tuple[RecordingFile, Block | Done | None] | None] = (
            queue.SimpleQueue()
        )
        self._thread: threading.Thread | None = None

    @property
    def lost_seconds(self) -> float:
        """What the disk was too slow for, of all recordings."""
        return self._lost_ticks * FRAME_SECONDS

    def begin(self, file: RecordingFile) -> None:
        """Make a file."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="recordings", daemon=True)
            self._thread.start()
        self.open_files += 1
        self._jobs.put((file, None))

    def put(self, file: RecordingFile, block: Block) -> None:
        """Write a block; it is lost when too many wait."""
        if self._jobs.qsize() < QUEUED_BLOCKS:
            self._jobs.put((file, block))
        else:
            file.lost_ticks += block.ticks
            self._lost_ticks += block.ticks

    def end(self, file: RecordingFile, done: Done) -> None:
        """Close a file, and call ``done`` on the running loop when all of it is on disk."""
        loop = asyncio.get_running_loop()

        def tell(file: RecordingFile) -> None:
            loop.call_soon_threadsafe(self._ended, file, done)

        self._jobs.put((file, tell))

    async def close(self) -> None:
        """Write what waits, and end the thread; a disk that does not answer is left behind."""
        if self._thread is not None:
            self._jobs.put(None)
            await asyncio.to_thread(self._thread.join, CLOSE_SECONDS)
            if self._thread.is_alive():
                logger.error("recording.unfinished: {} does not answer", self._folder.root)
            self._thread = None
            await asyncio.sleep(0)  # for those who wait to be told

    def _ended(self, file: RecordingFile, done: Done) -> None:
        self.open_files -= 1
        self.failed += file.problem is not None
        done(file)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            file, what = job
            if what is None:
                self._try(file, partial(file.open, self._folder))
            elif isinstance(what, Block):
                if file.problem is None:
                    self._try(file, partial(self._append, file, what))
            else:
                self._try(file, partial(self._close, file))
                with contextlib.suppress(RuntimeError):  # its loop has ended
                    what(file)

    def _append(self, file: RecordingFile, block: Block) -> None:
        file.append(block)
        self.problem = None

    def _close(self, file: RecordingFile) -> None:
        """Close a file; one without a tick, of a call that ended at once, is none."""
        if file.descriptor >= 0:
            file.close()
            if not file.ticks:
                self._folder.discard(file.recorded)

    def _try(self, file: RecordingFile, write: Callable[[], None]) -> None:
        """Write; a failure ends this recording, and nothing else."""
        try:
            write()
        except OSError as error:
            file.problem = self.problem = error.strerror or repr(error)
            logger.bind(call_id=file.recorded.call_id).error(
                "recording.failed: {} cannot be written: {}; the call goes on without",
                self._folder.root / file.recorded.name,
                file.problem,
            )
        except Exception as error:  # noqa: BLE001  a bug ends this recording, not all
            file.problem = self.problem = repr(error)
            logger.bind(call_id=file.recorded.call_id).exception("recording.broken")
