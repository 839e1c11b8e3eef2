"""Findings about an Asterisk: is it there, may we, is all loaded, do the audio ports collide.

For ``doctor`` and for the start of ``serve``. ARI shows neither ``rtp.conf`` nor whether a trunk
is registered: the former is read from disk where Asterisk runs on this host, the latter shows
only in ``asterisk -rx 'pjsip show registrations'``.
"""

import asyncio
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

from asterisk.ari import requests
from asterisk.ari.client import AriClient
from asterisk.ari.events import parse_channel
from asterisk.ari.naming import EXTERNAL_MEDIA_TECHNOLOGY
from asterisk.config import modules
from asterisk.config.seen_ports import is_of_this_machine
from asterisk.errors import AriDisconnected, AriProtocolError, AriRefused, AsteriskError
from asterisk.params import AriParams, FormatName

MAJOR_VERSION: Final = "22"
RTP_CONF: Final = Path("/etc/asterisk/rtp.conf")
DEFAULT_RTP_RANGE: Final = (5000, 31_000)
"""What Asterisk uses where rtp.conf says nothing (``res_rtp_asterisk.c``)."""

PORTS_PER_CALL: Final = 4
"""The caller's channel and the external one take a pair each."""

REPLACEABLE: Final = frozenset(
    {"codec_ulaw", "codec_alaw", "bridge_simple", "res_pjsip_endpoint_identifier_ip"}
)
"""Modules whose work another one may do."""

Level: TypeAlias = Literal["ok", "warn", "fail"]
PortRange: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a check-up.

    Attributes:
        check: What was looked at, a short name.
        level: ``fail``: calls do not work. ``warn``: they may not, or not all.
        message: What was seen.
        fix: What to do about it; empty when nothing is.
    """

    check: str
    level: Level
    message: str
    fix: str = ""


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
    except AriDisconnected as error:
        return [*findings, Finding("ari", "fail", error.reason, error.fix)]
    if rtp_ports:
        local = urlsplit(params.url).hostname in {"127.0.0.1", "::1", "localhost"}
        text = await asyncio.to_thread(_read, rtp_conf) if local else None
        theirs = parse_rtp_range(text) if text is not None else await _observed(client)
        findings.append(check_rtp_ranges(rtp_ports, theirs, known=text is not None))
    return findings


def parse_rtp_range(text: str) -> PortRange:
    """Read first and last port from the text of an ``rtp.conf``; Asterisk's defaults otherwise."""
    found = {"rtpstart": DEFAULT_RTP_RANGE[0], "rtpend": DEFAULT_RTP_RANGE[1]}
    for name, value in re.findall(r"(?m)^\s*(rtpstart|rtpend)\s*=>?\s*(\d{1,5})\b", text):
        found[name] = int(value)
    return found["rtpstart"], found["rtpend"]


def check_rtp_ranges(ours: PortRange, theirs: PortRange | None, *, known: bool) -> Finding:
    """Compare our audio range with Asterisk's.

    Args:
        ours: First and last port.
        theirs: First and last port; None when nothing is known about them.
        known: ``theirs`` is the range itself, not just ports seen in use.
    """
    mine = f"{ours[0]}..{ours[1]}"
    if theirs is None:
        return Finding(
            "rtp",
            "ok",
            f"our audio ports are {mine}; Asterisk's range shows only in its rtp.conf",
        )
    seen = f"{theirs[0]}..{theirs[1]}"
    if ours[0] <= theirs[1] and theirs[0] <= ours[1]:
        whose = f"Asterisk's {seen}" if known else f"Asterisk's, which was seen using {seen}"
        return Finding(
            "rtp",
            "warn",
            f"our audio ports {mine} overlap {whose}",
            "Set rtpstart=20002 and rtpend=30001 in rtp.conf, or move RTP_PORT and RTP_PORT_MAX: "
            "an Asterisk that finds no free port crashes.",
        )
    if not known:
        return Finding("rtp", "ok", f"our audio ports {mine}; Asterisk was seen using {seen}")
    calls = (theirs[1] - theirs[0] + 1) // PORTS_PER_CALL
    return Finding(
        "rtp", "ok", f"our audio ports {mine}, Asterisk's {seen}: room for {calls} calls there"
    )


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
