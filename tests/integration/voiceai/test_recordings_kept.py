"""Recordings stay for as long as was asked, and go with their calls."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from tests.support.database import settings_for
from tests.support.waiting import until
from transports.audio.codec import Codec
from voiceai.recording.folder import Recorded, RecordingFolder
from voiceai.recording.wav import header
from voiceai.store.database import Database
from voiceai.store.embedded import Address
from voiceai.store.recordings import RecordingKeeper
from voiceai.store.records import CallRecord, Turn
from voiceai.store.repository import Store
from voiceai.store.shapes import call_shape, history_shape

NOW = datetime.now(UTC)


@pytest.fixture
def folder(shared_dir: Path) -> Iterator[RecordingFolder]:
    folder = RecordingFolder(shared_dir)
    yield folder
    shutil.rmtree(folder.root, ignore_errors=True)


def recorded(
    store: Store, folder: RecordingFolder, call_id: str, caller: str = "+49170", *, days: int = 0
) -> Path:
    """Make a call that was recorded so many days ago, to be kept for 30; return its file."""
    at = NOW - timedelta(days=days)
    file = Recorded(call_id, at.date(), 30)
    store.begin_call(CallRecord(call_id, "4930", at, caller=caller))
    store.add_turn(call_id, Turn(1, "caller", "Hello"))
    store.add_recording(
        call_id,
        {"path": file.path, "keep_until": file.keep_until.isoformat(), "seconds": 2.0, "bytes": 58},
    )
    store.end_call(call_id, at, "caller_hung_up")
    descriptor = folder.create(file)
    os.write(descriptor, header(Codec.ALAW, 2, 0))
    os.close(descriptor)
    return folder.root / file.name


@contextlib.asynccontextmanager
async def running(store: Store) -> AsyncIterator[None]:
    task = asyncio.ensure_future(store.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_calls_record_says_where_its_recording_is(
    store: Store, folder: RecordingFolder
) -> None:
    path = recorded(store, folder, "c1")
    store.begin_call(CallRecord("c2", "4930", NOW - timedelta(1)))
    await store.flush()

    history = await store.call("c1")
    assert history is not None
    shown = history_shape(history)["recording"]
    assert (shown["path"], shown["seconds"]) == (f"recordings/{path.parent.name}/{path.name}", 2.0)
    assert [call_shape(call)["recording"] for call in await store.calls()] == [shown, None]
    assert await store.recording("c1") == path
    assert await store.recording("c2") is None
    assert await store.recording("none") is None


async def test_a_recording_that_was_cut_short_is_as_long_as_its_file(
    store: Store, folder: RecordingFolder
) -> None:
    file = Recorded("c1", NOW.date(), 30)
    store.begin_call(CallRecord("c1", "4930", NOW))
    store.add_recording("c1", {"path": file.path, "channels": "both", "complete": False})
    await store.flush()
    descriptor = folder.create(file)
    os.write(descriptor, header(Codec.ALAW, 2, 24_000) + bytes(24_000))
    os.close(descriptor)

    history = await store.call("c1")

    assert history is not None
    assert history.call.recording is not None
    assert history.call.recording["seconds"] == 1.5
    assert history.call.recording["bytes"] == 24_058
    assert history.call.recording["complete"] is False


async def test_who_is_erased_is_erased_from_the_disk(store: Store, folder: RecordingFolder) -> None:
    first, second = recorded(store, folder, "c1"), recorded(store, folder, "c2")
    other = recorded(store, folder, "c3", "+49171")

    erased = await store.erase("0049 170")

    assert (erased.calls, erased.recordings) == (2, 2)
    assert [path.exists() for path in (first, second, other)] == [False, False, True]
    history = await store.call("c1")
    assert history is not None
    assert history.call.recording is None
    assert await store.recording("c3") == other


async def test_one_recording_is_deleted_and_the_record_says_when(
    store: Store, folder: RecordingFolder
) -> None:
    """Whoever withholds his number cannot be erased by it."""
    first, second = recorded(store, folder, "c1", ""), recorded(store, folder, "c2", "")
    await store.flush()

    assert await store.delete_recording("c1")

    assert [path.exists() for path in (first, second)] == [False, True]
    history = await store.call("c1")
    assert history is not None
    assert history.call.recording is not None
    assert history.call.recording["path"] is None
    assert history.call.recording["deleted_at"] >= NOW.isoformat(timespec="seconds")
    assert not await store.delete_recording("c1")
    assert not await store.delete_recording("none")


async def test_what_a_call_in_progress_tells_of_its_recording_after_the_erasure_is_not_taken(
    store: Store, folder: RecordingFolder
) -> None:
    recorded(store, folder, "c1")
    await store.erase("+49170")

    store.add_recording("c1", {"path": "recordings/2026-11-23/c1_30d.wav"})
    await store.flush()

    history = await store.call("c1")
    assert history is not None
    assert history.call.recording is None


async def test_a_recording_goes_when_its_time_is_over_and_its_record_says_so(
    database: asyncpg.Connection, store: Store, folder: RecordingFolder
) -> None:
    old, new = recorded(store, folder, "old", days=31), recorded(store, folder, "new", days=29)
    await store.flush()

    async with running(store):
        await until(lambda: not old.exists())
        async with asyncio.timeout(5):
            while await database.fetchval(  # noqa: ASYNC110
                "SELECT recording IS NOT NULL FROM voiceai.calls WHERE id = 'old'"
            ):
                await asyncio.sleep(0.01)

    assert new.exists()
    assert await store.recording("new") == new


async def test_the_recording_of_a_call_that_somebody_deleted_goes_too(
    database: asyncpg.Connection, store: Store, folder: RecordingFolder
) -> None:
    gone, kept = recorded(store, folder, "gone"), recorded(store, folder, "kept")
    await store.flush()
    await database.execute("DELETE FROM voiceai.calls WHERE id = 'gone'")

    async with running(store):
        await until(lambda: not gone.exists())

    assert kept.exists()


async def test_a_file_that_cannot_be_deleted_keeps_no_other_and_is_no_fault_of_the_database(
    database: asyncpg.Connection, store: Store, folder: RecordingFolder, address: Address
) -> None:
    """The database was taken for away, and what was noted for deletion stayed."""
    deleted, kept = recorded(store, folder, "deleted"), recorded(store, folder, "kept")
    await store.flush()
    await database.execute("DELETE FROM voiceai.calls WHERE id = 'deleted'")
    await database.execute("INSERT INTO voiceai.recordings_to_remove VALUES ('stuck')")
    for call_id, day in (("old", NOW - timedelta(99)), ("stuck", NOW)):
        (folder.root / Recorded(call_id, day.date(), 30).name).mkdir(parents=True)

    async def where() -> Address:
        return address

    connections = Database(where)
    await connections.open()
    with pytest.raises(OSError, match="_30d"):
        await RecordingKeeper(connections, folder).remove_due(NOW)
    problem = connections.problem
    await connections.close()

    assert (deleted.exists(), kept.exists(), problem) == (False, True, "")


async def test_a_recording_that_outlived_its_transcript_is_deleted_and_the_record_says_when(
    database: asyncpg.Connection, store: Store, folder: RecordingFolder
) -> None:
    """The file went, and the record named it for ever."""
    recorded(store, folder, "c1")
    await store.flush()
    await database.execute("UPDATE voiceai.calls SET transcript_removed_at = now()")

    assert await store.delete_recording("c1")

    history = await store.call("c1")
    assert history is not None
    assert history.call.recording is not None
    assert history.call.recording["path"] is None


@pytest.mark.usefixtures("database")
async def test_the_recording_of_a_call_that_waits_on_disk_is_erased_too(
    shared_dir: Path, folder: RecordingFolder
) -> None:
    url = "postgresql://x@127.0.0.1:1/x"
    away = Store(settings_for(shared_dir, database_url=url), owner=True)
    path = recorded(away, folder, "c1")
    await away.flush()

    store = Store(settings_for(shared_dir), owner=False)
    await store.open()
    erased = await store.erase("+49170")
    await store.close()
    await away.close()

    assert (erased.calls, erased.recordings, path.exists()) == (1, 1, False)
