"""``make install`` does nothing twice, and names what is missing with the way to mend it."""

import shutil
import subprocess
from pathlib import Path

import pytest

SYSTEM = (
    "awk",
    "basename",
    "bash",
    "cat",
    "chmod",
    "cp",
    "dirname",
    "env",
    "id",
    "mkdir",
    "mktemp",
    "rm",
    "sha256sum",
    "tail",
)


@pytest.fixture
def bare_machine(root: Path, tmp_path: Path) -> Path:
    """The project's install script on a machine with nothing but a shell; its programs in bin/."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(root / "scripts" / "install.sh", tmp_path / "scripts")
    for name in ("pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(root / name, tmp_path)
    shutil.copy(root / "requirements-models.lock", tmp_path)
    (tmp_path / "bin").mkdir()
    for name in SYSTEM:
        program = shutil.which(name)
        assert program, f"this machine has no {name}"
        (tmp_path / "bin" / name).symlink_to(program)
    return tmp_path


def add_program(folder: Path, name: str, script: str) -> None:
    path = folder / "bin" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{shutil.which('bash')}\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def install(folder: Path, part: str = "all") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "scripts/install.sh", part],
        cwd=folder,
        env={"PATH": str(folder / "bin"), "HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_a_missing_python_is_named_with_the_line_that_mends_it(bare_machine: Path) -> None:
    outcome = install(bare_machine)

    assert outcome.returncode == 1
    assert "Python 3.11, 3.12 or 3.13 is needed; python3 is none" in outcome.stderr
    assert "mend it with: sudo apt-get install -y python3.11 python3.11-venv" in outcome.stderr


def test_a_python_that_is_too_old_is_named(bare_machine: Path) -> None:
    add_program(bare_machine, "python3", "[[ $2 == *exit* ]] && exit 1; echo 3.9")

    outcome = install(bare_machine)

    assert outcome.returncode == 1
    assert "python3 is 3.9" in outcome.stderr


def test_missing_programs_stop_nothing_and_are_named(bare_machine: Path) -> None:
    outcome = install(bare_machine)

    assert "could not install sip-tester sox espeak-ng" in outcome.stderr
    assert "mend it with: sudo apt-get install -y sip-tester sox espeak-ng" in outcome.stderr


def test_a_missing_venv_module_is_named_with_the_line_that_mends_it(bare_machine: Path) -> None:
    add_program(
        bare_machine,
        "python3.12",
        "[[ $2 == *ensurepip* ]] && exit 1; [[ $2 == *exit* ]] || echo 3.12",
    )

    outcome = install(bare_machine)

    assert outcome.returncode == 1
    assert "Python 3.12 cannot make a virtual environment" in outcome.stderr
    assert "mend it with: sudo apt-get install -y python3.12-venv" in outcome.stderr


def test_a_model_that_is_gone_disables_one_pipeline_and_stops_nothing(bare_machine: Path) -> None:
    python = bare_machine / ".venv"
    add_program(python, "python", '[[ "$*" == *moonshine* ]] && { echo gone; exit 1; }; exit 0')

    outcome = install(bare_machine, "models")

    assert outcome.returncode == 0
    assert "moonshine-voice is not to be had: English speech recognition" in outcome.stderr
    assert "to try again: make models" in outcome.stderr
    assert "hibari-tts is not to be had" not in outcome.stderr


def test_nothing_is_done_twice(bare_machine: Path) -> None:
    for program in ("sipp", "sox", "espeak-ng"):
        add_program(bare_machine, program, "exit 1")
    add_program(
        bare_machine,
        "python3.11",
        """case "$*" in
          "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
          *print*) echo 3.11 ;;
        esac""",
    )

    first, second = install(bare_machine), install(bare_machine)

    assert (first.returncode, second.returncode) == (0, 0)
    assert "packages of requirements.lock" in first.stderr
    assert second.stderr == ""


def test_a_python_that_was_built_better_is_taken(bare_machine: Path) -> None:
    plain = "[[ $2 == */interpreter.py ]] && exit 1; [[ $2 == *exit* ]] || echo 3.11; exit 0"
    add_program(bare_machine, "python3.11", plain)
    assert "virtual environment, Python 3.11" in install(bare_machine).stderr

    add_program(bare_machine, "python3.12", "[[ $2 == *exit* ]] || echo 3.12; exit 0")
    assert "virtual environment, Python 3.12" in install(bare_machine).stderr


def test_a_changed_lock_is_installed(bare_machine: Path) -> None:
    test_nothing_is_done_twice(bare_machine)
    with (bare_machine / "requirements.lock").open("a", encoding="utf-8") as lock:
        lock.write("# changed\n")

    assert "packages of requirements.lock" in install(bare_machine).stderr
