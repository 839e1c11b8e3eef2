"""Calls as JSON, the same on the command line and over HTTP."""

from datetime import UTC, datetime
from typing import Any

from voiceai.store.records import CallHistory, CallRecord


def call_shape(call: CallRecord) -> dict[str, Any]:
    """One element of ``calls list --json``."""
    return {
        "id": call.id,
        "number": call.number,
        "caller": call.caller,
        "assistant": call.assistant,
        "started_at": _time(call.started_at),
        "answered_at": _time(call.answered_at),
        "ended_at": _time(call.ended_at),
        "end_reason": call.end_reason,
    }


def history_shape(history: CallHistory) -> dict[str, Any]:
    """``calls show --json``: the call and its turns, milliseconds from answer."""
    turns = [
        {
            "n": turn.n,
            "role": turn.role,
            "text": turn.text,
            "started_ms": turn.started_ms,
            "ended_ms": turn.ended_ms,
            "interrupted": turn.interrupted,
        }
        for turn in history.turns
    ]
    return {**call_shape(history.call), "turns": turns}


def _time(value: datetime | None) -> str | None:
    """RFC 3339 in UTC, to the millisecond."""
    if value is None:
        return None
    text = value.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"
