"""Processors of the operator's own: what is wrong with one is told with its place."""

from pathlib import Path

import pytest

from pipelines.document import parse_document
from pipelines.loader import resolve
from pipelines.validate import validate

MODULES = {
    "own_good": (
        "from pipecat.processors.frame_processor import FrameProcessor\n"
        "class Counter(FrameProcessor):\n"
        "    def __init__(self, step: int) -> None: ...\n"
        "something = 5\n"
    ),
    "own_broken": "1 / 0\n",
    "own_leaving": "raise SystemExit(3)\n",
    "own_needing": "import no_such_package\n",
}

WRONG = {
    "no_such_module:A": "23: processors[0].use: there is no module 'no_such_module'; put it beside"
    " the pipelines, in VOICEAI_PIPELINES, or install it",
    "own_good:Conter": "23: processors[0].use: own_good has no 'Conter'; did you mean 'Counter'?",
    "own_good:something": "23: processors[0].use: 'something' is no FrameProcessor of Pipecat",
    "own_broken:A": "23: processors[0].use: own_broken cannot be imported: ZeroDivisionError:"
    " division by zero",
    "own_leaving:A": "23: processors[0].use: own_leaving cannot be imported: SystemExit: 3",
    "own_needing:A": "23: processors[0].use: own_needing cannot be imported: No module named"
    " 'no_such_package'",
}


@pytest.fixture(autouse=True)
def own_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)


def told(processor: str) -> list[str]:
    text = f"name: a\nprocessors:\n  - {processor}\n"
    return [str(each) for each in validate(resolve(parse_document(text, file="t.yaml"), {}))]


@pytest.mark.parametrize(("use", "message"), WRONG.items())
def test_what_cannot_be_used_is_told_with_its_place(use: str, message: str) -> None:
    assert told(f"{{after: stt, use: {use}}}") == [f"t.yaml:3:{message}"]


def test_parameters_that_the_class_does_not_have_are_told_with_their_place() -> None:
    assert told("{use: own_good:Counter, after: stt, params: {stop: 1}}") == [
        "t.yaml:3:49: processors[0].params: Counter: missing a required argument: 'step'"
    ]


def test_a_processor_that_can_be_made_is_right() -> None:
    assert told("{use: own_good:Counter, after: stt, params: {step: 1}}") == []
