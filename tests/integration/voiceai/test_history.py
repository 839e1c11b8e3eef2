"""What is recorded of calls, with the database there, away, and forbidden."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import psutil
import pytest

from tests.support.database import settings_for
from tests.support.processes import is_gone
from tests.support.waiting import until
from voiceai.errors import StoreUnavailable
from voiceai.store.embedded import Address, EmbeddedPostgres
from voiceai.store.processes import process_id
from voiceai.store.records import CallRecord, Message, Turn
from voiceai.store.repository import Store
from voiceai.store.shapes import history_shape

START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
"""What is older than ninety days would be forgotten at the start."""


def at(seconds: int) -> str:
    """Return a time of the call as its JSON has it."""
    return f"{START + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.000Z"


def record_a_call(store: Store, call_id: str = "c1") -> None:
    store.begin_call(CallRecord(call_id, "4920189098723", START, caller="+4917012345"))
    store.answer_call(call_id, START + timedelta(seconds=1))
    store.add_turn(call_id, Turn(1, "assistant", "Guten Tag", 0, 900))
    store.add_turn(call_id, Turn(2, "caller", "Hallo\x00\ud83d", 1500, 2000))
    store.add_turn(call_id, Turn(3, "assistant", "Was kann", 2400, 2900, interrupted=True))
    store.add_message(call_id, Message(1, "tool", {"name": "hangup"}, 3000))
    store.end_call(call_id, START + timedelta(seconds=10), "caller hung up", {"mos": 4.2})


async def written(store: Store) -> None:
    """Wait until nothing waits in memory or on disk."""
    await until(lambda: not store.waiting_records, within=15)


@pytest.fixture
async def running(store: Store) -> AsyncIterator[Store]:
    """A store that records, as ``serve`` has it."""
    task = asyncio.ensure_future(store.run())
    yield store
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_call_is_shown_as_it_happened(running: Store) -> None:
    record_a_call(running)
    await written(running)

    history = await running.call("c1")

    assert history is not None
    assert history_shape(history) == {
        "id": "c1",
        "number": "4920189098723",
        "caller": "+4917012345",
        "assistant": None,
        "started_at": at(0),
        "answered_at": at(1),
        "ended_at": at(10),
        "end_reason": "caller hung up",
        "recording": None,
        "turns": [
            turn(1, "assistant", "Guten Tag", 0, 900),
            turn(2, "caller", "Hallo?", 1500, 2000),
            turn(3, "assistant", "Was kann", 2400, 2900, interrupted=True),
        ],
        "messages": [{"n": 1, "kind": "tool", "at_ms": 3000, "content": {"name": "hangup"}}],
        "details": {"mos": 4.2},
    }


def turn(
    n: int, role: str, text: str, started: int, ended: int, *, interrupted: bool = False
) -> dict[str, object]:
    """A turn as JSON."""
    return {
        "n": n, "role": role, "text": text,
        "started_ms": started, "ended_ms": ended, "interrupted": interrupted,
    }  # fmt: skip


async def test_calls_are_listed_newest_first(running: Store) -> None:
    for index, call_id in enumerate(("old", "new")):
        running.begin_call(CallRecord(call_id, "49", START + timedelta(hours=index)))
    await written(running)

    assert [call.id for call in await running.calls()] == ["new", "old"]
    assert [call.id for call in await running.calls(limit=1)] == ["new"]


async def test_a_turn_is_in_the_database_while_the_call_goes_on(running: Store) -> None:
    running.begin_call(CallRecord("c1", "49", START))
    running.add_turn("c1", Turn(1, "caller", "Hallo"))
    await written(running)

    history = await running.call("c1")

    assert history is not None
    assert history.call.ended_at is None
    assert [found.text for found in history.turns] == ["Hallo"]


async def test_an_entry_that_the_database_refuses_takes_no_other_with_it(running: Store) -> None:
    running.add_turn("a call that never began", Turn(1, "caller", "?"))
    record_a_call(running)
    await written(running)

    history = await running.call("c1")

    assert history is not None
    assert len(history.turns) == 3


async def test_history_waits_on_disk_while_the_database_is_away_and_comes_back(
    database: asyncpg.Connection, shared_dir: Path, address: Address
) -> None:
    before = Store(settings_for(shared_dir), owner=True)
    recording = asyncio.ensure_future(before.run())  # its tables exist from here on
    await until_ready(before)
    away = Store(settings_for(shared_dir, database_url="postgresql://x@127.0.0.1:1/x"), owner=True)
    lost = asyncio.ensure_future(away.run())
    record_a_call(away)
    on_disk = (shared_dir / "history").glob
    await until(lambda: any(on_disk("*.jsonl")) and away.waiting_records == 7, within=15)

    assert away.problems() != []
    with pytest.raises(StoreUnavailable):
        await away.assistant_for("4920189098723")
    await end(lost, away)
    await end(recording, before)

    later = Store(settings_for(shared_dir), owner=True)
    task = asyncio.ensure_future(later.run())
    await until_ready(later)
    await until(lambda: not any((shared_dir / "history").glob("*.jsonl")), within=15)
    history = await later.call("c1")
    await end(task, later)

    assert history is not None
    assert len(history.turns) == 3
    assert list((shared_dir / "history").glob("*.jsonl")) == []


async def test_a_killed_processs_calls_are_closed_at_the_next_start(
    database: asyncpg.Connection, store: Store
) -> None:
    dead = process_id().rsplit("_", 2)[0] + "_999999_1"
    await database.execute(
        "INSERT INTO voiceai.calls (id, process_id, number, started_at, answered_at) "
        "VALUES ('c1', $1, '49', $2, $2)",
        dead,
        START,
    )
    await database.execute(
        "INSERT INTO voiceai.turns VALUES ('c1', 1, 'caller', 'Hallo', 0, 4000, false, NULL)"
    )
    task = asyncio.ensure_future(store.run())
    async with asyncio.timeout(10):
        while (await database.fetchval("SELECT ended_at FROM voiceai.calls")) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    history = await store.call("c1")
    await end(task, None)

    assert history is not None
    assert history.call.end_reason == "interrupted by restart"
    assert history.call.ended_at == START + timedelta(seconds=4)


async def test_the_open_calls_of_the_living_stay_open(
    database: asyncpg.Connection, running: Store, shared_dir: Path
) -> None:
    container = f"{socket.gethostname()}-1_999999_1"  # of this host, with process ids of its own
    dead = process_id().rsplit("_", 2)[0] + "_999999_1"
    for process in ("elsewhere_7_1", container, dead):
        await database.execute("INSERT INTO voiceai.processes (id) VALUES ($1)", process)
        await database.execute(
            "INSERT INTO voiceai.calls (id, process_id, number, started_at) "
            "VALUES ($1, $1, '49', now())",
            process,
        )
    running.begin_call(CallRecord("ours", "49", START))
    await written(running)
    second = Store(settings_for(shared_dir), owner=True)
    task = asyncio.ensure_future(second.run())
    ended = "SELECT ended_at IS NOT NULL FROM voiceai.calls WHERE id = $1"
    async with asyncio.timeout(10):
        while not await database.fetchval(ended, dead):  # noqa: ASYNC110 - the store's own task
            await asyncio.sleep(0.01)

    still_open = {call.id for call in await running.calls() if call.ended_at is None}
    await end(task, second)

    assert still_open == {"ours", "elsewhere_7_1", container}


async def test_without_the_right_to_make_a_schema_history_stays_on_disk(
    database: asyncpg.Connection, shared_dir: Path, address: Address
) -> None:
    # The one role of the embedded server owns its database: what it lacks here is the ownership
    # of a schema that somebody else has made.
    await database.execute(
        """
        CREATE SCHEMA voiceai;
        CREATE TABLE "Assistant"(id text primary key, name text, greeting text);
        CREATE TABLE "PhoneNumber"(id text, number text, "assignedToAssistantId" text);
        INSERT INTO "Assistant" VALUES ('a', 'anna', 'Hallo');
        INSERT INTO "PhoneNumber" VALUES ('p', '4930', 'a');
        REVOKE ALL ON SCHEMA voiceai FROM voiceai;
        """
    )
    settings = settings_for(
        shared_dir,
        db_host=address.host, db_user=address.user, db_password=address.password, db_name="voiceai",
    )  # fmt: skip
    poor = Store(settings, owner=True)
    task = asyncio.ensure_future(poor.run())
    await until_ready(poor)
    record_a_call(poor)
    async with asyncio.timeout(10):
        while not await poor.calls():  # noqa: ASYNC110 - on disk
            await asyncio.sleep(0.01)
    history = await poor.call("c1")
    found = await poor.assistant_for("4930")
    await end(task, poor)

    assert history is not None
    assert history.turns[0].text == "Guten Tag"
    assert found is not None
    assert "CREATE SCHEMA IF NOT EXISTS voiceai AUTHORIZATION voiceai" in poor.advice


async def test_who_answered_last_answers_while_the_database_is_away(empty_dir: Path) -> None:
    server = EmbeddedPostgres(empty_dir)
    address = await server.open(owner=True)
    settings = settings_for(
        empty_dir,
        db_host=address.host, db_user=address.user, db_password=address.password, db_name="voiceai",
    )  # fmt: skip
    seeded = Store(settings_for(empty_dir), owner=False)
    await seeded.open()
    await seeded.close()
    store = Store(settings, owner=True)
    await store.open()
    first = await store.assistant_for("4920189098723")
    postmaster = postmaster_of(empty_dir)
    postmaster.send_signal(signal.SIGQUIT)  # it would wait for its clients
    await until(lambda: is_gone(postmaster), within=15)

    again = await store.assistant_for("+4920189098723")

    assert again == first
    assert store.problems() != []
    await store.close()
    await server.close()


async def test_an_embedded_server_that_is_killed_is_started_again(empty_dir: Path) -> None:
    store = Store(settings_for(empty_dir), owner=True)
    task = asyncio.ensure_future(store.run())
    await until_ready(store)
    await store.assistants()
    postmaster = postmaster_of(empty_dir)
    postmaster.send_signal(signal.SIGQUIT)

    await until(lambda: is_gone(postmaster), within=15)
    with contextlib.suppress(StoreUnavailable):
        await store.assistants()
    store.begin_call(CallRecord("c1", "49", START))
    await until_ready(store)
    await written(store)
    history = await store.call("c1")
    await end(task, store)

    assert history is not None


def postmaster_of(data_dir: Path) -> psutil.Process:
    """Return the database that runs for a data folder."""
    pid_file = data_dir / "postgres" / "postmaster.pid"
    return psutil.Process(int(pid_file.read_text().splitlines()[0]))


async def until_ready(store: Store) -> None:
    try:
        await until(lambda: not store.problems(), within=15)
    except TimeoutError:
        raise AssertionError(store.problems()) from None


async def end(task: "asyncio.Future[None]", store: Store | None) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    if store is not None:
        await store.close()
