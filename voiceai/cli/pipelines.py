"""``voiceai pipelines``: list, show, validate, schema, graph."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.document import Document
from pipelines.errors import SpecError
from pipelines.findings import Finding
from pipelines.graph import graph_of
from pipelines.loader import LIBRARY, dump_pipeline, resolve
from voiceai.cli.output import Json, fail, warn, write_json, write_table
from voiceai.cli.pipeline_picture import print_graph, svg_of
from voiceai.settings import Settings, load_settings
from voiceai.store.shelf import Shelf, flow_findings, tool_findings
from voiceai.telemetry.logging import configure_logging

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="What can be said: list, show, check, draw."
)

Name = Annotated[str, typer.Argument(help="Its name, or a file.")]

COLUMNS = ("name", "language", "stt", "llm", "tts", "extends", "from")


@app.command("list")
def list_pipelines(*, as_json: Json = False) -> None:
    """List the shipped pipelines and those of VOICEAI_PIPELINES."""
    shelf = _open()[1]
    rows = [_row(name, document, shelf) for name, document in sorted(shelf.pipelines.items())]
    if as_json:
        write_json(rows)
    else:
        write_table(COLUMNS, [[row[column] for column in COLUMNS] for row in rows])
    warn([str(finding) for finding in shelf.findings])
    warn([row["problem"] for row in rows if row["problem"]])


@app.command("show")
def show_pipeline(
    name: Name,
    *,
    resolved: Annotated[
        bool, typer.Option("--resolved", help="With all that it inherits and refers to.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show a pipeline as it is written, or as it is used."""
    shelf = _open()[1]
    try:
        document = shelf.find(name)
        spec = resolve(document, shelf.known).spec if resolved else None
    except SpecError as exc:
        raise fail(str(exc)) from exc
    if as_json:
        write_json(spec.model_dump(mode="json") if spec else document.data)
    elif spec:
        sys.stdout.write(dump_pipeline(spec))
    else:
        sys.stdout.write(Path(document.file).read_text(encoding="utf-8"))


@app.command("validate")
def validate_pipelines(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Files, folders or names; all that can be found unless given."),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Check pipelines; exit code 1 if one cannot be used.

    What this machine lacks for a pipeline, such as a key, is a hint.
    """
    settings, shelf = _open()
    documents, findings = _wanted(names, shelf)
    findings += _check(documents, shelf, settings)
    findings = list(dict.fromkeys(findings))
    wrong = sum(finding.severity == "error" for finding in findings)
    if as_json:
        write_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            sys.stdout.write(f"{finding.severity}: {finding}\n")
        hints = len(findings) - wrong
        sys.stdout.write(f"pipelines: {len(documents)}, errors: {wrong}, hints: {hints}\n")
    if wrong:
        raise typer.Exit(1)


@app.command("schema")
def print_schema(*, as_json: Json = False) -> None:
    """Write the JSON Schema of a pipeline's YAML, for editors."""
    from pipelines.schema import pipeline_schema  # noqa: PLC0415 - it imports every service

    del as_json  # it is JSON anyway
    sys.stdout.write(json.dumps(pipeline_schema(), ensure_ascii=False, indent=1) + "\n")


@app.command("graph")
def draw_graph(
    name: Name,
    *,
    svg: Annotated[Path | None, typer.Option(help="Write a picture to this file.")] = None,
    as_json: Json = False,
) -> None:
    """Draw the frame processors that a call of this pipeline goes through."""
    shelf = _open()[1]
    try:
        graph = graph_of(resolve(shelf.find(name), shelf.known).spec)
    except SpecError as exc:
        raise fail(str(exc)) from exc
    if svg:
        try:
            svg.write_text(svg_of(graph), encoding="utf-8")
        except OSError as exc:
            raise fail(f"{svg}: {exc.strerror}") from exc
    if as_json:
        write_json(asdict(graph))
    elif not svg:
        print_graph(graph)


def _open() -> tuple[Settings, Shelf]:
    loaded = load_settings()
    warn(loaded.warnings)
    configure_logging("text", "WARNING", secrets=loaded.settings.secret_values())
    return loaded.settings, Shelf(loaded.settings.voiceai_pipelines)


def _row(name: str, document: Document, shelf: Shelf) -> dict[str, Any]:
    row = dict.fromkeys((*COLUMNS, "problem"))
    row["name"] = name
    row["extends"] = document.data.get("extends")
    row["from"] = "shipped" if Path(document.file).parent == LIBRARY else document.file
    try:
        spec = resolve(document, shelf.known).spec
    except SpecError as exc:
        return {**row, "problem": str(exc)}
    chains = {
        kind: ", ".join(service.service for service in getattr(spec, kind).chain)
        for kind in ("stt", "llm", "tts")
    }
    return {**row, "language": spec.language, **chains}


def _wanted(names: Sequence[str] | None, shelf: Shelf) -> tuple[list[Document], list[Finding]]:
    """The pipelines to check, and what could not be read of them."""
    if not names:
        return list(shelf.pipelines.values()), list(shelf.findings)
    documents: list[Document] = []
    findings: list[Finding] = []
    for name in names:
        try:
            if Path(name).is_file() and Path(name).parent.name == "tools":
                findings += tool_findings(Path(name))
            elif Path(name).is_file() and Path(name).parent.name == "flows":
                findings += flow_findings(Path(name))
            elif Path(name).is_dir():
                found, wrong = shelf.add(Path(name))
                documents += found.values()
                findings += wrong
            else:
                documents.append(shelf.find(name))
        except SpecError as exc:
            findings += exc.findings
    return documents, findings


def _check(documents: Sequence[Document], shelf: Shelf, settings: Settings) -> list[Finding]:
    """Errors of the texts, and hints at what this machine lacks for them."""
    from pipelines.validate import validate  # noqa: PLC0415 - it imports every service
    from voiceai.app import make_resources  # noqa: PLC0415 - likewise

    findings: list[Finding] = []
    resources = make_resources(settings)
    try:
        for document in documents:
            try:
                loaded = resolve(document, shelf.known)
            except SpecError as exc:
                findings += exc.findings
                continue
            wrong = validate(loaded)
            every = validate(loaded, resources=resources)
            missing = [each for each in every if each not in wrong]
            findings += [*wrong, *(replace(each, severity="hint") for each in missing)]
    finally:
        resources.close()
    return findings
