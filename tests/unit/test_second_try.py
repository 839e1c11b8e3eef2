"""A second try forgives two tests of a run, and says how they failed at first."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"

FAILS_AT_FIRST = """
import pathlib
import pytest

@pytest.mark.parametrize("number", range({count}))
def test_it(number):
    tried = pathlib.Path(__file__).with_suffix(f".{{number}}")
    if not tried.exists():
        tried.touch()
        raise OSError("the line was dead")
"""


def run(folder: Path, count: int) -> subprocess.CompletedProcess[str]:
    """Run so many tests of a folder, each of which fails at first."""
    folder.mkdir(parents=True)
    shutil.copy(CONFTEST, folder.parent)
    (folder / "test_it.py").write_text(FAILS_AT_FIRST.format(count=count))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        f"--rootdir={folder.parent}",
    ]
    return subprocess.run(
        [*command, str(folder)], cwd=folder, capture_output=True, text=True, check=False, timeout=50
    )


@pytest.mark.parametrize(("count", "status"), [(2, 0), (3, 1)])
def test_two_of_a_run_are_forgiven_and_shown_and_a_third_is_not(
    tmp_path: Path, count: int, status: int
) -> None:
    ran = run(tmp_path / "tests" / "system", count)

    assert f"{count} passed, {count} rerun" in ran.stdout
    assert f"failed at first: {count}, at most 2 allowed" in ran.stdout
    assert ran.stdout.count("OSError: the line was dead") == count
    assert ran.returncode == status


def test_without_real_time_there_is_no_second_try(tmp_path: Path) -> None:
    ran = run(tmp_path / "tests" / "unit", 1)

    assert "1 failed" in ran.stdout
    assert ran.returncode == 1
