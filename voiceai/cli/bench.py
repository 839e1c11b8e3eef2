"""``voiceai bench``: figures of this machine, each with its distribution."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from voiceai.bench.capacity_report import SYSTEMS, System
from voiceai.bench.placement import Placement
from voiceai.bench.plot import save
from voiceai.bench.report import Report
from voiceai.bench.setup import run_setup
from voiceai.cli.output import Json, warn, write_json
from voiceai.settings import Settings, load_settings
from voiceai.telemetry.logging import configure_logging

app = typer.Typer(no_args_is_help=True)

Realtime = Annotated[
    bool,
    typer.Option("--fifo", help="Run what is measured under SCHED_FIFO: as if nothing else ran."),
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit code 1 when a budget is missed.")]
Plot = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        dir_okay=False,
        help="SVG to draw, with the numbers as JSON beside it; var/bench/NAME.svg unless given.",
    ),
]
Placing = Annotated[Placement, typer.Option("--placement", help="Of the media engine.")]
Recordings = Annotated[
    Path | None,
    typer.Option(
        "--speech", file_okay=False, exists=True, help="Folder of WAV files to say instead."
    ),
]


@app.callback()
def bench() -> None:
    """Measure this machine. Each bench stops by itself, and writes numbers and a picture."""


@app.command()
def setup(
    *,
    calls: Annotated[int, typer.Option(min=1, max=200, help="Calls after the first one.")] = 20,
    realtime: Realtime = False,
    strict: Strict = False,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """Call set-up: from a call's entry to the first packet of its greeting."""
    report = asyncio.run(run_setup(_settings(), calls=calls, realtime=realtime))
    _finish(report, strict=strict, plot=plot, as_json=as_json)


