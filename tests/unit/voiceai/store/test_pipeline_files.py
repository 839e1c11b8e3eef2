"""The operator's folder of pipelines is checked when it is read."""

import sys
from pathlib import Path

import pytest

from pipelines.errors import SpecError
from voiceai.store.files import PipelineFiles


def test_a_service_that_does_not_exist_is_told_with_its_place(tmp_path: Path) -> None:
    """Only unknown keys were: the first call found out."""
    file = tmp_path / "wrong.yaml"
    file.write_text("name: wrong\nextends: local-en\nllm:\n  service: skripted\n")

    with pytest.raises(SpecError) as raised:
        PipelineFiles(tmp_path)

    assert (raised.value.file, raised.value.line) == (str(file), 4)
    assert raised.value.nearest == "scripted"


def test_a_good_folder_adds_to_the_library(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("name: mine\nextends: local-en\n")

    assert {"mine", "local-en"} <= set(PipelineFiles(tmp_path).known())


def test_a_folder_that_becomes_wrong_keeps_its_last_good_state(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\nextends: local-en\ngreeting: One.\n")
    files = PipelineFiles(tmp_path)
    before = files.known()

    file.write_text("name: mine\nextends: local-en\ntts: {service: nobody}\n# longer\n")
    (tmp_path / "other.yaml").write_text("name: other\nextends: local-en\n")

    assert files.known() is before


def test_tools_and_modules_beside_the_pipelines_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "beside_pipelines.py").write_text(
        "from pipecat.processors.frame_processor import FrameProcessor as Same\n"
    )
    (tmp_path / "mine.yaml").write_text(
        "name: mine\nextends: local-en\nprocessors: [{use: 'beside_pipelines:Same', after: stt}]\n"
    )
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "sales.yaml").write_text('transfer: {to: "101"}\n')

    known = PipelineFiles(tmp_path).known()

    assert {"mine", "tools/sales"} <= set(known)


def test_a_change_of_a_tool_is_a_change_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    tool = tmp_path / "tools" / "sales.yaml"
    tool.write_text('transfer: {to: "101"}\n')
    files = PipelineFiles(tmp_path)
    files.known()

    tool.rename(tmp_path / "tools" / "service.yaml")

    assert "tools/service" in files.known()
    assert "tools/sales" not in files.known()
