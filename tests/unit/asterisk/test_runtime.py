"""Finding an Asterisk: which program, through which loader, and why not."""

import struct
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asterisk import runtime
from asterisk.runtime import AsteriskUnavailable, ensure_asterisk, find_installed, read_interpreter
from asterisk.unpack import PackagesUnavailable

LOADER = "/lib64/ld-linux-x86-64.so.2"


def program(*, kind: int = 3, loader: bytes = LOADER.encode() + b"\0") -> bytes:
    """Return a program of one header (System V ABI), which names a loader."""
    header = b"\x7fELF\x02\x01".ljust(32, b"\0") + struct.pack("<Q14xHH", 64, 56, 1)
    entry = struct.pack("<I4xQ16xQ", kind, 120, len(loader))
    return header.ljust(64, b"\0") + entry.ljust(56, b"\0") + loader


def own_asterisk(folder: Path, version: str) -> None:
    """Put a program on PATH that says it is this version."""
    path = folder / "asterisk"
    path.write_text(f"#!/bin/sh\necho 'Asterisk {version}'\n")
    path.chmod(0o755)


def test_reads_the_loader_of_a_program(tmp_path: Path) -> None:
    (tmp_path / "program").write_bytes(program())

    assert read_interpreter(tmp_path / "program") == Path(LOADER)


@pytest.mark.skipif(sys.platform != "linux", reason="an ELF program is needed")
def test_reads_the_loader_of_a_real_program() -> None:
    assert read_interpreter(Path("/bin/sh").resolve()).exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"#!/bin/sh\n", "no 64-bit little-endian ELF program"),
        (program()[:70], "cannot be read as a program"),
        (program(kind=1), "names no dynamic loader"),
        (program(loader=b"\xff\0"), "cannot be read as a program"),
    ],
)
def test_what_is_no_program_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "program").write_bytes(content)

    with pytest.raises(AsteriskUnavailable, match=reason):
        read_interpreter(tmp_path / "program")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=64), st.integers(0, 130))
def test_no_bytes_raise_anything_else(tmp_path: Path, noise: bytes, place: int) -> None:
    whole = program()
    (tmp_path / "program").write_bytes(whole[:place] + noise + whole[place + len(noise) :])

    try:
        read_interpreter(tmp_path / "program")
    except AsteriskUnavailable:
        return


@pytest.mark.parametrize("version", ["20.9.0", "16.28.0~dfsg", "GIT-master-1234", ""])
def test_an_installed_asterisk_of_another_release_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    own_asterisk(tmp_path, version)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")

    assert find_installed() is None


def test_where_none_can_be_had_the_reason_and_the_way_out_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(*_: object) -> Path:
        raise PackagesUnavailable("no mirror of apt gives the Debian suite sid")

    monkeypatch.setattr(runtime, "ensure_folder", unavailable)
    monkeypatch.setattr(runtime, "find_installed", lambda: None)

    with pytest.raises(AsteriskUnavailable, match=r"no mirror .* Install Asterisk 22, or go"):
        ensure_asterisk(tmp_path)
