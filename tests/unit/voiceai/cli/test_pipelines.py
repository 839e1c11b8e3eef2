"""``voiceai pipelines``: what it writes, and its exit codes."""

import json
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner, Result

from pipelines.loader import LIBRARY
from voiceai.cli.pipelines import app
from voiceai.settings import Settings

GOOD = "name: mine\nextends: local-en\ngreeting: Hi there.\ntools: [hangup, sales]\n"
STEPS = """
name: mine
extends: local-en
flow:
  name: tea
  start: ask
  nodes:
    ask:
      functions:
        order:
          description: The caller orders.
          parameters: {tea: {description: Which, enum: [green, black]}}
          next: {by: tea, cases: {green: done}, otherwise: ask}
    done: {say: Goodbye., then: hangup}
"""
WRONG = "name: wrong\nextends: mine\nllm: {service: skripted}\n"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without settings of the machine's own, and without keys."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("VOICEAI_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr("voiceai.cli.pipelines.configure_logging", lambda *_, **__: None)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "pipelines"
    (folder / "tools").mkdir(parents=True)
    (folder / "mine.yaml").write_text(GOOD)
    (folder / "tools" / "sales.yaml").write_text('transfer: {to: "101"}\n')
    monkeypatch.setenv("VOICEAI_PIPELINES", str(folder))
    return folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def test_the_list_has_the_shipped_ones_and_the_operators_own(folder: Path) -> None:
    listed = {row["name"]: row for row in json.loads(run("list", "--json").stdout)}

    assert listed["mine"]["from"] == str(folder / "mine.yaml")
    assert (listed["mine"]["extends"], listed["mine"]["stt"]) == ("local-en", "moonshine")
    assert {path.stem for path in LIBRARY.glob("*.yaml")} < set(listed)
    assert listed["echo-de"]["from"] == "shipped"


def test_the_list_goes_on_after_a_pipeline_that_is_wrong(folder: Path) -> None:
    (folder / "mine.yaml").write_text(GOOD.replace("local-en", "lokal-en"))

    result = run("list", "--json")
    listed = {row["name"]: row for row in json.loads(result.stdout)}

    assert "did you mean 'local-en'?" in listed["mine"]["problem"]
    assert listed["echo-de"]["problem"] is None
    assert result.exit_code == 0


@pytest.mark.usefixtures("folder")
def test_a_pipeline_is_shown_as_it_is_written_and_as_it_is_used() -> None:
    written, used = run("show", "mine"), run("show", "mine", "--resolved")
    data = json.loads(run("show", "mine", "--resolved", "--json").stdout)

    assert written.stdout == GOOD
    assert "extends" not in used.stdout
    assert "service: moonshine" in used.stdout
    assert data["tools"][1]["transfer"]["to"] == "101"
    assert json.loads(run("show", "mine", "--json").stdout)["extends"] == "local-en"


def test_an_unknown_name_has_its_nearest() -> None:
    result = run("show", "ecko-de")

    assert result.exit_code == 1
    assert "did you mean 'echo-de'?" in result.stderr


def test_everything_shipped_is_valid_and_a_missing_key_is_a_hint() -> None:
    result = run("validate", "--json")

    findings = json.loads(result.stdout)
    assert result.exit_code == 0
    assert {finding["severity"] for finding in findings} == {"hint"}
    assert "set MISTRAL_API_KEY" in {finding["fix"] for finding in findings}


def test_a_mistake_has_its_place_and_fails(folder: Path) -> None:
    file = folder / "wrong.yaml"
    file.write_text(WRONG)

    result = run("validate")
    alone = json.loads(run("validate", str(file), "--json").stdout)

    place = f"error: {file}:3:16: llm.service: there is no service 'skripted'"
    assert f"{place}; did you mean 'scripted'?\n" in result.stdout
    assert result.exit_code == 1
    errors = [each for each in alone if each["severity"] == "error"]
    assert [(each["line"], each["column"], each["nearest"]) for each in errors] == [
        (3, 16, "scripted")
    ]


def test_a_folder_of_any_place_is_checked_with_its_tools(tmp_path: Path, folder: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    folder.rename(elsewhere)
    folder.mkdir()

    assert run("validate", str(elsewhere)).exit_code == 0
    assert run("validate", str(elsewhere / "mine.yaml")).exit_code == 0
    assert run("validate", "mine").exit_code == 1


def test_the_file_of_a_tool_is_checked_as_one(folder: Path) -> None:
    good, wrong = folder / "tools" / "sales.yaml", folder / "tools" / "ask.yaml"
    wrong.write_text("transfer: {too: '101'}\n")

    [finding] = json.loads(run("validate", str(wrong), "--json").stdout)

    assert run("validate", str(good)).exit_code == 0
    assert (finding["line"], finding["column"], finding["nearest"]) == (1, 12, "to")


@pytest.mark.usefixtures("folder")
def test_the_graph_is_text_data_and_a_picture(tmp_path: Path) -> None:
    picture = tmp_path / "mine.svg"

    drawn = run("graph", "mine").stdout
    stages = [
        stage["name"] for stage in json.loads(run("graph", "mine", "--json").stdout)["stages"]
    ]
    result = run("graph", "mine", "--svg", str(picture))

    assert stages[:3] == ["input", "stt", "digits"]
    words = "".join(ET.parse(picture).getroot().itertext())  # noqa: S314 - made by ourselves
    for word in (
        "moonshine",
        "Turn model smart-turn",
        "tools: hangup, transfer",
        "first: Hi there.",
    ):
        assert word in drawn
        assert word in words
    assert (result.exit_code, result.stdout) == (0, "")


def test_the_steps_of_a_flow_are_drawn_with_what_leads_where(tmp_path: Path, folder: Path) -> None:
    (folder / "mine.yaml").write_text(STEPS)
    picture = tmp_path / "mine.svg"

    drawn = run("graph", "mine").stdout
    steps = json.loads(run("graph", "mine", "--json").stdout)["steps"]
    run("graph", "mine", "--svg", str(picture))

    assert [line.strip() for line in drawn.partition("in steps:")[2].splitlines() if line] == [
        "● ask  first",
        "order → done, ask",
        "● done  then hangup",
    ]
    assert steps[0]["ways"] == [{"title": "order", "to": ["done", "ask"]}]
    root = ET.parse(picture).getroot()  # noqa: S314 - made by ourselves
    words = "".join(root.itertext())
    assert "In steps" in words
    assert "then hangup" in words
    assert len(root.findall("{*}path")) == 2


def test_the_file_of_a_flow_is_checked_as_one(folder: Path) -> None:
    (folder / "flows").mkdir()
    good, wrong = folder / "flows" / "good.yaml", folder / "flows" / "wrong.yaml"
    good.write_text("name: a\nstart: here\nnodes: {here: {say: Hello.}}\n")
    wrong.write_text("name: a\nstart: here\nnodes: {here: {sae: Hello.}}\n")

    [finding] = json.loads(run("validate", str(wrong), "--json").stdout)

    assert run("validate", str(good)).exit_code == 0
    assert (finding["line"], finding["column"], finding["nearest"]) == (3, 16, "say")


def test_a_picture_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    result = run("graph", "echo-de", "--svg", str(tmp_path / "none" / "a.svg"))

    assert result.exit_code == 1
    assert "No such file or directory" in result.stderr


def test_the_schema_is_json() -> None:
    assert json.loads(run("schema").stdout)["title"] == "voiceai pipeline"
