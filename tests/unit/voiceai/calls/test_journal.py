"""When a caller's turn began and ended, as its record has it."""

import asyncio
from datetime import UTC, datetime
from typing import Any, cast
from unittest.mock import Mock

import pytest

from pipelines.spec import PipelineSpec
from transports.engine import MediaStream
from transports.pipecat_transport import SpeechMarks
from voiceai.calls.journal import CallJournal, CallWriter
from voiceai.store.records import CallRecord, Message, Turn
from voiceai.store.repository import Assistant

TICK_MS = 100
"""What the clock of a test may move while it runs."""


class Kept:
    """The turns and messages that were written; all else is dropped."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.messages: dict[int, Message] = {}

    def add_turn(self, _call_id: str, turn: Turn) -> None:
        self.turns.append(turn)

    def add_message(self, _call_id: str, message: Message) -> None:
        self.messages[message.n] = message

    def __getattr__(self, _name: str) -> Any:
        return Mock()


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
async def marks(kept: Kept) -> SpeechMarks:
    return SpeechMarks()


@pytest.fixture
async def journal(kept: Kept, marks: SpeechMarks) -> CallJournal:
    """Of a call that has just been answered."""
    record = CallRecord("call", "100", datetime.now(UTC))
    journal = CallJournal(record, cast("CallWriter", kept), lambda _: None)
    journal.answered(Assistant("1", "a", ("100",), PipelineSpec(name="a")))
    journal.listen(cast("MediaStream", Mock()), marks)
    return journal


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_a_spoken_turn_has_the_times_of_its_packets(
    journal: CallJournal, kept: Kept, marks: SpeechMarks
) -> None:
    marks.started_at, marks.last_voice_at = now() + 2.0, now() + 3.5

    journal.caller_turn("Hello.", started_at=now() + 2.2)

    [turn] = kept.turns
    assert turn.started_ms == pytest.approx(2000, abs=TICK_MS)
    assert turn.ended_ms == pytest.approx(3500, abs=TICK_MS)


async def test_digits_of_a_caller_who_never_spoke_are_a_turn_with_both_times(
    journal: CallJournal, kept: Kept
) -> None:
    journal.caller_turn("DTMF: 1#", started_at=now())

    [turn] = kept.turns
    assert turn.started_ms == pytest.approx(0, abs=TICK_MS)
    assert turn.ended_ms == pytest.approx(0, abs=TICK_MS)


async def test_digits_do_not_have_the_times_of_what_was_said_before(
    journal: CallJournal, kept: Kept, marks: SpeechMarks
) -> None:
    marks.started_at, marks.last_voice_at = now() - 4.0, now() - 2.0

    journal.caller_turn("DTMF: 1#", started_at=now())

    [turn] = kept.turns
    assert turn.started_ms == pytest.approx(0, abs=TICK_MS)
    assert turn.ended_ms == pytest.approx(0, abs=TICK_MS)


async def test_a_noise_is_no_turn(journal: CallJournal, kept: Kept) -> None:
    journal.caller_turn("", started_at=now())

    assert kept.turns == []


async def test_a_tool_is_kept_with_what_it_was_asked_and_what_it_gave(
    journal: CallJournal, kept: Kept
) -> None:
    journal.tool_called("look_up", {"order": 7})
    journal.tool_called("look_up", {"order": 8})
    journal.tool_returned("look_up", {"state": "sent"})
    journal.tool_returned("look_up", "the database is away", failed=True)
    journal.tool_returned("look_up", "nobody asked")

    first, second = (kept.messages[n].content for n in (1, 2))
    assert (first["arguments"], first["result"], first["failed"]) == (
        {"order": 7}, {"state": "sent"}, False,
    )  # fmt: skip
    assert (second["arguments"], second["failed"]) == ({"order": 8}, True)
    assert list(kept.messages) == [1, 2]


async def test_a_result_as_long_as_a_book_is_cut(journal: CallJournal, kept: Kept) -> None:
    journal.tool_called("http", {})
    journal.tool_returned("http", ["x" * 100_000])

    assert len(kept.messages[1].content["result"]) < 10_000
