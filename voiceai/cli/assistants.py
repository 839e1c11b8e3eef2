"""``voiceai assistants``: list, show, import, export, assign; and what ``versions`` has."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipelines.errors import SpecError
from pipelines.findings import nearest_name
from pipelines.loader import dump_pipeline
from voiceai.cli import versions
from voiceai.cli.output import Json, ask_store, fail, warn, write_json, write_table
from voiceai.store.repository import AssistantEntry, Store
from voiceai.store.shapes import assistant_shape

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Who answers which number.")
app.add_typer(versions.app)


@app.command("list")
def list_assistants(*, as_json: Json = False) -> None:
    """List every assistant and its numbers."""
    entries = ask_store(Store.assistants)
    if as_json:
        write_json([assistant_shape(entry) for entry in entries])
        return
    write_table(
        ("name", "numbers", "language", "pipeline", "version", "greeting"),
        [
            (
                entry.name,
                ", ".join(entry.numbers),
                entry.spec.language if entry.spec else None,
                entry.pipeline,
                _version(entry),
                entry.spec.greeting if entry.spec and not entry.problem else "INVALID",
            )
            for entry in entries
        ],
    )
    for entry in entries:
        warn([f"{entry.name}: {text}" for text in (*_problem(entry), *entry.warnings)])


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
        write_json({**assistant_shape(entry), "spec": spec})
    elif entry.spec:
        numbers = ", ".join(entry.numbers) or "no number"
        sys.stdout.write(f"# {entry.name}: {numbers}\n{dump_pipeline(entry.spec)}")
    warn([f"{entry.name}: {warning}" for warning in entry.warnings])
    if entry.problem:
        raise fail("; ".join(_problem(entry)))


@app.command("import")
def import_assistant(
    file: Annotated[Path, typer.Argument(help="A pipeline YAML; - reads standard input.")],
    *,
    stage: Annotated[
        bool, typer.Option("--stage", help="Only keep it as a version, for `canary`.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a pipeline YAML the assistant of its name."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise fail(f"{file}: {exc}") from exc
    try:
        result = ask_store(
            lambda store: store.editor.import_text(text, source=str(file), stage=stage)
        )
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
        done = "staged" if stage else "created" if result.created else "updated"
        sys.stdout.write(f"{result.name} {done}, version {result.version}\n")
    if result.keeps_overrides:
        warn([f"the column overrides of {result.name} is kept and lies over the file"])


@app.command("export")
def export_assistant(
    name: Annotated[str, typer.Argument(help="Its name or its id.")],
    *,
    file: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write here, not to standard output.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write an assistant as the pipeline YAML that `import` takes."""
    try:
        text = ask_store(lambda store: store.editor.text(name))
    except SpecError as exc:
        raise fail(str(exc)) from exc
    if file is not None:
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as exc:
            raise fail(f"{file}: {exc}") from exc
    if as_json:
        write_json({"name": name, "file": str(file) if file else None, "yaml": text})
    elif file is None:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
    else:
        sys.stdout.write(f"{name} is in {file}\n")


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
    nearest = nearest_name(name, [entry.name for entry in entries])
    hint = f"; did you mean {nearest}?" if nearest else ""
    raise fail(f"there is no assistant {name}{hint}")


def _version(entry: AssistantEntry) -> str | None:
    if entry.version is None:
        return None
    canary = f" (+{entry.canary[1]:g} % of {entry.canary[0]})" if entry.canary else ""
    return f"{entry.version}{canary}"


def _problem(entry: AssistantEntry) -> list[str]:
    """Say what is wrong with a row, and who answers meanwhile."""
    if not entry.problem:
        return []
    kept = "; the last good version answers" if entry.version is not None else ""
    return [f"{entry.problem}{kept}"]
