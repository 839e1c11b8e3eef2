"""``voiceai calls``: list, show, erase."""

import json
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from voiceai.cli.output import Json, ask_store, fail, write_json, write_table
from voiceai.store.records import CallHistory, CallRecord, Turn
from voiceai.store.shapes import call_shape, erased_shape, history_shape

app = typer.Typer(add_completion=False, no_args_is_help=True, help="What was said.")


@app.command("list")
def list_calls(
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 20,
    as_json: Json = False,
) -> None:
    """List calls, newest first."""
    calls = ask_store(lambda store: store.calls(limit))
    if as_json:
        write_json([call_shape(call) for call in calls])
        return
    write_table(
        ("id", "started", "seconds", "caller", "number", "assistant", "end"),
        [
            (
                call.id,
                _local(call.started_at),
                _seconds(call),
                call.caller,
                call.number,
                call.assistant,
                call.end_reason or "in progress",
            )
            for call in calls
        ],
    )


@app.command("show")
def show_call(
    call_id: Annotated[str, typer.Argument(metavar="ID", help="From `calls list`.")],
    *,
    as_json: Json = False,
) -> None:
    """Show one call with its turns."""
    history = ask_store(lambda store: store.call(call_id))
    if history is None:
        raise fail(f"there is no call {call_id}")
    if as_json:
        write_json(history_shape(history))
    else:
        _write_call(history)


@app.command("erase")
def erase_caller(
    number: Annotated[str, typer.Argument(help="The caller's, in any notation.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Erase what is known of a caller: number, name, all that was said, and recordings."""
    if not any(character.isdigit() for character in number):
        raise fail(f"{number} is not a telephone number")
    if not yes:
        if not sys.stdin.isatty():
            raise typer.BadParameter("--yes is needed where nobody can be asked")
        typer.confirm(f"Erase all conversations of {number} for ever?", abort=True, err=True)
    erased = ask_store(lambda store: store.erase(number))
    if as_json:
        write_json(erased_shape(erased))
    else:
        sys.stdout.write(
            f"{erased.calls} calls: {erased.turns} turns and {erased.messages} messages erased, "
            f"{erased.waiting} that waited on disk, {erased.recordings} recordings\n"
        )


def _write_call(history: CallHistory) -> None:
    call = history.call
    facts = {
        "number": call.number,
        "caller": call.caller,
        "assistant": call.assistant,
        "started": _local(call.started_at),
        "seconds": _seconds(call),
        "end": call.end_reason or "in progress",
    }
    if call.recording:
        facts["recording"] = _recording(call.recording)
    write_table(("call", call.id), list(facts.items()))
    rows = [
        (
            "" if turn.started_ms is None else f"{turn.started_ms / 1000:.1f}",
            turn.role,
            turn.text + (_interrupted(turn) if turn.interrupted else ""),
        )
        for turn in history.turns
    ]
    write_table(("at", "who", "text"), rows)
    for message in history.messages:
        at = "" if message.at_ms is None else f"{message.at_ms / 1000:.1f} "
        content = json.dumps(message.content, ensure_ascii=False)
        sys.stdout.write(f"{at}{message.kind}: {content}\n")


def _interrupted(turn: Turn) -> str:
    """Say for how long an answer was heard before the caller cut it short."""
    if turn.started_ms is None or turn.ended_ms is None:
        return " (interrupted)"
    return f" (interrupted after {(turn.ended_ms - turn.started_ms) / 1000:.1f} s)"


def _recording(recording: Mapping[str, Any]) -> str:
    """Say where it is, how long, and what is wrong with it."""
    where = recording.get("path") or "none"
    problem = f": {recording['problem']}" if recording.get("problem") else ""
    return f"{where} ({recording.get('seconds', 0):.1f} s){problem}"


def _local(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _seconds(call: CallRecord) -> str:
    if call.ended_at is None or call.answered_at is None:
        return ""
    return f"{(call.ended_at - call.answered_at).total_seconds():.0f}"
