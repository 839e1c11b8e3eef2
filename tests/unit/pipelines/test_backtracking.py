"""Which regular expressions are refused, as matching them might never end."""

import re
from importlib.resources import files

import pytest

from pipelines.backtracking import power, repeats_within_repeats
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


@pytest.mark.parametrize(
    ("pattern", "highest"),
    [
        (r"open", 1),
        (r"a.*b", 2),
        (r".*a.*", 1),
        (r"a.*b.*c", 3),
        (r".*a.*b.*", 2),
        (r"a.*b.*c.*d", 4),
        (r"a.*b.*\d+", 3),
        (r"(a.*b|c.*d).*x", 3),
        (r"(a.*b)?c.*d", 3),
        (r"(a)?(?(1)b.*|c)d", 2),
        (r"\w+a\w+a\w+b", 4),
        (r"(.*,){3}x", 4),
        (r"(?i)x(.*)y(.*?)z", 3),
    ],
)
def test_repetitions_in_a_row_multiply(pattern: str, highest: int) -> None:
    assert power(pattern) == highest


@pytest.mark.parametrize(
    ("pattern", "highest"),
    [
        (r"(\w+) (\w+) and (\w+)", 2),
        (r"[^,]*,[^,]*,[^,]*,x", 2),
        (r"[^,;]*,[^,;]*;[^,;]*,x", 2),
        (r"order (?P<n>\d+) .* (\d+) x", 3),
        (r"(?=.*a)(?=.*b)(?=.*c)x", 2),
        (r"(?>a.*)b.*c", 2),
        (r"a*+b*+c", 2),
        (r"name is (\w+ ?){1,3}", 1),
        (r"^(nein|no)+$", 1),
        (r"[a-z]+\.[a-z]+\.de", 2),
    ],
)
def test_repetitions_that_can_end_in_one_place_only_do_not(pattern: str, highest: int) -> None:
    assert power(pattern) == highest


def test_what_has_to_match_as_a_whole_begins_at_the_beginning_and_goes_to_the_end() -> None:
    assert power(r"a.*b.*", whole=True) == 2
    assert power(r"[0-9]{4,8}", whole=True) == 0


def test_more_repetitions_in_a_row_than_can_be_bounded_are_refused_with_a_way_out() -> None:
    text = """
name: a
llm:
  service: scripted
  rules: [{when: ['when.*open.*sunday.*morning'], say: Yes.}]
"""
    findings = validate(load_pipeline(text, source="row", trusted=False))

    (found,) = findings
    assert found.path == "llm.rules[0].when[0]"
    assert found.message == "repeats more than 2 times in a row, such as .*"
    assert "(?=.*open)(?=.*sunday)" in found.fix


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
