"""``voiceai demo``: one call on the embedded default, shown as it happens."""

import asyncio
import sys
from typing import Annotated

import typer
from rich.console import Console

from voiceai.cli.output import Json, warn, write_json
from voiceai.demo.run import run_demo
from voiceai.settings import load_settings
from voiceai.telemetry.logging import configure_logging

app = typer.Typer()


@app.command()
def demo(
    *,
    stay: Annotated[
        bool, typer.Option("--stay", help="Stay up afterwards, to be rung with a softphone.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Place a call through a private Asterisk to the embedded default, and show it."""
    loaded = load_settings()
    warn(loaded.warnings)
    configure_logging("text", "WARNING", secrets=loaded.settings.secret_values())
    console = Console(stderr=as_json, width=None if sys.stdout.isatty() else 120)
    figures = asyncio.run(run_demo(loaded.settings, console, stay=stay))
    if as_json:
        write_json(figures)
