"""``voiceai chat``: the text conversation with an assistant, in the terminal."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pipelines.errors import ServiceUnavailable, SpecError
from pipelines.findings import nearest_name
from pipelines.loader import resolve
from pipelines.spec import PipelineSpec
from voiceai.cli.output import Json, fail, warn, write_json
from voiceai.errors import StoreUnavailable, UnknownAssistant
from voiceai.settings import Settings, load_settings
from voiceai.store.repository import AssistantEntry, open_store
from voiceai.store.shelf import Shelf
from voiceai.telemetry.logging import configure_logging

app = typer.Typer(add_completion=False)

SEE = "; `voiceai assistants list` and `voiceai pipelines list` show what there is"
STOPPED = 130
"""Exit code of a command that was told to stop."""


@app.command()
def chat(
    assistant: Annotated[
        str, typer.Argument(help="An assistant, one of its numbers, a pipeline or a YAML file.")
    ],
    *,
    as_json: Json = False,
) -> None:
    """Talk to an assistant in text: its greeting, model and tools, without its ears and voice.

    One line is one turn, typed or from a pipe. /digits 123# types digits, /help shows the
    commands, /quit or the end of the input (Ctrl-D) hangs up.
    """
    from voiceai.lab.terminal import converse  # noqa: PLC0415 - it imports every service

    loaded = load_settings()
    warn(loaded.warnings)
    configure_logging("text", "CRITICAL", secrets=loaded.settings.secret_values())
    console = Console(stderr=as_json, highlight=False, soft_wrap=True)
    try:
        spec = asyncio.run(find_spec(assistant, loaded.settings))
        transcript = asyncio.run(converse(spec, loaded.settings, sys.stdin, console))
    except (SpecError, ServiceUnavailable) as error:
        raise fail(str(error)) from error
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(STOPPED) from None
    if as_json:
        write_json(transcript.as_dict())
    unanswered = [each for each in transcript.failures if each.instead is None]
    if unanswered:
        last = unanswered[-1]
        raise fail(f"{last.kind} {last.service}: {last.reason}, and nobody took its place")


async def find_spec(name: str, settings: Settings) -> PipelineSpec:
    """Return what answers: a file, an assistant of the store, or a pipeline.

    Raises:
        SpecError: The file is wrong, or the assistant's row is.
        UnknownAssistant: Nobody has this name.
        StoreUnavailable: Likewise, and the store could not be asked.
    """
    shelf = Shelf(settings.voiceai_pipelines)
    if name not in shelf.pipelines and _names_file(name):
        return resolve(shelf.find(name), shelf.known).spec
    away: StoreUnavailable | None = None
    names = set(shelf.pipelines)
    try:
        async with open_store(settings) as store:
            entries = await store.assistants()
    except StoreUnavailable as error:
        away = error
    else:
        names |= {entry.name for entry in entries}
        found = next((entry for entry in entries if _is(entry, name)), None)
        if found and found.spec:
            warn([f"{found.name}: {text}" for text in (found.problem, *found.warnings) if text])
            return found.spec
        if found:
            raise fail(f"{found.name}: {found.problem}")
    if name in shelf.pipelines:
        return resolve(shelf.pipelines[name], shelf.known).spec
    if away:
        raise away
    nearest = nearest_name(name, names)
    hint = f"; did you mean '{nearest}'?" if nearest else SEE
    raise UnknownAssistant(f"there is no assistant, pipeline or file '{name}'{hint}")


def _names_file(name: str) -> bool:
    """Return whether it is a file's name.

    Raises:
        UnknownAssistant: It is, and there is no such file.
    """
    if not name.endswith((".yaml", ".yml")):
        return False
    if not Path(name).is_file():
        raise UnknownAssistant(f"there is no file '{name}'")
    return True


def _is(entry: AssistantEntry, name: str) -> bool:
    return name in {entry.name, entry.id, *entry.numbers}
