"""What is recorded of a call: its beginning, its turns, its end. Pure.

Each thing that happens is an :class:`Entry`; entries make a :class:`CallHistory`. An entry that
comes twice changes nothing.
"""

import enum
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call. Times are aware; ``assistant`` is the name that answered.

    Attributes:
        recording: Where its recording is and how long; None without one.
    """

    id: str
    number: str
    started_at: datetime
    caller: str | None = None
    caller_name: str | None = None
    assistant: str | None = None
    assistant_id: str | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    end_reason: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    recording: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One utterance.

    Attributes:
        n: Counts from 1 in a call; the same number again replaces the turn.
        text: An assistant's only as far as it was played.
        started_ms: Milliseconds from answer.
        ended_ms: Likewise.
        latency: Milliseconds by part, of an assistant's turn.
    """

    n: int
    role: Literal["caller", "assistant"]
    text: str
    started_ms: int | None = None
    ended_ms: int | None = None
    interrupted: bool = False
    latency: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """Anything else worth keeping, such as a tool call; ``n`` counts from 1 in a call."""

    n: int
    kind: str
    content: Mapping[str, Any]
    at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class CallHistory:
    """A call, what was said in it and what else happened, both in order."""

    call: CallRecord
    turns: tuple[Turn, ...] = ()
    messages: tuple[Message, ...] = ()


class Op(enum.StrEnum):
    """What happened."""

    BEGIN = "begin"
    ANSWER = "answer"
    TURN = "turn"
    MESSAGE = "message"
    RECORDING = "recording"
    END = "end"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened; ``values`` are plain JSON, times in ISO 8601."""

    op: Op
    call_id: str
    values: Mapping[str, Any]

    def serialize(self) -> str:
        """One line of JSON, without its end."""
        document = {"op": self.op, "call": self.call_id, **self.values}
        return json.dumps(document, ensure_ascii=False, default=str)

    @classmethod
    def parse(cls, line: str) -> "Entry | None":
        """Read a line; None if it is torn or foreign."""
        try:
            document = json.loads(line)
            op, call_id = Op(document.pop("op")), str(document.pop("call"))
        except (ValueError, KeyError, AttributeError, TypeError):
            return None
        return cls(op, call_id, document)


def fold(entries: Iterable[Entry]) -> list[CallHistory]:
    """Put calls together from their entries; a call whose beginning is missing is left out."""
    calls: dict[str, dict[str, Any]] = {}
    turns: dict[str, dict[int, Turn]] = {}
    messages: dict[str, dict[int, Message]] = {}
    for entry in entries:
        if entry.op is Op.BEGIN:
            calls.setdefault(entry.call_id, {}).update(entry.values)
        elif calls.get(entry.call_id, {}).get("erased") and entry.op in {Op.TURN, Op.MESSAGE}:
            continue
        elif entry.op is Op.TURN:
            turn = Turn(**entry.values)
            turns.setdefault(entry.call_id, {})[turn.n] = turn
        elif entry.op is Op.MESSAGE:
            message = Message(**entry.values)
            messages.setdefault(entry.call_id, {})[message.n] = message
        elif entry.op is Op.RECORDING:
            calls.setdefault(entry.call_id, {})["recording"] = dict(entry.values)
        elif entry.call_id in calls:
            call = calls[entry.call_id]
            details = {**(call.get("details") or {}), **(entry.values.get("details") or {})}
            call.update(entry.values, details=details)
    return [
        CallHistory(
            call=_record(call_id, values),
            turns=tuple(turn for _, turn in sorted(turns.get(call_id, {}).items())),
            messages=tuple(item for _, item in sorted(messages.get(call_id, {}).items())),
        )
        for call_id, values in calls.items()
        if "started_at" in values
    ]


def _record(call_id: str, values: Mapping[str, Any]) -> CallRecord:
    fields: dict[str, Any] = {
        key: datetime.fromisoformat(values[key])
        for key in ("started_at", "answered_at", "ended_at")
        if values.get(key)
    }
    kept = ("number", "caller", "caller_name", "assistant", "assistant_id", "end_reason")
    fields.update((key, values.get(key)) for key in (*kept, "recording"))
    return CallRecord(id=call_id, details=values.get("details") or {}, **fields)
