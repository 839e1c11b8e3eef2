"""Transcripts are kept for so long; a caller is remembered, and forgotten when he asks."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from pipelines.spec import PipelineSpec
from tests.support.database import BARE, settings_for, users_settings
from tests.support.waiting import until
from voiceai.store.answering import Assistant
from voiceai.store.embedded import Address
from voiceai.store.records import CallRecord, Message, Turn
from voiceai.store.repository import Store

NOW = datetime.now(UTC)
ANNA = Assistant("a", "anna", ("4930",), PipelineSpec(name="anna"), version=3, canary=True)


def record(store: Store, call_id: str, caller: str | None, *, days: int = 0) -> None:
    at = NOW - timedelta(days=days)
    store.begin_call(CallRecord(call_id, "4930", at, caller=caller, caller_name="Anna"))
    store.answer_call(call_id, at, ANNA)
    store.add_turn(call_id, Turn(1, "caller", f"call {call_id}"))
    store.add_turn(call_id, Turn(2, "assistant", "Gut"))
    store.add_message(call_id, Message(1, "tool", {"name": "hangup"}))
    store.end_call(call_id, at, "caller_hung_up", {"mos": 4.2})


async def written(store: Store) -> None:
    await until(lambda: not store.waiting_records)


async def test_a_caller_is_erased_in_any_notation_and_the_skeleton_stays(store: Store) -> None:
    for call_id, caller in (
        ("c1", "+49 (0)170-1234"),
        ("c2", "00491701234"),
        ("c3", "+4917012345"),
    ):
        record(store, call_id, caller)

    erased = await store.erase("0049 170 1234")

    assert (erased.calls, erased.turns, erased.messages, erased.waiting) == (2, 4, 2, 0)
    calls = {call.id: call for call in await store.calls()}
    assert [calls[call_id].caller for call_id in ("c1", "c2", "c3")] == [None, None, "+4917012345"]
    assert calls["c1"].caller_name is None
    assert calls["c1"].end_reason == "caller_hung_up"
    assert calls["c1"].details == {"version": 3, "canary": True, "mos": 4.2}
    history = await store.call("c1")
    assert history is not None
    assert (history.turns, history.messages) == ((), ())
    kept = await store.call("c3")
    assert kept is not None
    assert len(kept.turns) == 2
    assert (await store.erase("+49 170 1234")).calls == 0


async def test_what_comes_late_of_an_erased_call_is_not_taken(store: Store) -> None:
    record(store, "c1", "+49170")
    await store.erase("+49170")

    record(store, "c1", "+49170")  # as from a disk
    store.add_turn("c1", Turn(3, "caller", "and one more thing"))
    await store.flush()

    history = await store.call("c1")
    assert history is not None
    assert (history.call.caller, history.turns) == (None, ())


async def test_what_a_living_process_has_on_disk_is_erased_by_another(
    database: asyncpg.Connection, store: Store, shared_dir: Path
) -> None:
    url = "postgresql://x@127.0.0.1:1/x"
    away = Store(settings_for(shared_dir, database_url=url), owner=True)
    record(away, "c1", "+49170")
    running = asyncio.ensure_future(away.run())
    await until(lambda: list((shared_dir / "history").glob("*.jsonl")))

    erased = await store.erase("49170")

    assert (erased.calls, erased.waiting) == (1, 3)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await away.close()
    later = Store(settings_for(shared_dir), owner=True)
    await later.open()
    await later.flush()
    history = await later.call("c1")
    await later.close()
    assert history is not None
    assert (history.call.caller, history.turns, history.call.assistant) == (None, (), "anna")


async def test_old_transcripts_go_at_the_start_and_new_ones_stay(
    database: asyncpg.Connection, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voiceai.store.erasure.BATCH", 2)
    monkeypatch.setattr("voiceai.store.call_log.PAUSE_SECONDS", 0.0)
    for n in range(5):
        record(store, f"old{n}", "+49170", days=91 + n)
    record(store, "new", "+49170", days=89)
    await store.flush()
    running = asyncio.ensure_future(store.run())
    try:
        async with asyncio.timeout(5):
            while await database.fetchval("SELECT count(*) FROM voiceai.turns") > 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    assert await database.fetchval("SELECT DISTINCT call_id FROM voiceai.turns") == "new"
    assert await database.fetchval("SELECT count(*) FROM voiceai.messages") == 1
    assert {call.caller for call in await store.calls()} == {"+49170"}


async def test_zero_days_keep_transcripts_for_ever(
    database: asyncpg.Connection, store: Store, shared_dir: Path
) -> None:
    for_ever = Store(settings_for(shared_dir, voiceai_transcript_days=0), owner=True)
    record(for_ever, "c1", "+49170", days=4000)
    running = asyncio.ensure_future(for_ever.run())
    async with asyncio.timeout(5):
        await for_ever.settled()
    await written(for_ever)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await for_ever.close()

    assert await database.fetchval("SELECT count(*) FROM voiceai.turns") == 2


async def test_a_returning_caller_is_remembered_newest_first(store: Store) -> None:
    record(store, "c1", "+49 170", days=3)
    record(store, "c2", "0049170", days=2)
    record(store, "c3", "+49170", days=1)
    record(store, "other", "+49171")
    store.begin_call(CallRecord("now", "4930", NOW, caller="+49170", assistant_id="a"))
    await store.flush()

    found = await store.last_conversations("49170", "a", 2)

    assert [earlier.turns for earlier in found] == [
        (("caller", "call c3"), ("assistant", "Gut")),
        (("caller", "call c2"), ("assistant", "Gut")),
    ]
    assert await store.last_conversations("49170", "b", 2) == []
    assert await store.last_conversations("49170", "a", 0) == []
    await store.erase("49170")
    assert await store.last_conversations("49170", "a", 2) == []


@pytest.mark.parametrize("caller", ["anonymous", "Anonymous", "", "unknown"])
async def test_callers_who_hide_their_number_are_not_taken_for_one(
    store: Store, caller: str
) -> None:
    record(store, "c1", caller)

    await store.flush()
    await store.erase(caller)

    assert await store.last_conversations(caller, "a", 5) == []
    history = await store.call("c1")
    assert history is not None
    assert len(history.turns) == 2


async def test_without_a_schema_of_ours_callers_are_erased_on_disk(
    database: asyncpg.Connection, shared_dir: Path, address: Address
) -> None:
    await database.execute(
        BARE + "CREATE SCHEMA voiceai; REVOKE ALL ON SCHEMA voiceai FROM voiceai"
    )
    poor = Store(users_settings(shared_dir, address), owner=True)
    await poor.open()
    record(poor, "c1", "+49170")

    erased = await poor.erase("49170")
    history = await poor.call("c1")
    await poor.close()

    assert (erased.calls, erased.waiting) == (1, 3)
    assert history is not None
    assert (history.call.caller, history.turns) == (None, ())
