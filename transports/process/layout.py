"""What lies where in the memory that the media process shares with one of its users.

::

    clock     how late the ticks came                 media process -> user
    slot 0    control     flush epoch, held, ducked   user -> media process
              progress    what became of the audio    media process -> user
              sent        packets so far, one number  media process -> user
              stats       the stream's counters       media process -> user
              heard       arrived and played audio    media process -> user
              written     audio to be sent            user -> media process
    slot 1    ...

The memory is a file without a name, as large as all slots, of which the system provides what was
touched. A slot belongs to one stream, whose key its records carry.
"""

import mmap
import os
import struct
from typing import NamedTuple
from zlib import crc32

from transports.process.counters import NAMES
from transports.process.ring import Register, Ring, RingReader, RingWriter, record_bytes
from transports.rtp.events import FRAME_BYTES

__all__ = [
    "ARRIVAL",
    "BEHIND_ARRIVED",
    "CLOCK",
    "CONTROL",
    "HEARD",
    "HEARD_BYTES",
    "PROGRESS",
    "SLOT_BYTES",
    "WRITTEN",
    "WRITTEN_BYTES",
    "HeardKind",
    "Progress",
    "Slot",
    "WrittenKind",
    "clear_slot",
    "clock_ring",
    "fingerprint",
    "map_memory",
    "memory_bytes",
    "slot_memory",
]

CLOCK = struct.Struct("=d")
"""Seconds by which a tick came late."""

CONTROL = struct.Struct("=I??")
"""Flush epoch, held, ducked."""

PROGRESS = struct.Struct("=IQQQId?")
"""The fields of :class:`Progress`."""

HEARD = struct.Struct("=Bd")
"""Kind, and when its packet came in monotonic seconds, NaN for never; then the samples."""

ARRIVAL = struct.Struct("=d")
"""Behind it, where audio that arrived lies before a frame: when the packet of that audio came."""

WRITTEN = struct.Struct("=IB")
"""Flush epoch, kind; then the samples."""

BEHIND_ARRIVED = struct.Struct("=Bdd")
"""Both of these heads at once."""

HEARD_BYTES = FRAME_BYTES
WRITTEN_BYTES = 2 * FRAME_BYTES
"""Of audio in a record."""

CLOCK_BYTES = 4096
CONTROL_BYTES = 2 * record_bytes(CONTROL.size)
PROGRESS_BYTES = 2 * record_bytes(PROGRESS.size)
SENT_BYTES = 64
STATS_BYTES = 8192
HEARD_CELL = record_bytes(HEARD.size + ARRIVAL.size + HEARD_BYTES + FRAME_BYTES)
WRITTEN_CELL = record_bytes(WRITTEN.size + WRITTEN_BYTES)
HEARD_CELLS = 128
"""2.56 s of arrived and played audio, 1.28 s where a call is recorded besides.

A user that is late by more has lost the oldest.
"""
WRITTEN_CELLS = 64
"""Up to 2.56 s that go out however long the user is busy."""

PAGE = 4096
SLOT_BYTES = (
    (
        CONTROL_BYTES
        + PROGRESS_BYTES
        + SENT_BYTES
        + STATS_BYTES
        + HEARD_CELL * HEARD_CELLS
        + WRITTEN_CELL * WRITTEN_CELLS
        + PAGE
        - 1
    )
    // PAGE
    * PAGE
)


def fingerprint() -> int:
    """Return a number that differs where the two sides would misunderstand one another.

    A media process that is started again is of the program on disk, which may be a later one.
    """
    formats = [each.format for each in (CLOCK, CONTROL, PROGRESS, HEARD, ARRIVAL, WRITTEN)]
    return crc32(repr((NAMES, formats, SLOT_BYTES, HEARD_CELLS, WRITTEN_CELLS)).encode())


class HeardKind:
    """What a record of the ring ``heard`` is: a frame as it is played, or audio as it came.

    Or both of a tick: what came, and the frame behind it. Or both directions of a tick as they are
    recorded, in G.711, with its deadline for the time.
    """

    AUDIO = 0
    CONCEALED = 1
    NOISE = 2
    ARRIVED = 3
    RECORDED = 4
    BEHIND_ARRIVED = 8
    """Added to the kind of a frame."""


class WrittenKind:
    """What a record of the ring ``written`` is: audio, or the wish to send it to its end."""

    AUDIO = 0
    FINISH = 1


class Progress(NamedTuple):
    """What became of the audio that was written.

    Attributes:
        epoch: The flush that was obeyed last.
        done: Samples that were written since that flush and have left.
        played: Written samples that were sent, ever.
        taken: Records that were taken from the ring.
        speeches: How often speech began.
        speech_at: When it began last, in monotonic seconds.
        speaking: The last packet had written audio.
    """

    epoch: int = 0
    done: int = 0
    played: int = 0
    taken: int = 0
    speeches: int = 0
    speech_at: float = 0.0
    speaking: bool = False


class Slot:
    """The shared memory of one stream. Each side uses what it writes, and reads the rest.

    Attributes:
        sent: Packets sent so far, at index 0. Every tick changes it, so it is no record with a
            checksum: processors show the other side eight aligned bytes old or new, never mixed.

    Args:
        memory: ``SLOT_BYTES`` of it.
        key: Of this stream alone.
    """

    __slots__ = ("_heard", "_written", "control", "progress", "sent", "stats")

    def __init__(self, memory: memoryview, key: int) -> None:
        sizes = (
            CONTROL_BYTES,
            PROGRESS_BYTES,
            SENT_BYTES,
            STATS_BYTES,
            HEARD_CELL * HEARD_CELLS,
            WRITTEN_CELL * WRITTEN_CELLS,
        )
        parts, at = [], 0
        for size in sizes:
            parts.append(memory[at : at + size])
            at += size
        self.control = Register(parts[0], key)
        self.progress = Register(parts[1], key + 1)
        self.sent = parts[2].cast("Q")
        self.stats = Register(parts[3], key + 2)
        self._heard = Ring(parts[4], HEARD_CELL, key + 3)
        self._written = Ring(parts[5], WRITTEN_CELL, key + 4)

    def heard_writer(self) -> RingWriter:
        """Return the media process's end of what is heard."""
        return RingWriter(self._heard)

    def heard_reader(self) -> RingReader:
        """Return the user's end of what is heard."""
        return RingReader(self._heard)

    def written_writer(self) -> RingWriter:
        """Return the user's end of what is to be sent."""
        return RingWriter(self._written)

    def written_reader(self) -> RingReader:
        """Return the media process's end of what is to be sent."""
        return RingReader(self._written)


def memory_bytes(slots: int) -> int:
    """Return how large the memory of so many streams is."""
    return CLOCK_BYTES + slots * SLOT_BYTES


def map_memory(descriptor: int) -> memoryview:
    """Return the memory behind a descriptor, which may be closed then."""
    return memoryview(mmap.mmap(descriptor, os.fstat(descriptor).st_size))


def clock_ring(memory: memoryview, key: int) -> Ring:
    """Return the ring of lateness."""
    return Ring(memory[:CLOCK_BYTES], record_bytes(CLOCK.size), key)


def slot_memory(memory: memoryview, slot: int) -> memoryview:
    """Return the part of one slot."""
    at = CLOCK_BYTES + slot * SLOT_BYTES
    return memory[at : at + SLOT_BYTES]


def clear_slot(memory: memoryview, slot: int) -> None:
    """Forget the records of a stream that has ended on both sides.

    No reader of the next stream would believe them, but each would check them in every tick.
    """
    slot_memory(memory, slot)[:] = bytes(SLOT_BYTES)
