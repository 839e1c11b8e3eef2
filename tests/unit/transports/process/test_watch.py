"""One look at many rings, against asking each of their readers."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from transports.process.ring import Register, Ring, RingReader, RingWriter, record_bytes
from transports.process.watch import Watch

CELL = record_bytes(8)
CELLS = 3
RING_BYTES, REGISTER_BYTES = CELL * CELLS, 2 * CELL
PAIR_BYTES = RING_BYTES + REGISTER_BYTES
PAIRS = 3
HEAD_BYTES = 64
"""Something else lies before them."""


class Pair:
    """A ring and a register, from both sides."""

    def __init__(self, memory: memoryview, key: int) -> None:
        ring, register = memory[:RING_BYTES], memory[RING_BYTES:]
        self.writer = RingWriter(Ring(ring, CELL, key))
        self.reader = RingReader(Ring(ring, CELL, key))
        self.ours = Register(register, key)
        self.theirs = Register(register, key)

    @property
    def has_something(self) -> bool:
        return self.reader.has_more or self.theirs.has_news


class WritersAndReaders(RuleBasedStateMachine):
    """A look names each pair that has something; the others, at most in the look behind."""

    @initialize(earlier=st.integers(0, 2 * CELLS))
    def begin(self, earlier: int) -> None:
        self.memory = memoryview(bytearray(HEAD_BYTES + PAIRS * PAIR_BYTES))
        for pair in self.opened(key=1):
            for _ in range(earlier):
                pair.writer.put(b"earlier")
        self.pairs = self.opened(key=2)
        self.watch = Watch(self.memory, [(pair.reader, pair.theirs) for pair in self.pairs])

    def opened(self, key: int) -> list[Pair]:
        begins = range(HEAD_BYTES, len(self.memory), PAIR_BYTES)
        return [Pair(self.memory[begin : begin + PAIR_BYTES], key) for begin in begins]

    @rule(index=st.integers(0, PAIRS - 1), times=st.integers(1, 2 * CELLS))
    def write(self, index: int, times: int) -> None:
        for _ in range(times):
            self.pairs[index].writer.put(b"record")

    @rule(index=st.integers(0, PAIRS - 1), times=st.integers(1, 3))
    def decide(self, index: int, times: int) -> None:
        for _ in range(times):
            self.pairs[index].ours.set(b"value")

    @rule(index=st.integers(0, PAIRS - 1))
    def read_one(self, index: int) -> None:
        self.pairs[index].reader.take()

    @rule(index=st.integers(0, PAIRS - 1))
    def read_all(self, index: int) -> None:
        while self.pairs[index].reader.take() is not None:
            pass
        self.pairs[index].theirs.news()

    @invariant()
    def a_look_leaves_nothing_out(self) -> None:
        if not hasattr(self, "watch"):
            return
        has_something = [index for index, pair in enumerate(self.pairs) if pair.has_something]

        assert set(self.watch.look()) >= set(has_something)
        assert self.watch.look() == has_something


WritersAndReaders.TestCase.settings = settings(max_examples=100, stateful_step_count=30)
TestWritersAndReaders = WritersAndReaders.TestCase


def test_of_no_readers_none_has_anything() -> None:
    assert Watch(memoryview(bytearray(64)), ()).look() == []
