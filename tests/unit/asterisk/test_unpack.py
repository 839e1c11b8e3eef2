"""Unpacked packages: filled once, nothing half done, and a reason where they cannot be had."""

import threading
from pathlib import Path

import pytest

from asterisk.unpack import PackagesUnavailable, ensure_folder, ensure_packages


def test_a_folder_is_filled_once_however_many_ask(tmp_path: Path) -> None:
    fillings: list[Path] = []
    found: list[Path] = []
    begin = threading.Barrier(4)

    def fill(root: Path) -> None:
        fillings.append(root)
        (root / "file").write_text("content")

    def ask() -> None:
        begin.wait()
        found.append(ensure_folder(tmp_path / "cache", "name", fill))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(fillings) == 1
    assert [(root / "file").read_text() for root in found] == ["content"] * 4


def test_a_filling_that_fails_leaves_nothing_and_is_tried_again(tmp_path: Path) -> None:
    def fail(root: Path) -> None:
        (root / "half").write_text("done")
        raise PackagesUnavailable("no network")

    with pytest.raises(PackagesUnavailable, match="no network"):
        ensure_folder(tmp_path, "name", fail)

    assert [path.name for path in tmp_path.iterdir()] == [".name.lock"]
    assert list(ensure_folder(tmp_path, "name", lambda _: None).iterdir()) == []


def test_only_the_folder_s_own_files_are_touched(tmp_path: Path) -> None:
    (tmp_path / "of-the-user").write_text("kept")

    ensure_folder(tmp_path, "name", lambda root: (root / "file").touch())

    assert (tmp_path / "of-the-user").read_text() == "kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".name.lock", "name", "of-the-user"]


def test_the_answer_is_absolute_wherever_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative cache once made commands that failed from any other folder."""
    monkeypatch.chdir(tmp_path)

    assert ensure_folder(Path("cache"), "name", lambda _: None) == tmp_path / "cache/name/root"


def test_a_cache_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(PackagesUnavailable, match=r"cannot write the cache folder .*/file/cache"):
        ensure_folder(tmp_path / "file" / "cache", "name", lambda _: None)


def test_without_apt_the_reason_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(PackagesUnavailable, match="apt-get and dpkg-deb not found"):
        ensure_packages(tmp_path / "cache", "bookworm", "main", ["anything"])


def test_other_packages_have_another_folder(tmp_path: Path) -> None:
    """Found by name and not by content, so nothing is fetched here."""
    keys = {
        ensure_folder(tmp_path, name, lambda _: None) for name in ("sid-a-1", "sid-a-2", "sid-a-1")
    }

    assert len(keys) == 2
