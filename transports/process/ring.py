"""Records in shared memory between one writer and one reader, without locks or barriers.

Every record carries its number, its length and a checksum of both and of its payload. A reader
believes nothing else: a record that is half written, or that the processor shows in another order
than it was written in, fails its checksum and is read again later. The checksum starts from the
ring's own key, so that records of whoever used the memory before never pass.
"""

import struct
from zlib import crc32

__all__ = ["Register", "Ring", "RingReader", "RingWriter", "record_bytes"]

HEADER = struct.Struct("=QII")
"""Number from 1, payload bytes, checksum; the checksum covers the two before it."""

HEADER_BYTES = HEADER.size

NUMBERED = struct.Struct("=QI")

REGISTER_COPIES = 2
"""One is whole while the other is written."""


def record_bytes(payload_bytes: int) -> int:
    """Return how much memory a record of so much payload takes: a multiple of 64."""
    return (HEADER_BYTES + payload_bytes + 63) // 64 * 64


class Ring:
    """Cells of one size in ``memory``; record ``n`` is in cell ``n`` modulo their number.

    Attributes:
        cells: How many there are.
        key: The lower 32 bits of it.
        words: The memory as numbers of 64 bits; a cell begins with the number of its record.

    Args:
        memory: Shared by both sides.
        cell_bytes: Of a cell, from :func:`record_bytes`; as many fit are used.
        key: Known to both sides, and of no earlier user of the memory.
    """

    __slots__ = ("_cell_bytes", "_memory", "_payload_limit", "cells", "key", "words")

    def __init__(self, memory: memoryview, cell_bytes: int, key: int) -> None:
        self.cells = len(memory) // cell_bytes
        self.key = key & 0xFFFFFFFF
        self.words = memory.cast("Q")
        self._memory = memory
        self._cell_bytes = cell_bytes
        self._payload_limit = cell_bytes - HEADER_BYTES

    def place(self, number: int) -> int:
        """Return where in :attr:`words` the cell of record ``number`` begins."""
        return number % self.cells * (self._cell_bytes // 8)

    def store(self, number: int, payload: bytes) -> None:
        """Write a record over the one that is ``cells`` older.

        Raises:
            ValueError: The payload is larger than a cell.
        """
        length = len(payload)
        if length > self._payload_limit:
            raise ValueError(f"{length} bytes do not fit into {self._payload_limit}")
        checksum = crc32(payload, crc32(NUMBERED.pack(number, length), self.key))
        at = number % self.cells * self._cell_bytes
        HEADER.pack_into(self._memory, at, number, length, checksum)
        at += HEADER_BYTES
        self._memory[at : at + length] = payload

    def load(self, number: int) -> tuple[int, bytes] | None:
        """Return what is whole in the cell of record ``number``: its own number, and payload."""
        at = number % self.cells * self._cell_bytes
        found, length, checksum = HEADER.unpack_from(self._memory, at)
        if found < number or length > self._payload_limit:
            return None
        at += HEADER_BYTES
        payload = self._memory[at : at + length].tobytes()
        if crc32(payload, crc32(NUMBERED.pack(found, length), self.key)) != checksum:
            return None
        return found, payload


class RingWriter:
    """The writing end. Whether the reader keeps up is for the caller to know.

    Attributes:
        written: Records so far.
    """

    __slots__ = ("_ring", "written")

    def __init__(self, ring: Ring) -> None:
        self.written = 0
        self._ring = ring

    @property
    def cells(self) -> int:
        """How many records are remembered."""
        return self._ring.cells

    def put(self, payload: bytes) -> None:
        """Write the next record; the oldest gives way."""
        number = self.written + 1
        self._ring.store(number, payload)
        self.written = number


class RingReader:
    """The reading end.

    Attributes:
        taken: Records that were read or lost so far.
        lost: Of those, how many gave way before they were read.
        words: See :class:`Ring`.
    """

    __slots__ = ("_place", "_ring", "lost", "taken", "words")

    def __init__(self, ring: Ring) -> None:
        self.taken = 0
        self.lost = 0
        self.words = ring.words
        self._ring = ring
        self._place = ring.place(1)  # of the next record's number

    @property
    def awaited(self) -> tuple[int, int]:
        """Where in :attr:`words` the number of the next record will be, and that number."""
        return self._place, self.taken + 1

    @property
    def has_more(self) -> bool:
        """Whether a :meth:`take` may find something; cheap, since it mostly would not."""
        return self.words[self._place] > self.taken

    def take(self) -> bytes | None:
        """Return the next record; ``None`` when none is whole yet."""
        number = self.taken + 1
        if self.words[self._place] < number:
            return None  # the usual answer, found quickly
        ring = self._ring
        found = ring.load(number)
        while found is not None and found[0] != number:
            oldest = found[0] - ring.cells + 1
            self.lost += oldest - number
            number = oldest
            found = ring.load(number)
        if found is None:
            number -= 1
        self.taken = number
        self._place = ring.place(number + 1)
        return None if found is None else found[1]


class Register:
    """The latest value only: written by one side, read by the other as often as it likes.

    Attributes:
        words: See :class:`Ring`.

    Args:
        memory: Shared by both sides.
        key: Known to both sides, and of no earlier user of the memory.
    """

    __slots__ = ("_number", "_place", "_ring", "words")

    def __init__(self, memory: memoryview, key: int) -> None:
        self._ring = Ring(memory, len(memory) // REGISTER_COPIES, key)
        self._number = 0
        self.words = self._ring.words
        self._place = self._ring.place(1)  # of the next value's number

    def set(self, value: bytes) -> None:
        """Replace the value."""
        self._ring.store(self._number + 1, value)
        self._number += 1

    @property
    def awaited(self) -> tuple[int, int]:
        """Where in :attr:`words` the number of the next value will be, and that number."""
        return self._place, self._number + 1

    @property
    def has_news(self) -> bool:
        """Whether there may be :meth:`news`; cheap, since there mostly are none."""
        return self.words[self._place] > self._number

    def news(self) -> bytes | None:
        """Return the value if there is a later one than was returned before."""
        if self.words[self._place] <= self._number:
            return None
        ring = self._ring
        latest = ring.load(self._number + 1)
        if latest is None:
            return None
        later = ring.load(latest[0] + 1)
        if later is not None:
            latest = later
        self._number, value = latest
        self._place = ring.place(self._number + 1)
        return value
