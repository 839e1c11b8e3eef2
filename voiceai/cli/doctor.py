"""``voiceai doctor``: what is wrong, and the fix."""

import asyncio

import typer
from rich.console import Console

from voiceai.checks import all_findings
from voiceai.cli.output import Json, warn, write_json
from voiceai.settings import load_settings
from voiceai.telemetry.logging import configure_logging

app = typer.Typer(add_completion=False)
COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@app.command()
def doctor(*, as_json: Json = False) -> None:
    """Check everything that a call needs; exit code 1 when a call would fail."""
    loaded = load_settings()
    warn(loaded.warnings)
    configure_logging("text", "ERROR", secrets=loaded.settings.secret_values())
    findings = asyncio.run(all_findings(loaded.settings))
    if as_json:
        fields = ("check", "level", "message", "fix")
        write_json([{name: getattr(found, name) for name in fields} for found in findings])
    else:
        console = Console(highlight=False, soft_wrap=True)
        for found in findings:
            label = f"[{COLOURS[found.level]}]{found.level.upper():4}[/]"
            console.print(label, end=" ")
            console.print(f"{found.check}: {found.message}", markup=False)
            if found.fix:
                console.print(f"     -> {found.fix}", markup=False)
    if any(found.level == "fail" for found in findings):
        raise typer.Exit(1)
