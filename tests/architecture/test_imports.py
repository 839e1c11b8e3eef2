"""Who may import whom: the contracts of ``pyproject.toml`` hold, and each of them can fail."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

BREACHES = {
    "voiceai composes three packages that do not know each other": (
        "transports/udp/breach.py",
        "import asterisk.ari",
    ),
    "Cores do no I/O and read no clock": ("transports/rtp/breach.py", "import asyncio"),
    "Fakes are servers that know none of their clients": (
        "voiceai/fakes/breach.py",
        "import openai",
    ),
    "transports: adapter over engine over placement over socket over protocol over signal": (
        "transports/audio/breach.py",
        "import transports.rtp.packet",
    ),
}
"""By contract: a file that breaks it, and the line that does."""


def check_contracts(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        env={"PATH": "", "PYTHONPATH": str(folder), "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )


@pytest.fixture
def project_copy(root: Path, packages: tuple[str, ...], tmp_path: Path) -> Path:
    for package in packages:
        shutil.copytree(
            root / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(root / "pyproject.toml", tmp_path)
    return tmp_path


def contracts(root: Path) -> list[dict[str, Any]]:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = project["tool"]["importlinter"]["contracts"]
    return found


def test_every_import_contract_holds(root: Path) -> None:
    outcome = check_contracts(root)

    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_every_contract_has_a_breach(root: Path) -> None:
    assert {contract["name"] for contract in contracts(root)} == set(BREACHES)


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_is_found_and_named(name: str, project_copy: Path) -> None:
    path, line = BREACHES[name]
    (project_copy / path).write_text(line + "\n", encoding="utf-8")

    outcome = check_contracts(project_copy)

    assert outcome.returncode != 0
    assert f"{name} BROKEN" in outcome.stdout
    assert path.removesuffix(".py").replace("/", ".") in outcome.stdout
