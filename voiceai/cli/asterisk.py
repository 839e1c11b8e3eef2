"""``voiceai asterisk``: render, check."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr, ValidationError
from rich.console import Console

from asterisk.config.check import check_installed
from asterisk.config.render import render
from asterisk.params import PhoneParams, RenderParams, TrunkParams
from voiceai.app import ari_params
from voiceai.cli.output import Json, write_json
from voiceai.errors import SettingsError
from voiceai.settings import load_settings

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Configuration files for Asterisk."
)
FILE_MODE = 0o640
"""Some of the files hold passwords."""

Registrar = Annotated[str, typer.Option(help="The provider's registrar, as fpbx.de.")]
User = Annotated[str, typer.Option(help="Account name at the provider.")]
Password = Annotated[
    str, typer.Option(envvar="TRUNK_PASSWORD", help="Password at the provider.", show_default=False)
]
Number = Annotated[list[str] | None, typer.Option(help="A number of the trunk; may be repeated.")]
External = Annotated[str | None, typer.Option(help="Our public address, behind a NAT.")]
Phone = Annotated[
    str | None,
    typer.Option(envvar="PHONE_PASSWORD", help="Password of a softphone `phone` of your own."),
]


@app.command("render")
def render_files(
    folder: Annotated[Path, typer.Argument(help="Where to write, as ./asterisk-config.")],
    *,
    registrar: Registrar = "",
    username: User = "",
    password: Password = "",
    number: Number = None,
    external_address: External = None,
    phone_password: Phone = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that differ.")] = False,
    as_json: Json = False,
) -> None:
    """Write pjsip.conf, extensions.conf, ari.conf, http.conf, rtp.conf, modules.conf and others.

    The ARI account is that of ARI_USERNAME and ARI_PASSWORD.
    """
    files = render(
        _params(
            registrar=registrar,
            username=username,
            password=password,
            numbers=number,
            external_address=external_address,
            phone_password=phone_password,
        )
    )
    folder.mkdir(parents=True, exist_ok=True)
    different = [
        name
        for name, text in files.items()
        if (folder / name).exists() and (folder / name).read_text() != text
    ]
    if different and not force:
        names = ", ".join(different)
        raise SettingsError(f"{folder} holds other files of these names: {names}; use --force")
    for name, text in files.items():
        path = folder / name
        path.touch(mode=FILE_MODE)
        path.write_text(text)
    if as_json:
        write_json(sorted(str(folder / name) for name in files))
    else:
        Console(highlight=False, soft_wrap=True).print(
            f"{len(files)} files in {folder}. Copy them to /etc/asterisk, then: "
            "systemctl restart asterisk",
            markup=False,
        )


@app.command("check")
def check_files(
    folder: Annotated[Path, typer.Argument(help="Asterisk's own folder.")] = Path("/etc/asterisk"),
    *,
    registrar: Registrar = "",
    username: User = "",
    password: Password = "",
    number: Number = None,
    external_address: External = None,
    phone_password: Phone = None,
    as_json: Json = False,
) -> None:
    """Compare the files in a folder with what `render` would write for the same options."""
    files = render(
        _params(
            registrar=registrar,
            username=username,
            password=password,
            numbers=number,
            external_address=external_address,
            phone_password=phone_password,
        )
    )
    installed = {
        name: (folder / name).read_text(errors="replace") if (folder / name).is_file() else None
        for name in files
    }
    findings = check_installed(files, installed)
    if as_json:
        fields = ("check", "level", "message", "fix")
        write_json([{name: getattr(found, name) for name in fields} for found in findings])
    else:
        console = Console(highlight=False, soft_wrap=True)
        for found in findings:
            fix = f" -> {found.fix}" if found.fix else ""
            console.print(
                f"{found.level.upper():4} {found.check}: {found.message}{fix}", markup=False
            )
    if any(found.level == "fail" for found in findings):
        raise typer.Exit(1)


def _params(
    *,
    registrar: str,
    username: str,
    password: str,
    numbers: list[str] | None,
    external_address: str | None,
    phone_password: str | None,
) -> RenderParams:
    """Check the options.

    Raises:
        SettingsError: One is missing or malformed.
    """
    settings = load_settings().settings
    if registrar and not (username and password):
        raise SettingsError(
            "a trunk needs --username and a password. "
            "Example: TRUNK_PASSWORD=secret voiceai asterisk render --registrar fpbx.de "
            "--username 777abc ./asterisk-config"
        )
    try:
        trunk = (
            TrunkParams(
                registrar=registrar,
                username=username,
                password=SecretStr(password),
                numbers=tuple(numbers or ()),
            )
            if registrar
            else None
        )
        phone = PhoneParams(password=SecretStr(phone_password)) if phone_password else None
        return RenderParams(
            ari=ari_params(settings),
            external_address=external_address,
            trunk=trunk,
            phone=phone,
        )
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise SettingsError(f"{place}: {first['msg']}") from error
