"""``voiceai demo``: one call on the embedded default, shown as it happens."""

import asyncio
import json
from typing import Annotated

import typer
from rich.console import Console

from voiceai.settings import load_settings
from voiceai.telemetry.logging import configure_logging


def demo(
    *,
    stay: Annotated[
        bool, typer.Option("--stay", help="Stay up afterwards, to be rung with a softphone.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Place a call through a private Asterisk to the embedded default, and show it."""
    from voiceai.demo.run import run_demo  # noqa: PLC0415 - 1 s of imports

    settings = load_settings().settings
    configure_logging("text", "WARNING")
    console = Console(stderr=as_json)
    figures = asyncio.run(run_demo(settings, console, stay=stay))
    if as_json:
        typer.echo(json.dumps(figures, indent=2))
