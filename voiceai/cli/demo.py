"""``voiceai demo``: one call on the embedded default, shown as it happens."""

import asyncio
import signal
import sys
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from voiceai.cli.output import Json, warn, write_json
from voiceai.demo.run import run_demo
from voiceai.settings import load_settings
from voiceai.telemetry.logging import configure_logging

app = typer.Typer(add_completion=False)
T = TypeVar("T")
STOPPED = 130
"""Exit code of a command that was told to stop."""


@app.command()
def demo(
    *,
    stay: Annotated[
        bool, typer.Option("--stay", help="Stay up afterwards, to be rung with a softphone.")
    ] = False,
    fakes: Annotated[
        bool,
        typer.Option("--fakes", help="Use Azure and Mistral as servers here pretend to be."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Place a call through a private Asterisk to the embedded default, and show it."""
    loaded = load_settings()
    warn(loaded.warnings)
    configure_logging("text", "WARNING", secrets=loaded.settings.secret_values())
    console = Console(stderr=as_json, width=None if sys.stdout.isatty() else 120)
    try:
        figures = asyncio.run(
            _until_stopped(run_demo(loaded.settings, console, stay=stay, fakes=fakes))
        )
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(STOPPED) from None
    if as_json:
        write_json(figures)


async def _until_stopped(work: Coroutine[Any, Any, T]) -> T:
    """Do the work; SIGTERM ends it as Ctrl-C does, so that what it started is stopped too."""
    task = asyncio.current_task()
    if task:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await work
