"""``voiceai assistants``: list, show, import, assign."""

import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.errors import SpecError
from pipelines.loader import dump_pipeline
from voiceai.cli.output import Json, ask_store, fail, warn, write_json, write_table
from voiceai.store.repository import AssistantEntry, Store

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Who answers which number.")


@app.command("list")
def list_assistants(*, as_json: Json = False) -> None:
    """List every assistant and its numbers."""
    entries = ask_store(Store.assistants)
    if as_json:
        write_json([_shape(entry) for entry in entries])
        return
    write_table(
        ("name", "numbers", "language", "pipeline", "greeting"),
        [
            (
                entry.name,
                ", ".join(entry.numbers),
                entry.spec.language if entry.spec else None,
                entry.pipeline,
                entry.spec.greeting if entry.spec else entry.problem,
            )
            for entry in entries
        ],
    )
    for entry in entries:
        warn([f"{entry.name}: {warning}" for warning in entry.warnings])


@app.command("show")
def show_assistant(
    name: Annotated[str, typer.Argument(help="Its name, its id, or a number.")],
    *,
    as_json: Json = False,
) -> None:
    """Show one assistant with everything its pipeline inherits."""
    entry = ask_store(lambda store: _find(store, name))
    if as_json:
        spec = entry.spec.model_dump(mode="json", exclude_none=True) if entry.spec else None
        write_json({**_shape(entry), "spec": spec})
    elif entry.spec:
        numbers = ", ".join(entry.numbers) or "no number"
        sys.stdout.write(f"# {entry.name}: {numbers}\n{dump_pipeline(entry.spec)}")
    warn([f"{entry.name}: {warning}" for warning in entry.warnings])
    if entry.problem:
        raise fail(entry.problem)


@app.command("import")
def import_assistant(
    file: Annotated[Path, typer.Argument(help="A pipeline YAML; - reads standard input.")],
    *,
    as_json: Json = False,
) -> None:
    """Make a pipeline YAML the assistant of its name."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise fail(f"{file}: {exc}") from exc
    try:
        result = ask_store(lambda store: store.import_assistant(text, source=str(file)))
    except SpecError as exc:
        raise fail(str(exc)) from exc
    if as_json:
        write_json(
            {
                "id": result.id,
                "name": result.name,
                "version": result.version,
                "created": result.created,
            }
        )
    else:
        done = "created" if result.created else "updated"
        sys.stdout.write(f"{result.name} {done}, version {result.version}\n")
    if result.keeps_overrides:
        warn([f"the column overrides of {result.name} is kept and lies over the file"])


@app.command("assign")
def assign_number(
    number: Annotated[str, typer.Argument(help="With country code, in any notation.")],
    name: Annotated[str, typer.Argument(help="The assistant's name.")],
    *,
    as_json: Json = False,
) -> None:
    """Let an assistant answer a number."""
    stored = ask_store(lambda store: store.assign(number, name))
    if as_json:
        write_json({"number": stored, "assistant": name})
    else:
        sys.stdout.write(f"{stored} is answered by {name}\n")


async def _find(store: Store, name: str) -> AssistantEntry:
    entries = await store.assistants()
    for entry in entries:
        if name in {entry.name, entry.id}:
            return entry
    assistant = await store.assistant_for(name)
    for entry in entries:
        if assistant is not None and entry.id == assistant.id:
            return entry
    nearest = get_close_matches(name, [entry.name for entry in entries], n=1)
    hint = f"; did you mean {nearest[0]}?" if nearest else ""
    raise fail(f"there is no assistant {name}{hint}")


def _shape(entry: AssistantEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "name": entry.name,
        "numbers": list(entry.numbers),
        "language": entry.spec.language if entry.spec else None,
        "greeting": entry.spec.greeting if entry.spec else None,
        "pipeline": entry.pipeline,
        "version": entry.version,
        "problem": entry.problem or None,
        "warnings": list(entry.warnings),
    }
