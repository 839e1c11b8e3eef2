"""One look at the rings of many streams: which of them may have something to read."""

from collections.abc import Sequence

import numpy as np

from transports.process.ring import Register, RingReader

__all__ = ["Watch"]


Reader = RingReader | Register


class Watch:
    """Watches pairs of readers in one piece of memory.

    A number that a reader awaits stays in memory until the reader has taken it. So a look may name
    a pair of which nothing is to be read, but never leaves one out.

    Args:
        memory: Shared with who writes; a multiple of eight bytes.
        pairs: Readers of parts of it.
    """

    def __init__(self, memory: memoryview, pairs: Sequence[tuple[Reader, Reader]]) -> None:
        self._words = np.frombuffer(memory, np.uint64)
        self._readers = [reader for pair in pairs for reader in pair]
        self._bases = [self._place(reader.words) for reader in self._readers]
        self._places = np.zeros(len(self._readers), np.int64)
        self._numbers = np.zeros(len(self._readers), np.uint64)
        self._places_to_set = self._places.data  # single numbers: in a third of the time
        self._numbers_to_set = self._numbers.data
        self._named = list(range(len(pairs)))

    def look(self) -> list[int]:
        """Return the indices of the pairs of which one reader may find something."""
        for index in self._named:
            self._await(2 * index)
            self._await(2 * index + 1)
        there = self._words[self._places] >= self._numbers
        self._named = (there[::2] | there[1::2]).nonzero()[0].tolist()
        return self._named

    def _await(self, row: int) -> None:
        """Follow a reader that may have read since the last look."""
        place, number = self._readers[row].awaited
        self._places_to_set[row] = self._bases[row] + place
        self._numbers_to_set[row] = number

    def _place(self, words: memoryview) -> int:
        """Return where in the memory a part of it begins, in words."""
        begin: int = np.frombuffer(words, np.uint64).ctypes.data
        return (begin - self._words.ctypes.data) // 8
