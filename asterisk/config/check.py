"""Findings about an Asterisk: is it there, may we, is all loaded, do the audio ports collide.

For ``doctor`` and for the start of ``serve``. What ``rtp.conf`` and the dialplan hold Asterisk's
own functions say; without ``func_config`` the former is read from disk where Asterisk runs on this
host. Whether a trunk is registered shows only in ``asterisk -rx 'pjsip show registrations'``.
"""

import asyncio
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from asterisk.ari import requests
from asterisk.ari.client import AriClient
from asterisk.ari.events import parse_channel
from asterisk.ari.naming import EXTERNAL_MEDIA_TECHNOLOGY
from asterisk.config import modules
from asterisk.config.evaluation import evaluate
from asterisk.config.finding import Finding
from asterisk.config.rtp_conf import (
    RTP_CONF,
    RTP_SETTINGS,
    PortRange,
    check_probation,
    check_rtp_ranges,
    parse_rtp_conf,
    rtp_range,
)
from asterisk.config.seen_ports import is_of_this_machine
from asterisk.config.trunks import trunks_finding
from asterisk.errors import AriDisconnected, AriProtocolError, AriRefused, AsteriskError
from asterisk.params import (
    ATTENDED_CONTEXT,
    CONNECT_CONTEXT,
    FALLBACK_CONTEXT,
    TRANSFER_CONTEXT,
    AriParams,
    FormatName,
)

MAJOR_VERSION: Final = "22"
CONTEXTS: Final = {
    TRANSFER_CONTEXT: "transfers",
    ATTENDED_CONTEXT: "attended transfers",
    CONNECT_CONTEXT: "attended transfers",
    FALLBACK_CONTEXT: "callers whom we cannot take",
}
"""Contexts that the dialplan has, and what does not work without."""

REPLACEABLE: Final = frozenset(
    {"codec_ulaw", "codec_alaw", "bridge_simple", "res_pjsip_endpoint_identifier_ip"}
)
"""Modules whose work another one may do."""


async def startup_checks(
    client: AriClient,
    params: AriParams,
    *,
    rtp_ports: PortRange | None = None,
    formats: Collection[FormatName] = (),
    rtp_conf: Path = RTP_CONF,
) -> list[Finding]:
    """Look at an Asterisk through its REST interface.

    Args:
        client: Open; need not be connected for events.
        params: What the client was made from.
        rtp_ports: First and last port of our own audio range, to compare with Asterisk's.
        formats: What Asterisk is to send and to be sent.
        rtp_conf: Asterisk's file, read only when ``params.url`` is this host.

    Returns:
        Findings in the order of the checks; the first failure to reach Asterisk ends them.
        Never raises because of Asterisk.
    """
    try:
        info = await client.send(requests.asterisk_info())
    except AriDisconnected as error:
        return [Finding("ari", "fail", error.reason, error.fix)]
    except AriRefused as error:
        return [Finding("ari", "fail", error.reason, error.fix)]
    except AriProtocolError as error:
        return [Finding("ari", "fail", str(error), "Is ARI_URL really an Asterisk?")]
    findings = [Finding("ari", "ok", f"{params.url} answers {params.username!r}"), _version(info)]
    try:
        findings.append(await _write(client))
        findings += await _modules(client, formats)
        findings.append(await _application(client, params.app))
        findings.append(await trunks_finding(client))
    except AriDisconnected as error:
        return [*findings, Finding("ari", "fail", error.reason, error.fix)]
    told = await evaluate(params, (*map(_exists, CONTEXTS), *map(_in_rtp_conf, RTP_SETTINGS)))
    findings.append(check_contexts({name: told.get(_exists(name)) for name in CONTEXTS}))
    in_rtp_conf = {
        name: told[_in_rtp_conf(name)] for name in RTP_SETTINGS if _in_rtp_conf(name) in told
    }
    if not in_rtp_conf and urlsplit(params.url).hostname in {"127.0.0.1", "::1", "localhost"}:
        text = await asyncio.to_thread(_read, rtp_conf)
        in_rtp_conf = {} if text is None else parse_rtp_conf(text)
    if in_rtp_conf:
        findings.append(check_probation(in_rtp_conf))
    if rtp_ports:
        theirs = rtp_range(in_rtp_conf) if in_rtp_conf else await _observed(client)
        findings.append(check_rtp_ranges(rtp_ports, theirs, known=bool(in_rtp_conf)))
    return findings


def check_contexts(found: Mapping[str, str | None]) -> Finding:
    """Report which contexts of the dialplan are missing.

    Args:
        found: By context, what ``DIALPLAN_EXISTS`` says: ``1`` or ``0``; None when it says nothing.
    """
    missing = [name for name, exists in found.items() if exists == "0"]
    if missing:
        uses = ", ".join(f"{name} ({CONTEXTS[name]})" for name in missing)
        return Finding(
            "dialplan",
            "warn",
            f"not in the dialplan: {uses}",
            "Write extensions.conf anew: `voiceai asterisk render`, then `asterisk -rx 'dialplan "
            "reload'`; or add these contexts to a dialplan of your own.",
        )
    if None in found.values():
        return Finding(
            "dialplan",
            "ok",
            "which contexts the dialplan has shows only with func_dialplan.so",
            "Add `load = func_dialplan.so` to modules.conf to have it looked at.",
        )
    return Finding("dialplan", "ok", f"has {', '.join(found)}")


