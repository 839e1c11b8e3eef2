"""``chat`` as it is used: lines from a pipe, an assistant of a file, a pipeline or the store."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.support.database import settings_for
from voiceai.cli.chat import find_spec
from voiceai.cli.main import app
from voiceai.errors import UnknownAssistant
from voiceai.store.embedded import EmbeddedPostgres
from voiceai.store.repository import open_store

PROJECT = Path(__file__).resolve().parents[3]
LINES = "Bread with nuts\n/digits x\n/weather\n\nBye\nAnybody?\n"
SHOP = PROJECT / "examples/opening-hours/opening-hours.yaml"


def chat(folder: Path, lines: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "voiceai", "chat", *arguments],
        env={**kept, "VOICEAI_DATA_DIR": str(folder), "PYTHONPATH": str(PROJECT)},
        cwd=folder,
        input=lines,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_conversation_through_a_pipe_is_shown_and_ends_with_the_hang_up(tmp_path: Path) -> None:
    done = chat(tmp_path, LINES, str(SHOP), "--json")
    told = json.loads(done.stdout)

    assert done.returncode == 0
    assert [(turn["role"], turn["text"]) for turn in told["turns"]] == [
        (
            "assistant",
            "You are speaking with an AI. Hello, this is the bakery. How can I help you?",
        ),
        ("caller", "Bread with nuts"),
        ("assistant", "Yes, we have bread with nuts."),
        ("caller", "Bye"),
        ("assistant", "Goodbye."),
    ]
    assert told["ending"] == "hangup"
    shown = done.stderr.splitlines()
    assert "you  Bread with nuts" in shown
    assert any(line.startswith("assistant  Yes, we have bread") for line in shown)
    assert any("/digits takes" in line for line in shown)
    assert any("there is no /weather" in line for line in shown)
    assert any("/quit" in line for line in shown)
    assert "the assistant has hung up" in shown[-1]


def test_a_wrong_file_is_refused_with_its_line(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("name: wrong\ngreting: Hello\n", encoding="utf-8")
    refused = CliRunner().invoke(app, ["chat", str(wrong)], input="Hello\n")
    missing = CliRunner().invoke(app, ["chat", "missing.yaml"], input="Hello\n")

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert f"{wrong}:2:1" in refused.stderr
    assert missing.exit_code == 1
    assert missing.stderr == "error: there is no file 'missing.yaml'\n"


def test_quit_leaves_and_a_model_that_is_away_is_a_failure(tmp_path: Path) -> None:
    model = tmp_path / "model.yaml"
    text = "name: model\nlanguage: en-US\nllm: {service: openai, model: m, base_url: BASE}\n"
    model.write_text(text.replace("BASE", "'http://127.0.0.1:9/v1'"), encoding="utf-8")
    left = CliRunner().invoke(app, ["chat", str(model)], input="/quit\nHello\n")
    failed = CliRunner().invoke(app, ["chat", str(model)], input="Hello\n")

    assert (left.exit_code, left.stderr) == (0, "")
    assert failed.exit_code == 1
    assert "something went wrong" in failed.stdout
    assert "llm openai" in failed.stderr


async def test_an_assistant_of_the_store_wins_and_a_pipeline_needs_none(
    shared_dir: Path, database: EmbeddedPostgres
) -> None:
    settings = settings_for(shared_dir)
    text = "name: local-en\nextends: local-en\ngreeting: Changed.\n"
    async with open_store(settings) as store:
        await store.import_assistant(text, source="test")

    assert (await find_spec("local-en", settings)).greeting == "Changed."
    assert (await find_spec("echo-en", settings)).llm.service == "echo"
    with pytest.raises(UnknownAssistant, match="did you mean 'local-en'"):
        await find_spec("locl-en", settings)
