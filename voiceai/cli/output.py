"""What every command shares: ``--json``, tables, and a store to ask."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from voiceai.settings import Settings, load_settings
from voiceai.store.repository import Store, open_store
from voiceai.telemetry.logging import configure_logging

Result = TypeVar("Result")

Json = Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")]


def ask_store(question: Callable[[Store], Awaitable[Result]]) -> Result:
    """Open the configured database, ask, close.

    Raises:
        VoiceaiError: A setting is wrong or the database cannot be reached.
    """
    loaded = load_settings()
    warn(loaded.warnings)
    configure_logging("text", "WARNING", secrets=loaded.settings.secret_values())
    return asyncio.run(_ask(loaded.settings, question))


async def _ask(settings: Settings, question: Callable[[Store], Awaitable[Result]]) -> Result:
    async with open_store(settings) as store:
        return await question(store)


def warn(warnings: Sequence[str]) -> None:
    """Write warnings to standard error."""
    console = Console(stderr=True)
    for warning in warnings:
        console.print(f"warning: {warning}", markup=False, highlight=False, soft_wrap=True)


def fail(message: str) -> typer.Exit:
    """Say what failed; raise what this returns."""
    Console(stderr=True).print(f"error: {message}", markup=False, highlight=False, soft_wrap=True)
    return typer.Exit(1)


def write_json(value: Any) -> None:
    """Write one JSON document to standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def write_table(columns: Sequence[str], rows: Sequence[Sequence[str | None]]) -> None:
    """Write a table as wide as the terminal; piped, nothing is cut."""
    console = Console(width=None if sys.stdout.isatty() else 200)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_plain(cell) for cell in row))
    console.print(table)


def _plain(cell: str | None) -> str:
    """A cell whose brackets are not taken for markup."""
    return (cell or "").replace("[", r"\[")
