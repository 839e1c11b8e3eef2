"""Which regular expressions are refused, as matching them might never end."""

import re
from importlib.resources import files

import pytest

from pipelines.backtracking import repeats_within_repeats
from pipelines.errors import SpecError
from pipelines.loader import load_pipeline
from pipelines.validate import validate

ENDLESS = (
    r"(a+)+$",
    r"(\w+\s?)+\.",
    r"(?:\w*,?)*!",
    r"(?=(a+)+b)",
    r"((ab*)c?){2,}d",
    r"x(?P<name>(\w+?)*)y",
    r"(a)?(?(1)(b+)+|c)",
    r"(x|y(\d+)*)+z",
    r".*.*x",
)
PLAIN = (
    r"wann .*(offen|auf)",
    r"order (?P<number>\d+)",
    r"\bKI\b",
    r"(\d{1,3} ?){2,4}",
    r"[\w ]+\.",
    r"(?>a+)+b",
    r".*ja.*",
    r"^(nein|no)+$",
)


@pytest.mark.parametrize("pattern", ENDLESS)
def test_repetitions_of_repetitions_are_found(pattern: str) -> None:
    re.compile(pattern)

    assert repeats_within_repeats(pattern)


@pytest.mark.parametrize("pattern", PLAIN)
def test_what_people_write_is_none(pattern: str) -> None:
    assert not repeats_within_repeats(pattern)


def test_a_rule_of_a_row_cannot_halt_everybody() -> None:
    text = r"""
name: a
llm:
  service: scripted
  rules: [{when: ['(\w+\s?)+\.'], say: Yes.}]
"""
    findings = validate(load_pipeline(text, source="row", trusted=False))

    assert [(each.path, each.fix) for each in findings] == [
        ("llm.rules[0].when[0]", r"repeat once, such as [\w ]+ in place of (\w+ ?)+")
    ]


def test_no_pipeline_that_is_shipped_has_such_a_rule() -> None:
    for file in (files("pipelines") / "library").iterdir():
        if file.name.endswith(".yaml"):
            try:
                spec = load_pipeline(file.read_text(encoding="utf-8"), source=file.name)
            except SpecError as error:
                pytest.fail(str(error))
            assert not [found for found in validate(spec) if found.severity == "error"]
