"""``assistants`` and ``calls`` as an operator types them, in this process."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from loguru import logger
from typer.testing import CliRunner, Result

from voiceai.cli.main import app

SOMMER = "name: sommer\nextends: local-de\ngreeting: Guten Tag  # said first\n"

Voiceai = Callable[..., Result]


@pytest.fixture
def voiceai(shared_dir: Path, database: object) -> Iterator[Voiceai]:
    """Run a command on the shared data folder."""

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, arguments, env={"VOICEAI_DATA_DIR": str(shared_dir)})

    yield run
    logger.remove()
    logger.add(sys.stderr)


@pytest.fixture
def sommer(voiceai: Voiceai, tmp_path: Path) -> Path:
    """A file that was imported, changed and imported again."""
    file = tmp_path / "sommer.yaml"
    for text in (SOMMER, SOMMER.replace("Guten Tag", "Moin")):
        file.write_text(text, encoding="utf-8")
        assert voiceai("assistants", "import", str(file)).exit_code == 0
    return file


@pytest.mark.usefixtures("sommer")
def test_versions_are_listed_compared_and_rolled_back(voiceai: Voiceai) -> None:
    compared = json.loads(voiceai("assistants", "diff", "sommer", "--json").stdout)
    back = json.loads(voiceai("assistants", "rollback", "sommer", "1", "--json").stdout)
    listed = json.loads(voiceai("assistants", "versions", "sommer", "--json").stdout)

    assert compared["diff"][-2:] == [
        "-greeting: Guten Tag  # said first",
        "+greeting: Moin  # said first",
    ]
    assert back == {"name": "sommer", "restored": 1, "version": 3}
    assert [(found["version"], found["origin"]) for found in listed] == [
        (3, "rollback"), (2, "import"), (1, "import"),
    ]  # fmt: skip
    assert "-greeting: Moin" in voiceai("assistants", "diff", "sommer").stdout
    assert voiceai("assistants", "versions", "sommer").exit_code == 0


def test_an_export_is_what_was_imported(voiceai: Voiceai, sommer: Path, tmp_path: Path) -> None:
    file = tmp_path / "out.yaml"

    written = voiceai("assistants", "export", "sommer", "-o", str(file))
    shown = voiceai("assistants", "export", "sommer")

    assert written.exit_code == 0
    assert file.read_text(encoding="utf-8") == sommer.read_text(encoding="utf-8") == shown.stdout


def test_a_canary_is_set_seen_and_called_off(voiceai: Voiceai, sommer: Path) -> None:
    staged = voiceai("assistants", "import", str(sommer), "--stage", "--json")
    version = str(json.loads(staged.stdout)["version"])

    set_up = voiceai("assistants", "canary", "sommer", version, "--percent", "5", "--json")
    listed = json.loads(voiceai("assistants", "list", "--json").stdout)
    ended = voiceai("assistants", "canary", "sommer", "--off", "--json")

    assert json.loads(set_up.stdout) == {"name": "sommer", "version": 3, "percent": 5}
    canaries = {entry["name"]: entry["canary"] for entry in listed}
    assert canaries["sommer"] == {"version": 3, "percent": 5}
    assert json.loads(ended.stdout) == {"name": "sommer", "ended": True}


def test_the_tables_tell_of_changes_once_they_have_our_triggers(voiceai: Voiceai) -> None:
    removed = voiceai("assistants", "watch", "--remove", "--json")
    asked = voiceai("assistants", "watch", "--json")
    applied = voiceai("assistants", "watch", "--apply", "--json")

    assert json.loads(removed.stdout) == {"noticed_by": "poll", "triggers": 0}
    assert json.loads(asked.stdout) == {"noticed_by": "poll", "triggers": 0}
    assert json.loads(applied.stdout) == {"noticed_by": "triggers", "triggers": 2}


def test_a_caller_is_erased_only_after_a_yes(voiceai: Voiceai) -> None:
    assert voiceai("calls", "erase", "+49 170").exit_code == 2
    erased = voiceai("calls", "erase", "+49 170", "--yes", "--json")

    assert json.loads(erased.stdout) == dict.fromkeys(
        ("calls", "turns", "messages", "waiting", "recordings"), 0
    )


@pytest.mark.usefixtures("sommer")
@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["assistants", "export", "somer"], 1, "did you mean sommer"),
        (["assistants", "rollback", "sommer", "9"], 1, "it has 1 to 2"),
        (["assistants", "canary", "sommer", "9", "--percent", "5"], 1, "no version 9"),
        (["assistants", "canary", "sommer", "1"], 2, "--percent"),
        (["assistants", "canary", "sommer", "1", "--percent", "0"], 2, "--percent"),
        (["assistants", "canary", "sommer", "--off", "--percent", "5"], 2, "--off"),
        (["assistants", "watch", "--apply", "--remove"], 2, "exclude"),
        (["calls", "erase", "Anna", "--yes"], 1, "not a telephone number"),
    ],
)
def test_a_mistake_is_told_with_the_way_out(
    voiceai: Voiceai, arguments: list[str], code: int, told: str
) -> None:
    result = voiceai(*arguments)

    assert result.exit_code == code
    assert told in result.stderr
