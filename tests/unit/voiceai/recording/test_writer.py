"""Recordings on disk, however the disk behaves."""

import asyncio
import errno
import importlib
import os
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import date
from pathlib import Path

import pytest
from loguru import logger

from tests.support.recordings import read_recording
from transports.audio.codec import Codec
from voiceai.recording import writer as under_test
from voiceai.recording.folder import Recorded, RecordingFolder
from voiceai.recording.track import Block
from voiceai.recording.wav import HEADER_BYTES, header
from voiceai.recording.writer import RecordingFile, RecordingWriter

LOUD = Codec.ALAW.encode((8000).to_bytes(2, "little") * 160)
QUIET = Codec.ALAW.decode(b"\xd5" * 160)
ROOM_BYTES = 20_000
SECOND = Codec.ALAW.decode(LOUD * 50)


def file(call_id: str = "4f0c", channels: int = 1) -> RecordingFile:
    return RecordingFile(Recorded(call_id, date(2026, 11, 23), 30), Codec.ALAW, channels)


def second(number: int) -> Block:
    return Block(50 * number, 50, LOUD * 50)


@pytest.fixture
def folder(tmp_path: Path) -> RecordingFolder:
    return RecordingFolder(tmp_path)


@pytest.fixture
async def writer(folder: RecordingFolder) -> AsyncIterator[RecordingWriter]:
    writer = RecordingWriter(folder)
    yield writer
    await writer.close()


@pytest.fixture
def errors() -> Iterator[list[str]]:
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(str(line)), level="ERROR", format="{message}")
    yield lines
    logger.remove(sink)


async def ended(writer: RecordingWriter, recording: RecordingFile) -> RecordingFile:
    done: asyncio.Future[RecordingFile] = asyncio.get_running_loop().create_future()
    writer.end(recording, done.set_result)
    async with asyncio.timeout(5):
        return await done


def on_disk(folder: RecordingFolder, recording: RecordingFile) -> Path:
    return folder.root / recording.recorded.name


async def test_what_was_put_is_read(writer: RecordingWriter, folder: RecordingFolder) -> None:
    recording = file(channels=2)
    writer.begin(recording)
    writer.put(recording, Block(0, 50, (LOUD[:1] + b"\xd5") * 160 * 50))
    done = await ended(writer, recording)

    heard = read_recording(on_disk(folder, recording))
    assert heard.channels == (SECOND, QUIET * 50)
    assert done.size == on_disk(folder, recording).stat().st_size
    assert (done.problem, writer.problem, writer.open_files) == (None, None, 0)


async def test_a_hole_is_silence(writer: RecordingWriter, folder: RecordingFolder) -> None:
    recording = file()
    writer.begin(recording)
    writer.put(recording, second(0))
    writer.put(recording, second(3))
    await ended(writer, recording)

    assert read_recording(on_disk(folder, recording)).channels == (SECOND + QUIET * 100 + SECOND,)


async def test_a_file_is_playable_at_any_time(
    writer: RecordingWriter, folder: RecordingFolder
) -> None:
    recording = file()
    writer.begin(recording)
    seen = set()
    for number in range(40):
        writer.put(recording, second(number))
        await asyncio.to_thread(lambda: None)
        if on_disk(folder, recording).exists() and recording.ticks:
            seen.add(read_recording(on_disk(folder, recording)).seconds)
    await ended(writer, recording)

    assert seen <= set(range(41))
    assert read_recording(on_disk(folder, recording)).seconds == 40


async def test_a_call_that_ends_at_once_leaves_no_file(
    writer: RecordingWriter, folder: RecordingFolder
) -> None:
    recording = file()
    writer.begin(recording)

    done = await ended(writer, recording)

    assert (done.size, done.problem) == (0, None)
    assert list(folder.root.iterdir()) == []


