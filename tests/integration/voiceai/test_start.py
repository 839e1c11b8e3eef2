"""`serve` with settings that this machine cannot have: one line, exit code 2, no traceback."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]


def serve(data_dir: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "voiceai", "serve"],
        env={
            **kept,
            "PYTHONPATH": str(PROJECT),
            "VOICEAI_DATA_DIR": str(data_dir),
            "ARI_USERNAME": "voiceai",
            "ARI_PASSWORD": "secret",
            "HTTP_PORT": "0",
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def told(done: subprocess.CompletedProcess[str]) -> str:
    """Return the line that an operator is told."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    [line] = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return line


def test_a_port_that_is_taken_is_named(data_dir: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        line = told(serve(data_dir, HTTP_PORT=str(port)))

    assert f"HTTP_PORT={port}" in line
    assert "address already in use" in line


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "data"

    line = told(serve(folder))

    assert f"VOICEAI_DATA_DIR={folder}" in line


@pytest.mark.parametrize(
    "variables", [{"RTP_HOST": "192.0.2.7"}, {"RTP_HOST": "127.0.0.1", "RTP_BIND": "192.0.2.7"}]
)
def test_an_audio_address_of_another_machine_is_named(
    data_dir: Path, variables: dict[str, str]
) -> None:
    line = told(serve(data_dir, **variables))

    assert "192.0.2.7: it is not an address of this machine" in line
    assert "RTP_BIND=0.0.0.0" in line
