"""The examples and the README's pipeline are what the loader takes."""

import re
from pathlib import Path

import pytest
import yaml

from pipelines.loader import load_folder, load_pipeline
from pipelines.validate import validate

ROOT = Path(__file__).resolve().parents[2]
TOLD = {"de": "Sie sprechen mit einer KI.", "en": "You are speaking with an AI."}
EXAMPLES = sorted(ROOT.glob("examples/*/*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_loads_and_names_only_what_exists(path: Path) -> None:
    loaded = load_folder(path.parent)

    assert validate(loaded[path.stem].spec) == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_says_first_that_a_machine_speaks(path: Path) -> None:
    spec = load_folder(path.parent)[path.stem].spec

    assert spec
    assert spec.opening.startswith(TOLD[spec.language_code])


def test_there_are_examples_and_each_has_a_readme() -> None:
    assert EXAMPLES
    assert [path for path in EXAMPLES if not (path.parent / "README.md").is_file()] == []


def test_the_pipeline_of_the_readme_loads() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"```yaml\n(.*?)```", readme, flags=re.DOTALL)

    assert found
    text = "\n".join(line.removeprefix("   ") for line in found[1].splitlines())
    spec = load_pipeline(text, source="README.md")

    assert yaml.safe_load(text)["greeting"] == spec.greeting
    assert validate(spec) == []