@app.command()
def store(
    *,
    changes: Annotated[int, typer.Option(min=1, max=1000, help="Of each kind.")] = 30,
    numbers: Annotated[int, typer.Option(min=1, max=1_000_000, help="In the table.")] = 10_000,
    strict: Strict = False,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """From a changed row to the call that it answers, and the look-up of a number; a minute."""
    from voiceai.bench.store import run_store  # noqa: PLC0415 - asyncpg

    report = asyncio.run(run_store(_settings(), changes=changes, numbers=numbers))
    _finish(report, strict=strict, plot=plot, as_json=as_json)


@app.command()
def jitter(
    *,
    streams: Annotated[
        list[int] | None, typer.Option(min=1, max=1000, help="At once; may be repeated.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, max=600, help="Each run.")] = 5.0,
    realtime: Realtime = False,
    strict: Strict = False,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """How evenly packets leave, idle and half busy, beside a bare timer and Pipecat's own way."""
    _settings()
    from voiceai.bench.jitter import run_jitter  # noqa: PLC0415 - Pipecat takes half a second

    work = run_jitter(streams=streams or (1, 10, 50, 100, 500), seconds=seconds, realtime=realtime)
    _finish(uvloop.run(work), strict=strict, plot=plot, as_json=as_json)


@app.command()
def capacity(
    *,
    calls: Annotated[
        list[int] | None,
        typer.Option(min=1, max=400, help="To try, ascending; may be repeated."),
    ] = None,
    seconds: Annotated[float, typer.Option(min=11, max=600, help="Each number of calls.")] = 12.0,
    placement: Placing = "process",
    only: Annotated[System | None, typer.Option(help="Measure this alone.")] = None,
    recordings: Recordings = None,
    strict: Strict = False,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """How many calls a core has while turns happen, beside stock Pipecat. Some four minutes."""
    settings = _settings()
    from voiceai.bench.capacity import run_capacity  # noqa: PLC0415 - Pipecat takes half a second

    work = run_capacity(
        settings,
        seconds=seconds,
        placement=placement,
        systems=(only,) if only else SYSTEMS,
        calls=calls or (),
        recordings=recordings,
        progress=lambda line: typer.echo(line, err=True),
    )
    _finish(asyncio.run(work), strict=strict, plot=plot, as_json=as_json)


@app.command()
def cpu(
    *,
    calls: Annotated[int, typer.Option(min=1, max=1000, help="At once.")] = 20,
    seconds: Annotated[float, typer.Option(min=1, max=600, help="Each phase.")] = 15.0,
    smart_turn: Annotated[
        bool, typer.Option(help="A model decides when a turn ends, or silence alone.")
    ] = True,
    placement: Placing = "inline",
    realtime: Realtime = False,
    strict: Strict = False,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """Processor time and memory per call, listening and talking, without models of speech."""
    settings = _settings()
    from voiceai.bench.cpu import run_cpu  # noqa: PLC0415 - Pipecat takes half a second

    work = run_cpu(
        settings,
        calls=calls,
        seconds=seconds,
        smart_turn=smart_turn,
        placement=placement,
        realtime=realtime,
    )
    _finish(uvloop.run(work), strict=strict, plot=plot, as_json=as_json)


@app.command()
def soak(
    *,
    real: Annotated[
        bool, typer.Option("--real", help="Many calls by SIPp through a real Asterisk instead.")
    ] = False,
    minutes: Annotated[
        float | None,
        typer.Option(min=0.5, max=240, help="Of a call: 60; with --real in all: 20."),
    ] = None,
    calls: Annotated[int, typer.Option(min=1, max=90, help="At once, with --real.")] = 50,
    strict: Strict = False,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """Whether anything grows: an hour of a bad network in seconds, or real calls for minutes."""
    settings = _settings()
    from voiceai.bench.soak import run_soak  # noqa: PLC0415 - half a second
    from voiceai.bench.soak_real import run_real_soak  # noqa: PLC0415 - likewise

    if real:
        work = run_real_soak(
            settings,
            minutes=minutes or 20.0,
            calls=calls,
            progress=lambda line: typer.echo(line, err=True),
        )
    else:
        work = run_soak(minutes=round(minutes or 60))
    _finish(asyncio.run(work), strict=strict, plot=plot, as_json=as_json)


@app.command()
def turns(
    *,
    count: Annotated[int, typer.Option("--turns", min=1, max=1000, help="Sentences.")] = 20,
    recordings: Recordings = None,
    realtime: Realtime = False,
    strict: Strict = False,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """How long a caller waits for an answer of the embedded default, with the parts."""
    settings = _settings()
    from voiceai.bench.turns import run_turns  # noqa: PLC0415 - Pipecat takes half a second

    work = run_turns(settings, turns=count, recordings=recordings, realtime=realtime)
    _finish(asyncio.run(work), strict=strict, plot=plot, as_json=as_json)


@app.command("barge-in")
def barge_in(
    *,
    calls: Annotated[
        list[int] | None, typer.Option(min=1, max=200, help="At once; may be repeated.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=5, max=600, help="Each run.")] = 20.0,
    placement: Annotated[Placement, typer.Option(help="Of the media engine.")] = "process",
    smart_turn: Annotated[
        bool, typer.Option(help="A model decides when a turn ends, or silence alone.")
    ] = True,
    realtime: Realtime = False,
    strict: Strict = False,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """How soon the assistant gives way to a caller: from speech to a low voice and to silence."""
    settings = _settings()
    from voiceai.bench.barge_in import run_barge_in  # noqa: PLC0415 - Pipecat takes half a second

    work = run_barge_in(
        settings,
        calls=calls or (1, 50),
        seconds=seconds,
        placement=placement,
        smart_turn=smart_turn,
        realtime=realtime,
    )
    _finish(uvloop.run(work), strict=strict, plot=plot, as_json=as_json)


@app.command()
def concealment(
    *,
    recordings: Annotated[int, typer.Option(min=2, max=146, help="Sentences to send.")] = 46,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Of losses, each.")] = 5,
    network: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this one, such as random:3, burst:5 or jitter:40; may be repeated."
        ),
    ] = None,
    strict: Strict = False,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """How lost packets sound and what they cost recognition, beside other ways; 20 minutes."""
    settings = _settings()
    from voiceai.bench.concealment import run_concealment  # noqa: PLC0415 - soxr, onnxruntime
    from voiceai.bench.loss_traces import CONDITIONS, Condition  # noqa: PLC0415 - likewise

    try:
        chosen = tuple(Condition.parse(text) for text in network) if network else CONDITIONS
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    report = run_concealment(
        settings.voiceai_data_dir / "recordings",
        recordings=recordings,
        seeds=seeds,
        conditions=chosen,
    )
    _finish(report, strict=strict, plot=plot, as_json=as_json)


@app.command("turn-model")
def turn_model(
    *,
    recordings: Annotated[
        int, typer.Option("--recordings-per-speaker", min=2, max=100, help="At most.")
    ] = 40,
    speakers: Annotated[
        list[str] | None,
        typer.Option(
            help="Such as en or fr-armelle; may be repeated, or all. Else en, de, es and fr."
        ),
    ] = None,
    strict: Strict = False,
    plot: Plot = None,
    as_json: Json = False,
) -> None:
    """How well the turn model tells whole sentences from cut ones, beside the file as shipped."""
    settings = _settings()
    from voiceai.bench.turn_model import (  # noqa: PLC0415 - Pipecat takes half a second
        DEFAULT_SPEAKERS,
        run_turn_model,
    )
    from voiceai.bench.turn_recordings import speakers_named  # noqa: PLC0415 - likewise

    try:
        chosen = speakers_named(speakers or DEFAULT_SPEAKERS)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    report = run_turn_model(
        settings.voiceai_data_dir / "recordings",
        recordings_per_speaker=recordings,
        speakers=chosen,
    )
    _finish(report, strict=strict, plot=plot, as_json=as_json)


def _settings() -> Settings:
    loaded = load_settings()
    warn(loaded.warnings)
    configure_logging("text", "ERROR", secrets=loaded.settings.secret_values())
    return loaded.settings


def _finish(report: Report, *, strict: bool, plot: Path | None, as_json: bool) -> None:
    files = save(report, plot or Path("var", "bench", f"{report.bench}.svg"))
    if as_json:
        write_json(report.as_dict())
    else:
        _print(report, files)
    if strict and report.over_budget:
        raise typer.Exit(1)


def _print(report: Report, files: tuple[Path, Path]) -> None:
    width = None if sys.stdout.isatty() else 160
    console = Console(width=width, highlight=False, markup=False, soft_wrap=True)
    for line in report.header():
        console.print(line)
    console.print()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("measure", overflow="fold")
    table.add_column("unit")
    for column in ("n", "p50", "p95", "p99", "max"):
        table.add_column(column, justify="right")
    table.add_column("budget")
    for row in report.rows():
        table.add_row(*row)
    console.print(table)
    console.print()
    for note in report.notes:
        console.print(f"- {note}")
    console.print(f"written: {', '.join(map(str, files))}")
