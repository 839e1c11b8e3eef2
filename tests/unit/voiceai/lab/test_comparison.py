"""The same callers with several pipelines: scores, costs, and who could not call."""

from xml.etree import ElementTree as ET

import pytest

from voiceai.lab.comparison import Comparison
from voiceai.lab.outcome import Check, Outcome
from voiceai.lab.prices import Prices
from voiceai.lab.transcript import Transcript, Turn
from voiceai.lab.usage import Tokens


def told(pipeline: str, latency_ms: int, prompt: int) -> Transcript:
    turns = Turn("caller", "Order 7?", 0, 0), Turn("assistant", "It was sent.", 0, 0, latency_ms)
    return Transcript(pipeline, turns, tokens=Tokens(prompt, 10), characters=12)


SENT, CALLED = "says “sent”", "calls order(number='7')"
GOOD = (Check(SENT, holds=True), Check(CALLED, holds=True))
BAD = (Check(SENT, holds=True), Check(CALLED, holds=False, reason="<none> seen"))
COMPARISON = Comparison(
    (
        Outcome("good", "Ann", GOOD, told("good", 100, 100)),
        Outcome("good", "Bob", not_run="nobody to judge"),
        Outcome("bad", "Ann", BAD, told("bad", 300, 200)),
        Outcome("bad", "Bob", not_run="nobody to judge"),
    ),
    Prices(prompt=1.0, completion=10.0, source="price list of a day"),
)


def test_each_expectation_counts_for_the_pipeline_it_was_made_of() -> None:
    assert [COMPARISON.score(name) for name in COMPARISON.pipelines] == [1.0, 0.5]
    assert COMPARISON.failed() == [("bad", "Ann", CALLED)]
    assert [COMPARISON.latency_ms(name) for name in COMPARISON.pipelines] == [100, 300]


def test_what_was_used_has_its_price_and_the_price_its_source() -> None:
    assert COMPARISON.usage("bad").tokens == Tokens(200, 10)
    assert COMPARISON.cost("good") == pytest.approx(0.0002)
    assert "price list of a day" in COMPARISON._repr_html_()
    assert str(COMPARISON).splitlines()[0] == (
        "good: 100 %, answers after 100 ms (median), 100 + 10 tokens, 12 characters, "
        "cost 0.000200 EUR without the voice"
    )


def test_who_could_not_call_counts_for_nothing_and_is_named_with_the_reason() -> None:
    outcome = COMPARISON.between("good", "Bob")

    assert outcome.score is None
    assert COMPARISON.not_run() == {"Bob": "nobody to judge"}
    assert "  Bob: not run, nobody to judge" in str(COMPARISON).splitlines()
    assert COMPARISON._repr_html_().count("not run: nobody to judge") == 1


def test_nothing_that_was_run_has_no_score() -> None:
    nothing = Comparison((Outcome("good", "Bob", not_run="nobody to judge"),))

    assert nothing.score("good") is None
    assert str(nothing).startswith("good: not run, nothing, no prices given")


def test_the_table_says_why_and_is_no_markup_of_the_assistants() -> None:
    table = COMPARISON._repr_html_()

    assert "✓ says “sent”" in table
    assert "&lt;none&gt; seen" in table


def test_the_picture_has_a_field_for_each_expectation() -> None:
    root = ET.fromstring(COMPARISON.plot().svg)  # noqa: S314 - our own
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]

    assert texts.count("✓") == 3
    assert texts.count("✗") == 1
    assert texts.count("not run") == 2
    assert "bad: 50 %" in texts
