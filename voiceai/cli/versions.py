"""``voiceai assistants``: versions, diff, rollback, canary, watch."""

import sys
from typing import Annotated

import typer

from pipelines.errors import SpecError
from voiceai.cli.output import Json, ask_store, fail, write_json, write_table
from voiceai.store.layers import difference
from voiceai.store.shapes import version_shape
from voiceai.store.versions import Version

app = typer.Typer(add_completion=False)

Name = Annotated[str, typer.Argument(help="The assistant's name or its id.")]


@app.command("versions")
def list_versions(name: Name, *, as_json: Json = False) -> None:
    """List the versions of an assistant, newest first: who changed it, and when."""
    found = ask_store(lambda store: store.editor.versions(name))
    if as_json:
        write_json([version_shape(version) for version in found])
        return
    write_table(
        ("version", "when", "who", "how"),
        [
            (
                str(version.number),
                version.created_at.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
                version.author,
                version.origin if version.live else "staged",
            )
            for version in found
        ],
    )


@app.command("diff")
def diff_versions(
    name: Name,
    before: Annotated[
        int | None, typer.Argument(metavar="A", help="A version; the one before the newest.")
    ] = None,
    after: Annotated[int | None, typer.Argument(metavar="B", help="A version; the newest.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Show what differs between two versions."""
    found = ask_store(lambda store: store.editor.compare(name, before, after))
    lines = difference(
        found.before.text, found.after.text, (_label(found.before), _label(found.after))
    )
    if as_json:
        shapes = {"from": version_shape(found.before), "to": version_shape(found.after)}
        write_json({"name": name, **shapes, "diff": lines})
    else:
        sys.stdout.write("".join(f"{line}\n" for line in lines))


@app.command("rollback")
def rollback(
    name: Name,
    version: Annotated[
        int | None, typer.Argument(help="Its number; the one before the newest.")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Write the assistant's row as it was in a version."""
    try:
        restored, number = ask_store(lambda store: store.editor.rollback(name, version))
    except SpecError as exc:
        raise fail(str(exc)) from exc
    if as_json:
        write_json({"name": name, "restored": restored.number, "version": number})
    else:
        sys.stdout.write(f"{name} is as in version {restored.number}; that is version {number}\n")


@app.command("canary")
def canary(
    name: Name,
    version: Annotated[int | None, typer.Argument(help="Who gets a share of the calls.")] = None,
    *,
    percent: Annotated[
        float | None, typer.Option(min=0.01, max=100, help="Of the assistant's calls.")
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Give all calls to the row again.")] = False,
    as_json: Json = False,
) -> None:
    """Give a version a percentage of an assistant's calls."""
    if off:
        if version is not None or percent is not None:
            raise typer.BadParameter("--off takes neither a version nor --percent")
        ended = ask_store(lambda store: store.editor.end_canary(name))
        told = {"name": name, "ended": ended}
        text = f"all calls to {name} are answered by its row"
    else:
        if version is None or percent is None:
            raise typer.BadParameter("a version and --percent are needed, or --off")
        number, share = version, percent
        try:
            ask_store(lambda store: store.editor.set_canary(name, number, share))
        except SpecError as exc:
            raise fail(str(exc)) from exc
        told = {"name": name, "version": version, "percent": percent}
        text = f"{percent:g} % of the calls to {name} are answered by version {version}"
    if as_json:
        write_json(told)
    else:
        sys.stdout.write(text + "\n")


@app.command("watch")
def watch(
    *,
    apply: Annotated[
        bool, typer.Option("--apply", help="Put triggers on your two tables.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take them away.")] = False,
    as_json: Json = False,
) -> None:
    """Say how changes are noticed: by triggers on your tables, or by asking twice a second."""
    if apply and remove:
        raise typer.BadParameter("--apply and --remove exclude each other")
    wanted = True if apply else False if remove else None
    triggers = ask_store(lambda store: store.editor.watch(apply=wanted))
    noticed = "triggers" if triggers == 2 else "poll"
    if as_json:
        write_json({"noticed_by": noticed, "triggers": triggers})
    elif triggers == 2:
        sys.stdout.write("changes are told by our triggers on your tables\n")
    else:
        sys.stdout.write("changes are looked for twice a second; --apply makes triggers\n")


def _label(version: Version) -> str:
    when = version.created_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return f"version {version.number} ({version.origin}, {version.author}, {when})"
