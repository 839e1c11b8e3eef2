"""What waits on disk is erased there, in the files of living processes too."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from voiceai.store.history import HistoryFile, erase_caller, read_history, remove_old
from voiceai.store.records import Entry, Op

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def call(call_id: str, caller: str, began: datetime = NOW) -> list[Entry]:
    values = {"number": "49", "caller": caller, "caller_name": "Anna"}
    values["started_at"] = began.isoformat()
    return [
        Entry(Op.BEGIN, call_id, values),
        Entry(Op.TURN, call_id, {"n": 1, "role": "caller", "text": f"I am {caller}"}),
        Entry(Op.MESSAGE, call_id, {"n": 1, "kind": "tool", "content": {"said": caller}}),
        Entry(Op.END, call_id, {"ended_at": began.isoformat(), "end_reason": "done"}),
    ]


def living(folder: Path, name: str, entries: Sequence[Entry]) -> HistoryFile:
    file = HistoryFile(folder, name)
    file.append(entries)
    return file


def on_disk(folder: Path) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.jsonl")))


def test_a_caller_is_erased_in_any_notation_and_the_skeleton_of_the_call_stays(
    tmp_path: Path,
) -> None:
    file = living(tmp_path, "p", [*call("c1", "+49 170/12 34"), *call("c2", "0049170999")])

    assert erase_caller(tmp_path, "491701234") == ({"c1"}, 2)
    file.append(call("c3", "+49170777"))  # by the process that has it open

    found = {history.call.id: history for history in read_history(tmp_path)}
    assert (found["c1"].call.caller, found["c1"].call.caller_name) == (None, None)
    assert (found["c1"].turns, found["c1"].messages) == ((), ())
    assert found["c1"].call.end_reason == "done"
    assert [turn.text for turn in found["c2"].turns] == ["I am 0049170999"]
    assert len(found["c3"].turns) == 1
    assert "170/12 34" not in on_disk(tmp_path)
    file.close()


def test_calls_that_are_known_to_be_the_callers_lose_what_waits_of_them(tmp_path: Path) -> None:
    """Their beginning is in the database already."""
    _, *rest = call("c1", "+49170")
    file = living(tmp_path, "p", rest)

    assert erase_caller(tmp_path, "49170", ["c1"]) == (set(), 2)
    assert "I am" not in on_disk(tmp_path)
    file.close()


def test_what_an_erased_call_says_later_is_not_shown(tmp_path: Path) -> None:
    begin, said, *_ = call("c1", "+49170")
    file = living(tmp_path, "p", [begin])

    erase_caller(tmp_path, "49170")
    file.append([said])

    [history] = read_history(tmp_path)
    assert history.turns == ()
    file.close()


def test_old_transcripts_are_removed_once_and_the_numbers_stay(tmp_path: Path) -> None:
    old = NOW - timedelta(days=100)
    file = living(tmp_path, "p", [*call("c1", "+49170", old), *call("c2", "+49171")])

    assert remove_old(tmp_path, NOW - timedelta(days=90)) == 1
    assert remove_old(tmp_path, NOW - timedelta(days=90)) == 0

    found = {history.call.id: history for history in read_history(tmp_path)}
    assert (found["c1"].turns, found["c1"].call.caller) == ((), "+49170")
    assert len(found["c2"].turns) == 1
    assert erase_caller(tmp_path, "49170")[0] == {"c1"}
    assert "+49170" not in on_disk(tmp_path).replace("+49171", "")
    file.close()


def test_without_a_folder_there_is_nothing_to_erase(tmp_path: Path) -> None:
    assert erase_caller(tmp_path / "none", "49") == (set(), 0)
    assert remove_old(tmp_path / "none", NOW) == 0
