"""Every mistake is told with its line, its column, the key's path and what to do about it.

``data/complete.yaml`` has no mistake. Each case of ``data/mistakes.yaml`` replaces one piece of
it, ``§`` marks where the finding has to point, and the rest is what it has to say.
"""

from pathlib import Path

import pytest
import yaml

from pipelines.document import parse_document
from pipelines.errors import SpecError
from pipelines.findings import Finding
from pipelines.loader import load_shipped, resolve
from pipelines.validate import validate

DATA = Path(__file__).parent / "data"
COMPLETE = (DATA / "complete.yaml").read_text(encoding="utf-8")
SHIPPED = load_shipped()

LONG = {
    "a long disclosure": {
        "right": "Sie sprechen mit einer KI.",
        "wrong": "§" + "x" * 1001,
        "told": "disclosure: is longer than 1000 characters",
    },
    "a long prompt": {
        "right": "Du bist die Telefonassistentin.",
        "wrong": "§" + "x" * 20_001,
        "told": "prompt: is longer than 20000 characters",
    },
    "five fallbacks": {
        "right": "[{service: whisper}]",
        "wrong": "§[" + "{service: whisper}, " * 5 + "]",
        "told": "stt.fallback: has 5 entries, and at most 4 are allowed",
    },
}
MISTAKES = {**yaml.safe_load((DATA / "mistakes.yaml").read_text(encoding="utf-8")), **LONG}


@pytest.fixture(autouse=True)
def own_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """``praxis_tools`` stands beside the pipeline."""
    monkeypatch.syspath_prepend(DATA)


def findings(text: str) -> list[Finding]:
    try:
        return validate(resolve(parse_document(text, file="t.yaml"), SHIPPED))
    except SpecError as error:
        return list(error.findings)


def test_the_complete_pipeline_has_no_mistake() -> None:
    assert findings(COMPLETE) == []


@pytest.mark.parametrize(
    ("right", "wrong", "told"), [tuple(each.values()) for each in MISTAKES.values()], ids=MISTAKES
)
def test_a_mistake_is_told_with_its_place_and_its_fix(right: str, wrong: str, told: str) -> None:
    assert COMPLETE.count(right) == 1
    text = COMPLETE.replace(right, wrong)
    before, _, _ = text.partition("§")
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")

    found = findings(text.replace("§", ""))

    assert [str(each) for each in found] == [f"t.yaml:{line}:{column}: {told}"]
