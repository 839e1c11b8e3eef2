"""The folder of recordings: who may read it, and what is deleted when."""

import os
import stat
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from voiceai.recording.folder import Recorded, RecordingFolder

DAY = date(2026, 11, 23)
FIRST = Recorded("4f0c", DAY, 30)


def make(folder: RecordingFolder, *files: Recorded) -> None:
    for file in files:
        os.close(folder.create(file))


def found(folder: RecordingFolder) -> set[str]:
    return {path.name for path in folder.root.glob("*/*")}


@pytest.fixture
def folder(tmp_path: Path) -> RecordingFolder:
    return RecordingFolder(tmp_path / "data")


def test_only_its_owner_may_read_a_recording(folder: RecordingFolder) -> None:
    make(folder, FIRST)

    path = folder.root / "2026-11-23" / "4f0c_30d.wav"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.root.stat().st_mode) == 0o700


def test_a_recording_never_replaces_another(folder: RecordingFolder) -> None:
    make(folder, FIRST)

    with pytest.raises(FileExistsError):
        folder.create(FIRST)


def test_a_recording_is_there_on_its_last_day_and_gone_on_the_next(folder: RecordingFolder) -> None:
    make(folder, FIRST, Recorded("9a", DAY, 60))

    assert folder.remove_expired(datetime(2026, 12, 23, 23, 59, tzinfo=UTC)) == set()
    assert folder.remove_expired(datetime(2026, 12, 24, tzinfo=UTC)) == {"4f0c"}

    assert found(folder) == {"9a_60d.wav"}


def test_recordings_of_calls_are_removed_and_their_empty_days(folder: RecordingFolder) -> None:
    make(folder, FIRST, Recorded("9a", date(2026, 11, 24), 30), Recorded("9b", DAY, 1))

    assert folder.remove_calls({"9a", "9b", "none"}) == {"9a", "9b"}

    assert found(folder) == {"4f0c_30d.wav"}
    assert not (folder.root / "2026-11-24").exists()


def test_files_of_others_are_left_alone(folder: RecordingFolder) -> None:
    make(folder, FIRST)
    (folder.root / "2026-11-23" / "notes.wav").touch()
    (folder.root / "keep").mkdir()
    (folder.root / "keep" / "4f0c_30d.wav").touch()

    folder.remove_expired(datetime(2030, 1, 1, tzinfo=UTC))
    folder.remove_calls({"4f0c"})

    assert found(folder) == {"notes.wav", "4f0c_30d.wav"}


def test_a_file_that_would_be_kept_beyond_the_calendar_is_not_ours(folder: RecordingFolder) -> None:
    make(folder, FIRST)
    (folder.root / "9999-12-31").mkdir()
    (folder.root / "9999-12-31" / "x_30d.wav").touch()

    assert folder.remove_expired(datetime(2030, 1, 1, tzinfo=UTC)) == {"4f0c"}
    assert folder.remove_calls({"x"}) == set()

    assert found(folder) == {"x_30d.wav"}


def test_without_a_folder_nothing_is_removed(folder: RecordingFolder) -> None:
    assert folder.remove_calls({"4f0c"}) == set()
    assert folder.remove_expired(datetime(2030, 1, 1, tzinfo=UTC)) == set()


def test_a_path_of_a_record_leads_to_its_file(folder: RecordingFolder) -> None:
    assert FIRST.path == "recordings/2026-11-23/4f0c_30d.wav"
    assert folder.place(FIRST.path) == folder.root / "2026-11-23" / "4f0c_30d.wav"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "None",
        "recordings/../token",
        "recordings/2026-11-23/../../token",
        "recordings/2026-11-23/4f0c.wav",
        "recordings/2026-13-23/4f0c_30d.wav",
        "other/2026-11-23/4f0c_30d.wav",
        "/recordings/2026-11-23/4f0c_30d.wav",
        "recordings/2026-11-23/a/b_30d.wav",
    ],
)
def test_no_other_path_leads_anywhere(folder: RecordingFolder, path: str) -> None:
    assert folder.place(path) is None


def test_a_file_that_cannot_be_deleted_keeps_no_other(folder: RecordingFolder) -> None:
    """It kept all that came after it, in each hour anew."""
    (folder.root / FIRST.name).mkdir(parents=True)
    make(folder, Recorded("9a", DAY, 30), Recorded("9b", date(2026, 11, 24), 30))

    with pytest.raises(OSError, match="4f0c_30d"):
        folder.remove_expired(datetime(2030, 1, 1, tzinfo=UTC))

    assert found(folder) == {"4f0c_30d.wav"}
