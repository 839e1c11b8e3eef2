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
        cell_words: How many of them a cell has.

    Args:
        memory: Shared by both sides.
        cell_bytes: Of a cell, from :func:`record_bytes`; as many fit are used.
        key: Known to both sides, and of no earlier user of the memory.
    """

    def __init__(self, memory: memoryview, cell_bytes: int, key: int) -> None:
        self.cells = len(memory) // cell_bytes
        self.key = key & 0xFFFFFFFF
        self.words = memory.cast("Q")
        self.cell_words = cell_bytes // 8
        self._memory = memory
        self._cell_bytes = cell_bytes
        self._payload_limit = cell_bytes - HEADER_BYTES

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
        cell = number % self.cells
        if self.words[cell * self.cell_words] < number:
            return None  # the usual answer, found quickly
        at = cell * self._cell_bytes
        found, length, checksum = HEADER.unpack_from(self._memory, at)
        if found < number or length > self._payload_limit:
            return None
        at += HEADER_BYTES
        payload = bytes(self._memory[at : at + length])
        if crc32(payload, crc32(NUMBERED.pack(found, length), self.key)) != checksum:
            return None
        return found, payload


class RingWriter:
    """The writing end. Whether the reader keeps up is for the caller to know.

    Attributes:
        written: Records so far.
    """

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
    """

    def __init__(self, ring: Ring) -> None:
        self.taken = 0
        self.lost = 0
        self._ring = ring

    @property
    def has_more(self) -> bool:
        """Whether a :meth:`take` may find something; cheap, since it mostly would not."""
        ring, number = self._ring, self.taken + 1
        return ring.words[number % ring.cells * ring.cell_words] >= number

    def take(self) -> bytes | None:
        """Return the next record; ``None`` when none is whole yet."""
        found = self._ring.load(self.taken + 1)
        while found is not None and found[0] != self.taken + 1:
            oldest = found[0] - self._ring.cells + 1
            self.lost += oldest - self.taken - 1
            self.taken = oldest - 1
            found = self._ring.load(self.taken + 1)
        if found is None:
            return None
        self.taken += 1
        return found[1]


class Register:
    """The latest value only: written by one side, read by the other as often as it likes.

    Args:
        memory: Shared by both sides.
        key: Known to both sides, and of no earlier user of the memory.
    """

    def __init__(self, memory: memoryview, key: int) -> None:
        self._ring = Ring(memory, len(memory) // REGISTER_COPIES, key)
        self._number = 0

    def set(self, value: bytes) -> None:
        """Replace the value."""
        self._ring.store(self._number + 1, value)
        self._number += 1

    @property
    def has_news(self) -> bool:
        """Whether there may be :meth:`news`; cheap, since there mostly are none."""
        ring, number = self._ring, self._number + 1
        return ring.words[number % ring.cells * ring.cell_words] >= number

    def news(self) -> bytes | None:
        """Return the value if there is a later one than was returned before."""
        latest = self._ring.load(self._number + 1)
        if latest is None:
            return None
        self._number = latest[0]
        later = self._ring.load(self._number + 1)
        if later is not None:
            self._number, latest = later[0], later
        return latest[1]
