"""Which version of each assistant answers: the newest that is good, or a canary.

A row that is wrong, or whose models are not loaded yet, leaves the version before it at work.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from loguru import logger

from pipelines.errors import SpecError
from voiceai.store.answering import Answering, Assistant
from voiceai.store.assistants import AssistantRow, PhoneHint
from voiceai.store.rows import refuse_lost_greeting

MAX_REMEMBERED = 20_000
"""Numbers whose answerer is kept for when the database is away."""


@dataclass(slots=True)
class _Seat:
    """What is known of one assistant.

    Attributes:
        good: Who answers; None until a row was good.
        content: What the row said that ``good`` was made of; None for an older version.
        columns: The row's columns then.
        problem: Why the row as it is does not answer.
        wrong: What the row said that has the problem.
    """

    good: Assistant | None = None
    content: object = None
    columns: Mapping[str, Any] | None = None
    problem: str = ""
    wrong: object = None


class Lineup:
    """Every assistant that was seen, by id.

    Args:
        answering: Makes assistants of rows.
    """

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._seats: dict[str, _Seat] = {}
        self._canaries: dict[str, tuple[Assistant, float]] = {}
        self._remembered: dict[str, Assistant] = {}
        self._phones: Mapping[str, PhoneHint] = {}

    def candidate(self, row: AssistantRow) -> Assistant:
        """Make the assistant of a row, to be warmed and seated.

        Raises:
            SpecError: It cannot answer.
        """
        before = row.kept if row.kept is not None else self._columns(row.id)
        if before is not None and row.columns is not None:
            refuse_lost_greeting(before, row.columns)
        return self._answering.make(row)

    def is_seated(self, row: AssistantRow) -> bool:
        """Whether the row as it is now is what answers."""
        seat = self._seats.get(row.id)
        return bool(seat and seat.good and seat.content == self._content(row))

    def good(self, assistant_id: str) -> Assistant | None:
        """Who answers now, but for canaries."""
        seat = self._seats.get(assistant_id)
        return seat.good if seat else None

    def seat(self, row: AssistantRow, assistant: Assistant) -> None:
        """Let the row as it is now answer."""
        seat = self._seats.setdefault(row.id, _Seat())
        seat.good, seat.content, seat.columns = assistant, self._content(row), row.columns
        if seat.problem:
            logger.bind(assistant=row.name, version=assistant.version).info("assistant.valid_again")
        seat.problem, seat.wrong = "", None

    def seat_older(self, assistant: Assistant, columns: Mapping[str, Any] | None) -> None:
        """Let a version of the past answer while the row cannot."""
        seat = self._seats.setdefault(assistant.id, _Seat())
        seat.good, seat.content, seat.columns = assistant, None, columns

    def reject(self, row: AssistantRow, problem: str) -> bool:
        """Note that the row as it is cannot answer; False if that was known."""
        seat = self._seats.setdefault(row.id, _Seat())
        content = self._content(row)
        if seat.problem == problem and seat.wrong == content:
            return False
        seat.problem, seat.wrong = problem, content
        answers = f"version {seat.good.version or 'before'} answers" if seat.good else "no calls"
        logger.bind(assistant=row.name).error(
            "assistant.invalid: {}: {}; {}", row.name, problem, answers
        )
        return True

    def problem(self, row: AssistantRow) -> str:
        """Why the row as it is now does not answer, as far as is known."""
        seat = self._seats.get(row.id)
        return seat.problem if seat and seat.wrong == self._content(row) else ""

    @property
    def invalid(self) -> int:
        """How many assistants have rows that cannot answer."""
        return sum(1 for seat in self._seats.values() if seat.problem)

    def set_canaries(self, canaries: Mapping[str, tuple[Assistant, float]]) -> None:
        """Have exactly these on trial, by id, each with its percentage."""
        self._canaries = dict(canaries)

    def forget(self, kept: Iterable[str]) -> list[str]:
        """Drop all assistants but these; returns the ids of those that were dropped."""
        gone = sorted(self._seats.keys() - set(kept))
        for assistant_id in gone:
            del self._seats[assistant_id]
        return gone

    def choose(self, assistant: Assistant, row: AssistantRow, call_id: str) -> Assistant:
        """Who takes one call: a canary for its share of the calls, else ``assistant``."""
        canary, percent = self._canaries.get(row.id, (None, 0.0))
        if canary and call_id and share_of(call_id) < percent:
            return replace(canary, name=row.name, numbers=row.numbers, canary=True)
        return replace(assistant, numbers=row.numbers)

    def learn(self, phones: Mapping[str, PhoneHint]) -> None:
        """Take over which normalised number is where."""
        self._phones = phones

    def hint(self, number: str) -> PhoneHint | None:
        """Where a normalised number was last seen."""
        return self._phones.get(number)

    def remember(self, number: str, assistant: Assistant) -> None:
        """Note who answers a normalised number."""
        if len(self._remembered) >= MAX_REMEMBERED and number not in self._remembered:
            self._remembered.pop(next(iter(self._remembered)))
        self._remembered[number] = assistant

    def unremember(self, number: str) -> None:
        """Note that nobody answers it."""
        self._remembered.pop(number, None)

    def recall(self, number: str) -> Assistant | None:
        """Who answers it, as far as is known."""
        hint = self._phones.get(number)
        good = self.good(hint.assistant_id) if hint else None
        return good or self._remembered.get(number)

    def _columns(self, assistant_id: str) -> Mapping[str, Any] | None:
        """The row's columns when it was last good."""
        seat = self._seats.get(assistant_id)
        return seat.columns if seat else None

    def _content(self, row: AssistantRow) -> object:
        return (row.columns, row.imported, self._answering.revision())


def share_of(call_id: str) -> float:
    """Where a call stands between 0 and 100, the same whenever it is asked."""
    digest = hashlib.sha256(call_id.encode(errors="replace")).digest()
    return int.from_bytes(digest[:8]) / 2**64 * 100


def reason(error: SpecError) -> str:
    """The problem of a row in one line."""
    return "; ".join(str(error).splitlines())
