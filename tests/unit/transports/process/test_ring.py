"""Rings and registers in memory that another process writes at the same time."""

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from transports.process.ring import Register, Ring, RingReader, RingWriter, record_bytes

CELL = record_bytes(40)
CELLS = 5
KEY = 7


def ring(memory: bytearray, key: int = KEY) -> Ring:
    return Ring(memoryview(memory), CELL, key)


class WriterAndReader(RuleBasedStateMachine):
    """A reader gets every record in order, or counts it as lost; the latest are never lost."""

    def __init__(self) -> None:
        super().__init__()
        memory = bytearray(CELL * CELLS)
        self.writer = RingWriter(ring(memory))
        self.reader = RingReader(ring(memory))
        self.unread: deque[bytes] = deque()
        self.lost = 0

    @rule(payload=st.binary(max_size=40), times=st.integers(1, 3 * CELLS))
    def write(self, payload: bytes, times: int) -> None:
        for number in range(times):
            record = payload[:38] + bytes([number])
            self.writer.put(record)
            self.unread.append(record)

    @rule()
    def read(self) -> None:
        while len(self.unread) > CELLS:
            self.unread.popleft()
            self.lost += 1
        expected = self.unread.popleft() if self.unread else None
        assert self.reader.take() == expected

    @invariant()
    def losses_are_counted(self) -> None:
        assert self.reader.lost == self.lost
        assert self.reader.taken == self.writer.written - len(self.unread)


WriterAndReader.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
TestWriterAndReader = WriterAndReader.TestCase


@given(
    older=st.binary(min_size=1, max_size=40),
    newer=st.binary(min_size=1, max_size=40),
    laps=st.integers(0, 2),
    data=st.data(),
)
def test_a_record_that_is_half_written_is_not_there_yet(
    older: bytes, newer: bytes, laps: int, data: st.DataObject
) -> None:
    """Every mixture of the bytes of two records, in whatever order a processor shows them."""
    memory, written = bytearray(CELL * CELLS), bytearray(CELL * CELLS)
    writer, twin = RingWriter(ring(memory)), RingWriter(ring(written))
    reader = RingReader(ring(memory))
    for _ in range(laps * CELLS):
        for each in (writer, twin):
            each.put(older)
        assert reader.take() == older
    twin.put(newer)
    changed = [at for at in range(len(memory)) if memory[at] != written[at]]
    shown = data.draw(st.sets(st.sampled_from(changed), max_size=len(changed) - 1))
    for at in shown:
        memory[at] = written[at]

    assert reader.take() is None

    memory[:] = written
    assert reader.take() == newer


@given(payload=st.binary(max_size=40), at=st.integers(0, CELL - 1), bit=st.integers(0, 7))
def test_a_damaged_record_is_never_believed(payload: bytes, at: int, bit: int) -> None:
    memory = bytearray(CELL * CELLS)
    RingWriter(ring(memory)).put(payload)
    memory[CELL + at] ^= 1 << bit

    assert RingReader(ring(memory)).take() in (None, payload)


def test_what_an_earlier_user_of_the_memory_wrote_is_not_read() -> None:
    memory = bytearray(CELL * CELLS)
    writer = RingWriter(ring(memory, key=1))
    for _ in range(3 * CELLS):
        writer.put(b"old")
    reader = RingReader(ring(memory, key=2))
    assert reader.take() is None

    RingWriter(ring(memory, key=2)).put(b"new")

    assert reader.take() == b"new"
    assert reader.take() is None
    assert reader.lost == 0


def test_a_record_that_does_not_fit_is_refused() -> None:
    writer = RingWriter(ring(bytearray(CELL * CELLS)))
    with pytest.raises(ValueError, match="do not fit"):
        writer.put(bytes(CELL))
    assert writer.written == 0


@given(st.lists(st.tuples(st.binary(max_size=30), st.booleans()), max_size=30))
def test_a_register_shows_the_latest_value_once(steps: list[tuple[bytes, bool]]) -> None:
    memory = bytearray(2 * CELL)
    ours, theirs = Register(memoryview(memory), KEY), Register(memoryview(memory), KEY)
    latest: bytes | None = None
    for value, is_read in steps:
        ours.set(value)
        latest = value
        if is_read:
            assert theirs.news() == latest
            latest = None

    assert theirs.news() == latest
    assert theirs.news() is None


def test_a_register_keeps_its_value_while_the_next_is_written() -> None:
    memory = bytearray(2 * CELL)
    ours, theirs = Register(memoryview(memory), KEY), Register(memoryview(memory), KEY)
    ours.set(b"one")
    before = bytes(memory)
    ours.set(b"two")
    after = bytes(memory)
    torn = next(at for at in range(len(after)) if after[at] != before[at]) + 1
    memory[:] = after[:torn] + before[torn:]

    assert theirs.news() == b"one"

    memory[:] = after
    assert theirs.news() == b"two"


@given(st.lists(st.integers(0, 2 * CELLS), max_size=10))
def test_a_reader_has_more_exactly_until_it_has_read_all(writes: list[int]) -> None:
    memory = bytearray(CELL * CELLS)
    writer, reader = RingWriter(ring(memory)), RingReader(ring(memory))
    for records in writes:
        for _ in range(records):
            writer.put(b"one")
        assert reader.has_more == (records > 0)
        while reader.has_more:
            assert reader.take() == b"one"
        assert reader.taken == writer.written


def test_a_register_has_news_exactly_until_they_are_read() -> None:
    memory = bytearray(2 * CELL)
    ours, theirs = Register(memoryview(memory), KEY), Register(memoryview(memory), KEY)
    for _ in range(3):
        assert not theirs.has_news
        ours.set(b"one")
        ours.set(b"two")
        assert theirs.has_news
        assert theirs.news() == b"two"
