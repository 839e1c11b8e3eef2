"""What the doctor says of this machine, without asking it."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from voiceai.checks import media_finding, recordings_finding


def test_a_media_process_of_the_realtime_class_is_well() -> None:
    found = media_finding("process", lambda: "SCHED_FIFO 20")

    assert (found.level, found.message) == ("ok", "a process of its own, SCHED_FIFO 20")


@pytest.mark.parametrize("scheduling", ["normal", "nice -10"])
def test_any_other_class_is_a_warning_with_its_remedy(scheduling: str) -> None:
    found = media_finding("process", lambda: scheduling)

    assert found.level == "warn"
    assert scheduling in found.message
    assert "LimitRTPRIO=20" in found.fix
    assert "SYS_NICE" in found.fix


def test_audio_in_the_process_of_the_calls_is_a_warning() -> None:
    found = media_finding("inline", lambda: "SCHED_FIFO 20")

    assert (found.level, found.fix) == ("warn", "Set VOICEAI_MEDIA=process.")


def test_recordings_need_a_folder_that_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "recordings").touch()
    found = recordings_finding(tmp_path)
    assert (found.check, found.level) == ("recordings", "fail")
    assert "File exists" in found.message


@pytest.mark.parametrize(("free_hours", "level"), [(1000, "ok"), (3, "warn")])
def test_recordings_need_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_hours: int, level: str
) -> None:
    free = free_hours * 3600 * 16_000
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))

    found = recordings_finding(tmp_path)

    assert found.level == level
    assert found.message.endswith(f"recordings has room for {free_hours} hours")
    assert list((tmp_path / "recordings").iterdir()) == []
