"""What was said, taken down as it happens."""

import json
from collections.abc import Callable

import pytest

from voiceai.lab.transcript import Notes, ToolUse, Turn


class Clock:
    """Milliseconds, as far as a test has got."""

    now = 0

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def notes(clock: Callable[[], int]) -> Notes:
    return Notes(clock)


def test_a_greeting_was_waited_for_by_nobody(notes: Notes, clock: Clock) -> None:
    notes.answer_began()
    clock.now = 40
    notes.assistant_turn("Hello.", interrupted=False)

    assert notes.turns == [Turn("assistant", "Hello.", 0, 40)]


def test_an_answer_was_waited_for_until_its_first_piece(notes: Notes, clock: Clock) -> None:
    clock.now = 100
    notes.asked()
    notes.caller_turn("When?", started_at=None)
    clock.now = 350
    notes.answer_began()
    clock.now = 500
    notes.answer_began()
    notes.assistant_turn("At nine.", interrupted=True)

    assert notes.turns == [
        Turn("caller", "When?", 100, 100),
        Turn("assistant", "At nine.", 350, 500, latency_ms=250, interrupted=True),
    ]
    assert notes.transcript("x").latencies_ms == [250]
    assert str(notes.transcript("x")) == "Caller: When?\nAssistant: At nine. (interrupted)"


def test_digits_are_told_from_words(notes: Notes) -> None:
    notes.typed = "12#"
    notes.caller_turn("DTMF: 12#", started_at=None)
    notes.caller_turn("Hello", started_at=None)

    assert [turn.digits for turn in notes.turns] == [True, False]


def test_a_tool_has_its_result_and_how_long_it_took(notes: Notes, clock: Clock) -> None:
    notes.tool_called("order", {"number": "1"})
    notes.tool_called("order", {"number": "2"})
    clock.now = 30
    notes.tool_returned("order", {"state": "sent"})
    notes.tool_returned("order", "no answer", failed=True)

    assert notes.transcript("x").used("order") == [
        ToolUse("order", {"number": "1"}, 0, {"state": "sent"}, took_ms=30),
        ToolUse("order", {"number": "2"}, 0, "no answer", failed=True, took_ms=30),
    ]
    assert not notes.leaving


def test_a_hangup_announces_that_the_assistant_leaves(notes: Notes) -> None:
    notes.tool_called("hangup", {})

    assert notes.leaving


def test_it_is_plain_data_and_a_table_without_markup_of_the_caller(notes: Notes) -> None:
    notes.caller_turn("<b>hello</b>", started_at=None)
    notes.tool_called("order", {"number": "<1>"})
    transcript = notes.transcript("x")

    data = json.loads(json.dumps(transcript.as_dict()))
    assert data["turns"][0]["text"] == "<b>hello</b>"
    assert data["turns"][0]["n"] == 1
    assert data["tools"][0]["arguments"] == {"number": "<1>"}
    assert "&lt;b&gt;hello" in transcript._repr_html_()
    assert "<1>" not in transcript._repr_html_()