async def test_a_folder_that_cannot_be_made_costs_one_recording_one_line(
    tmp_path: Path, writer: RecordingWriter, errors: list[str]
) -> None:
    (tmp_path / "recordings").touch()  # a file, where the folder should be
    recording = file()
    writer.begin(recording)
    for number in range(5):
        writer.put(recording, second(number))
    done = await ended(writer, recording)

    assert (done.size, done.problem) == (0, "File exists")
    assert (writer.failed, writer.problem) == (1, "File exists")
    [line] = errors
    assert line.startswith("recording.failed: ")
    assert "4f0c_30d.wav cannot be written: File exists; the call goes on" in line


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk on which the first 20 kB of a file have room."""
    pwrite = os.pwrite

    def write_what_has_room(descriptor: int, data: bytes, at: int) -> int:
        if at >= ROOM_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return pwrite(descriptor, data[: ROOM_BYTES - at], at)

    monkeypatch.setattr(os, "pwrite", write_what_has_room)


@pytest.mark.usefixtures("full_disk")
async def test_a_full_disk_ends_a_recording_that_stays_playable(
    writer: RecordingWriter, folder: RecordingFolder, errors: list[str]
) -> None:
    recording = file()
    writer.begin(recording)
    for number in range(5):
        writer.put(recording, second(number))
    done = await ended(writer, recording)

    assert done.problem == "No space left on device"
    path = on_disk(folder, recording)
    assert read_recording(path).channels == (SECOND * 2,)
    assert path.stat().st_size == done.size
    assert len(errors) == 1


@pytest.mark.usefixtures("full_disk")
async def test_a_disk_that_fills_up_with_silence_leaves_a_true_header(
    writer: RecordingWriter, folder: RecordingFolder
) -> None:
    """It named what was cut off again: the first second of the silence."""
    recording = file()
    writer.begin(recording)
    writer.put(recording, second(0))
    writer.put(recording, second(3))
    done = await ended(writer, recording)

    path = on_disk(folder, recording)
    assert path.read_bytes()[:HEADER_BYTES] == header(Codec.ALAW, 1, 8000)
    assert path.stat().st_size == done.size == HEADER_BYTES + 8000


async def test_a_recording_that_works_ends_the_problem(
    tmp_path: Path, writer: RecordingWriter
) -> None:
    (tmp_path / "recordings").touch()
    first = file("1")
    writer.begin(first)
    await ended(writer, first)
    os.unlink(tmp_path / "recordings")  # noqa: PTH108  plain
    second_file = file("2")
    writer.begin(second_file)
    writer.put(second_file, second(0))
    await ended(writer, second_file)

    assert (writer.failed, writer.problem) == (1, None)


async def test_a_disk_that_is_too_slow_loses_what_comes_on_top_and_counts_it(
    writer: RecordingWriter, folder: RecordingFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_test, "QUEUED_BLOCKS", 3)
    disk_answers = threading.Event()
    create = folder.create

    def create_late(recorded: Recorded) -> int:
        disk_answers.wait(5)
        return create(recorded)

    monkeypatch.setattr(folder, "create", create_late)
    recording = file()
    writer.begin(recording)
    for number in range(10):
        writer.put(recording, second(number))
    disk_answers.set()
    done = await ended(writer, recording)

    assert 6 <= done.lost_ticks / 50 <= 8
    assert writer.lost_seconds == done.lost_ticks / 50
    assert done.ticks + done.lost_ticks == 500


async def test_a_disk_that_never_answers_does_not_hold_up_the_end(
    folder: RecordingFolder, monkeypatch: pytest.MonkeyPatch, errors: list[str]
) -> None:
    monkeypatch.setattr(under_test, "CLOSE_SECONDS", 0.02)
    ended_test = threading.Event()

    def create(_recorded: Recorded) -> int:
        ended_test.wait(5)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(folder, "create", create)
    writer = RecordingWriter(folder)
    writer.begin(file())

    await writer.close()

    assert errors == [f"recording.unfinished: {folder.root} does not answer\n"]
    ended_test.set()


async def test_a_mistake_of_ours_ends_one_recording_and_the_next_one_works(
    writer: RecordingWriter, folder: RecordingFolder, errors: list[str]
) -> None:
    first, other = file("1"), file("2")
    writer.begin(first)
    writer.put(first, Block(0, 50, "no bytes"))  # type: ignore[arg-type]
    writer.begin(other)
    writer.put(other, second(0))

    assert (await ended(writer, first)).problem is not None
    await ended(writer, other)
    assert read_recording(on_disk(folder, other)).channels == (SECOND,)
    assert errors[0].startswith("recording.broken")


async def test_another_program_reads_what_was_written(
    writer: RecordingWriter, folder: RecordingFolder
) -> None:
    recording = file(channels=2)
    writer.begin(recording)
    writer.put(recording, Block(0, 50, (LOUD[:1] + b"\xd5") * 160 * 50))
    await ended(writer, recording)

    libsndfile = importlib.import_module("soundfile")
    samples, rate = libsndfile.read(on_disk(folder, recording), dtype="int16")
    assert (rate, samples.shape) == (8000, (8000, 2))
    assert samples[:, 0].tobytes() == SECOND
