"""The same callers with several pipelines: checks, scores, costs."""

from collections.abc import Sequence

import pytest

from pipelines.spec import PipelineSpec
from voiceai.lab.comparison import (
    Comparison,
    Customer,
    compare,
    ends_with,
    never_says,
    says,
    uses,
)
from voiceai.lab.transcript import Tokens, ToolUse, Transcript, Turn

GOOD = Transcript(
    "good",
    (Turn("caller", "Order 7?", 0, 0), Turn("assistant", "It was sent.", 100, 200, 100)),
    (ToolUse("order", {"number": "7"}, 10, {"state": "sent"}, took_ms=5),),
    tokens=Tokens(100, 10),
    ending="hangup",
)
BAD = Transcript(
    "bad",
    (Turn("caller", "Order 7?", 0, 0), Turn("assistant", "I don't <know>.", 300, 400, 300)),
    (ToolUse("order", {"number": "7"}, 10, "no answer", failed=True, took_ms=5),),
    tokens=Tokens(200, 20),
)
CUSTOMER = Customer(
    "Ann",
    ["Order 7?"],
    [says("SENT"), never_says("don't"), uses("order", number="7"), ends_with("hangup")],
)


async def chat(spec: PipelineSpec, lines: Sequence[str]) -> Transcript:
    assert lines == ["Order 7?"]
    if spec.name == "mute":
        raise TimeoutError
    return {"good": GOOD, "bad": BAD}[spec.name]


async def compared(*names: str) -> Comparison:
    pipelines = {name: PipelineSpec(name=name) for name in names}
    return await compare(chat, pipelines, [CUSTOMER], (1.0, 10.0))


async def test_each_check_counts_for_the_pipeline_it_was_made_of() -> None:
    comparison = await compared("good", "bad")

    assert [comparison.score(name) for name in comparison.pipelines] == [1.0, 0.0]
    assert [name for _, _, name in comparison.failed()] == [
        "says SENT",
        "never says don't",
        "uses order",
        "ends with hangup",
    ]
    assert comparison.cost("good") == pytest.approx(0.0002)
    assert comparison.tokens("bad") == Tokens(200, 20)
    assert [comparison.latency_ms(name) for name in comparison.pipelines] == [100, 300]
    assert str(comparison).splitlines()[0] == "good: 100 %, 100 ms, 100 + 10 tokens, cost 0.000200"


async def test_a_conversation_that_cannot_be_held_fails_all_its_checks() -> None:
    comparison = await compared("mute")

    assert comparison.score("mute") == 0.0
    assert "no answer came" in comparison._repr_html_()


async def test_it_is_a_table_and_a_picture() -> None:
    comparison = await compared("good", "bad")

    assert "✓ says SENT" in comparison._repr_html_()
    assert "100 %" in comparison.plot().svg