def check_installed(
    rendered: Mapping[str, str], installed: Mapping[str, str | None]
) -> list[Finding]:
    """Compare rendered files with those that are installed.

    Args:
        rendered: File name to text, from :func:`asterisk.config.render.render`.
        installed: File name to text; None or absent where there is no such file.

    Returns:
        A finding per file, which names the first line that differs by its number only: some
        lines are passwords.
    """
    return [_compare(name, text, installed.get(name)) for name, text in rendered.items()]


def _compare(name: str, rendered: str, installed: str | None) -> Finding:
    if installed is None:
        return Finding(name, "fail", "not installed", "Write it: `voiceai asterisk render`.")
    ours, theirs = _settings(rendered), _settings(installed)
    if [line for _, line in ours] == [line for _, line in theirs]:
        return Finding(name, "ok", "as rendered")
    pairs = zip(theirs, ours, strict=False)
    first = next((number for (number, line), (_, wanted) in pairs if line != wanted), None)
    place = f"from line {first} on" if first else "at its end"
    return Finding(
        name,
        "warn",
        f"differs from what would be rendered {place}",
        "Intended? Otherwise write it anew: `voiceai asterisk render`.",
    )


def _settings(text: str) -> list[tuple[int, str]]:
    """Return the lines that mean something, with their numbers."""
    numbered = enumerate(text.splitlines(), 1)
    return [(n, line.strip()) for n, line in numbered if line.strip() and line.strip()[0] != ";"]


def _exists(context: str) -> str:
    return f"DIALPLAN_EXISTS({context})"


def _in_rtp_conf(setting: str) -> str:
    return f"AST_CONFIG(rtp.conf,general,{setting})"


def _version(info: object) -> Finding:
    system = info.get("system") if isinstance(info, dict) else None
    version = str(system.get("version")) if isinstance(system, dict) else "unknown"
    if version.split(".")[0] == MAJOR_VERSION:
        return Finding("version", "ok", f"Asterisk {version}")
    return Finding(
        "version",
        "warn",
        f"Asterisk {version}; made for and tested with {MAJOR_VERSION}",
        f"Install Asterisk {MAJOR_VERSION}.",
    )


async def _write(client: AriClient) -> Finding:
    try:
        await client.check_write()
    except AriRefused as error:
        return Finding("write", "fail", error.reason, error.fix)
    except AriProtocolError as error:
        return Finding("write", "fail", str(error))
    return Finding("write", "ok", "the account may control calls")


async def _modules(client: AriClient, formats: Collection[FormatName]) -> list[Finding]:
    further = {name for format_ in formats for name in modules.OF_FORMAT[format_]}
    names = (*modules.REQUIRED, *sorted(further))
    answers = await asyncio.gather(*(_runs(client, name) for name in names), return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    missing = [name for name, runs in zip(names, answers, strict=True) if not runs]
    if not missing:
        return [Finding("modules", "ok", f"all {len(names)} modules that a call needs are loaded")]
    return [
        Finding(
            "modules",
            "warn" if name in REPLACEABLE else "fail",
            f"{name}.so is not loaded",
            f"Add `load = {name}.so` to modules.conf, or `asterisk -rx 'module load {name}.so'`.",
        )
        for name in missing
    ]


async def _runs(client: AriClient, name: str) -> bool:
    try:
        answer = await client.send(requests.module(name))
    except (AriRefused, AriProtocolError):
        return False
    return isinstance(answer, dict) and answer.get("status") == "Running"


async def _application(client: AriClient, app: str) -> Finding:
    try:
        await client.send(requests.get_application(app))
    except AriRefused:
        return Finding(
            "application",
            "warn",
            f"nobody has registered the application {app!r}; callers reach the fallback",
            "Start `voiceai serve`; the dialplan's Stasis() and ARI_APP must name the same.",
        )
    except AriProtocolError as error:
        return Finding("application", "fail", str(error))
    return Finding("application", "ok", f"the application {app!r} is known to Asterisk")


async def _observed(client: AriClient) -> PortRange | None:
    """Return the lowest and highest audio port of external channels that exist just now.

    An Asterisk on another machine has ports of its own, so they do not count.
    """
    ports = []
    try:
        listed = await client.send(requests.list_channels())
        for channel in map(parse_channel, listed if isinstance(listed, list) else []):
            if channel.name.startswith(EXTERNAL_MEDIA_TECHNOLOGY):
                host = await _variable(client, channel.id, "UNICASTRTP_LOCAL_ADDRESS")
                port = await _variable(client, channel.id, "UNICASTRTP_LOCAL_PORT")
                if port.isdigit() and is_of_this_machine(host):
                    ports.append(int(port))
    except AsteriskError:
        return None
    return (min(ports), max(ports)) if ports else None


async def _variable(client: AriClient, channel_id: str, name: str) -> str:
    answer = await client.send(requests.get_variable(channel_id, name))
    return str(answer.get("value")) if isinstance(answer, dict) else ""


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
