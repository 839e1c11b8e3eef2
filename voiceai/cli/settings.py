"""``voiceai settings``: every setting, its value, its default and where it came from."""

from dataclasses import asdict

import typer

from voiceai.cli.output import Json, warn, write_json, write_table
from voiceai.settings import load_settings

app = typer.Typer(add_completion=False)


@app.command()
def settings(*, as_json: Json = False) -> None:
    """Every setting, its default and where it came from; secrets are masked."""
    loaded = load_settings()
    rows = loaded.describe()
    warn(loaded.warnings)
    if as_json:
        write_json([asdict(row) for row in rows])
        return
    write_table(
        ("name", "value", "default", "from", "meaning"),
        [(row.name, row.value, row.default, row.source, row.meaning) for row in rows],
    )
