"""The recorder against a database that comes and goes, and a disk that fails."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from voiceai.errors import StoreUnavailable
from voiceai.store.recorder import MAX_QUEUED, Recorder
from voiceai.store.records import Entry, Op, fold


class Server:
    """A database that can be away."""

    def __init__(self) -> None:
        self.away = False
        self.written: list[Entry] = []

    async def write(self, entries: Sequence[Entry]) -> None:
        await asyncio.sleep(0)
        if self.away:
            raise StoreUnavailable("away")
        self.written.extend(entries)


def entry(n: int) -> Entry:
    return Entry(Op.TURN, "c", {"n": n, "role": "caller", "text": f"Grüße {n}"})


async def test_writes_in_order(tmp_path: Path) -> None:
    server = Server()
    recorder = Recorder(tmp_path, "p", server.write)
    for n in range(500):
        recorder.put(entry(n))

    assert await recorder.flush()

    assert [found.values["n"] for found in server.written] == list(range(500))
    assert recorder.waiting == 0


async def test_keeps_on_disk_what_the_database_does_not_take_and_brings_it_first(
    tmp_path: Path,
) -> None:
    server = Server()
    server.away = True
    recorder = Recorder(tmp_path, "p", server.write)
    recorder.put(entry(1))
    assert not await recorder.flush()
    assert recorder.waiting == 1

    server.away = False
    recorder.put(entry(2))
    assert await recorder.flush()

    assert server.written == [entry(1), entry(2)]
    assert recorder.waiting == 0
    await recorder.close()


async def test_what_a_dead_process_left_on_disk_is_adopted(tmp_path: Path) -> None:
    server = Server()
    server.away = True
    dead = Recorder(tmp_path, "dead", server.write)
    dead.put(entry(1))
    await dead.close()
    torn = next(tmp_path.glob("dead*.jsonl"))  # noqa: ASYNC240 - a test may wait for its disk
    torn.write_text(torn.read_text() + '{"op": "turn", "ca')

    server.away = False
    alive = Recorder(tmp_path, "alive", server.write)
    await alive.flush()

    assert server.written == [entry(1)]
    assert list(tmp_path.glob("*.jsonl")) == []  # noqa: ASYNC240


async def test_leaves_alone_what_a_living_process_has_on_disk(tmp_path: Path) -> None:
    away, server = Server(), Server()
    away.away = True
    living = Recorder(tmp_path, "living", away.write)
    living.put(entry(1))
    await living.flush()

    await Recorder(tmp_path, "other", server.write).flush()

    assert server.written == []
    await living.close()


async def test_memory_is_bounded_and_what_is_lost_is_counted(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, "p", Server().write)

    for n in range(MAX_QUEUED + 3):
        recorder.put(entry(n))

    assert recorder.waiting == MAX_QUEUED
    assert recorder.dropped == 3


async def test_a_disk_that_fails_loses_nothing_yet(tmp_path: Path) -> None:
    server = Server()
    server.away = True
    (tmp_path / "file").write_text("")
    recorder = Recorder(tmp_path / "file", "p", server.write)
    recorder.put(entry(1))

    await recorder.flush()

    assert recorder.waiting == 1


def test_entries_survive_the_disk() -> None:
    assert Entry.parse(entry(1).serialize()) == entry(1)


async def test_what_no_text_should_hold_harms_no_other_entry_on_disk(tmp_path: Path) -> None:
    """Half a surrogate pair ended the recorder; a line separator tore its entry in two."""
    server = Server()
    server.away = True
    recorder = Recorder(tmp_path, "p", server.write)
    for text in ("half \ud83d", "two\u2028lines", "plain"):
        recorder.put(Entry(Op.TURN, "c", {"n": 1, "text": text}))

    assert not await recorder.flush()
    server.away = False
    assert await recorder.flush()

    said = [written.values["text"] for written in server.written]
    assert said == ["half ?", "two\u2028lines", "plain"]
    await recorder.close()


def test_foreign_lines_are_no_entries() -> None:
    for line in ("", "{", "[]", "null", '{"op": "sing", "call": "c"}', '{"op": "turn"}'):
        assert Entry.parse(line) is None


def test_entries_that_come_twice_change_nothing() -> None:
    begin = Entry(Op.BEGIN, "c", {"number": "49", "started_at": "2026-11-22T12:00:00+00:00"})
    once = [begin, entry(1), entry(2)]

    assert fold(once) == fold(once + once)
    assert fold([entry(1)]) == []
