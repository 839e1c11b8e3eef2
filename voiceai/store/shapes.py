"""Calls and assistants as JSON, the same on the command line and over HTTP."""

from datetime import UTC, datetime
from typing import Any

from voiceai.store.answering import AssistantEntry
from voiceai.store.erasure import Erased
from voiceai.store.records import CallHistory, CallRecord
from voiceai.store.versions import Version


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
        "recording": None if call.recording is None else dict(call.recording),
    }


def history_shape(history: CallHistory) -> dict[str, Any]:
    """``calls show --json``: the call, its turns and what else happened.

    Times are milliseconds from answer; an interrupted turn was heard until ``ended_ms``.
    """
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
    messages = [
        {"n": found.n, "kind": found.kind, "at_ms": found.at_ms, "content": dict(found.content)}
        for found in history.messages
    ]
    details = dict(history.call.details)
    return {**call_shape(history.call), "turns": turns, "messages": messages, "details": details}


def assistant_shape(entry: AssistantEntry) -> dict[str, Any]:
    """One element of ``assistants list --json``."""
    canary = {"version": entry.canary[0], "percent": entry.canary[1]} if entry.canary else None
    return {
        "id": entry.id,
        "name": entry.name,
        "numbers": list(entry.numbers),
        "language": entry.spec.language if entry.spec else None,
        "greeting": entry.spec.greeting if entry.spec else None,
        "pipeline": entry.pipeline,
        "version": entry.version,
        "canary": canary,
        "problem": entry.problem or None,
        "warnings": list(entry.warnings),
    }


def version_shape(version: Version) -> dict[str, Any]:
    """One element of ``assistants versions --json``."""
    return {
        "version": version.number,
        "origin": version.origin,
        "author": version.author,
        "created_at": _time(version.created_at),
        "live": version.live,
        "ready_at": _time(version.ready_at),
    }


def erased_shape(erased: Erased) -> dict[str, int]:
    """``calls erase --json``: how much was removed."""
    return {
        "calls": erased.calls,
        "turns": erased.turns,
        "messages": erased.messages,
        "waiting": erased.waiting,
        "recordings": erased.recordings,
    }


def _time(value: datetime | None) -> str | None:
    """RFC 3339 in UTC, to the millisecond."""
    if value is None:
        return None
    text = value.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"
