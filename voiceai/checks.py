"""What has to be right before a call can be taken, each with its fix; pure of presentation.

``doctor`` prints all of it, ``serve`` logs what is wrong with Asterisk when it starts.
"""

import asyncio
import importlib
import platform
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import aiohttp
from loguru import logger

from asterisk.ari.client import AriClient
from asterisk.config.check import startup_checks
from asterisk.config.finding import Finding
from pipelines.resources import Resources
from pipelines.validate import validate
from transports.scheduling import prefer_this_thread
from voiceai.app import REALTIME_FIX, ari_params, make_resources, not_realtime
from voiceai.errors import VoiceaiError
from voiceai.interpreter import OPTIMISED, is_plainly_built
from voiceai.recording.folder import FOLDER
from voiceai.settings import Settings
from voiceai.store.repository import AssistantEntry, open_store

PACKAGES = ("voiceai", "pipelines", "transports", "asterisk")
RECORDED_HOUR_BYTES = 3600 * 16_000
ROOM_HOURS = 24
"""Less room for recordings than that is a warning."""
SERVE_SECONDS = 2.0
"""How long a `serve` beside us may take to answer."""
PYTHONS = ((3, 11), (3, 13))
"""First and last version of Python that is supported."""
OPTIMISED_FIX = (
    "Take Debian's, for instance: rm -r .venv, then make install PYTHON=/usr/bin/python3. "
    f"Or build it with {OPTIMISED}; pyenv does so if PYTHON_CONFIGURE_OPTS says it."
)


async def all_findings(settings: Settings) -> list[Finding]:
    """Look at everything, in the order in which a call needs it."""
    findings = [python_finding(), packages_finding(), data_finding(settings.voiceai_data_dir)]
    findings.append(rtp_finding(settings))
    findings.append(await asyncio.to_thread(media_finding, settings.voiceai_media, granted_class))
    findings += await asterisk_findings(settings)
    findings += await serve_findings(settings)
    findings += await store_findings(settings)
    return findings


def python_finding() -> Finding:
    """Check the interpreter's version, and how it was built."""
    first, last = PYTHONS
    version = platform.python_version()
    if not first <= sys.version_info[:2] <= last:
        fix = f"Use Python {first[0]}.{first[1]} to {last[0]}.{last[1]}."
        return Finding("python", "fail", f"Python {version}", fix)
    if is_plainly_built():
        message = (
            f"Python {version} was built without {OPTIMISED}: calls take a tenth more of a core"
        )
        return Finding("python", "warn", message, OPTIMISED_FIX)
    return Finding("python", "ok", f"Python {version} on {platform.machine()}")


def packages_finding() -> Finding:
    """Check that our packages are ours: PyPI has others of the same names."""
    homes = {name: _home(name) for name in PACKAGES}
    ours = homes["voiceai"]
    strangers = [f"{name} from {home}" for name, home in homes.items() if home != ours]
    if not strangers:
        return Finding("packages", "ok", f"all four load from {ours}")
    names = " ".join(name for name, home in homes.items() if home != ours)
    return Finding(
        "packages",
        "fail",
        f"not ours: {', '.join(strangers)}",
        f"pip uninstall {names}, then install voiceai again.",
    )


def _home(name: str) -> Path | None:
    file = importlib.import_module(name).__file__
    return Path(file).parents[1] if file else None


def data_finding(folder: Path) -> Finding:
    """Check that records can be written."""
    probe = folder / ".probe"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        return Finding(
            "data",
            "fail",
            f"{folder} cannot be written: {error.strerror}",
            "Set VOICEAI_DATA_DIR to a folder of yours.",
        )
    return Finding("data", "ok", f"{folder} is writable")


def recordings_finding(data_dir: Path) -> Finding:
    """Check that recordings can be written, and that there is room for some."""
    folder = data_dir / FOLDER
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            hours = shutil.disk_usage(folder).free / RECORDED_HOUR_BYTES
    except OSError as error:
        return Finding(
            "recordings",
            "fail",
            f"{folder} cannot be written: {error.strerror}",
            "Make it a folder of the user that voiceai runs as; until then nothing is recorded.",
        )
    room = f"{folder} has room for {hours:.0f} hours"
    if hours < ROOM_HOURS:
        return Finding("recordings", "warn", room, "Make room, or lower recording.keep_days.")
    return Finding("recordings", "ok", room)


def rtp_finding(settings: Settings) -> Finding:
    """Check that the address for audio is one of this machine."""
    address = settings.rtp_bind or settings.rtp_host
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError as error:
        return Finding(
            "audio",
            "fail",
            f"{address} cannot be bound: {error.strerror}",
            "Set RTP_BIND to an address of this machine (0.0.0.0 for all), RTP_HOST to the one "
            "at which Asterisk reaches it.",
        )
    ports = f"{settings.rtp_port}..{settings.rtp_port_max}"
    return Finding("audio", "ok", f"RTP at {settings.rtp_host}, ports {ports}")


def media_finding(placement: str, granted: Callable[[], str]) -> Finding:
    """Check that audio goes first when cores are scarce.

    Args:
        placement: ``process`` or ``inline``.
        granted: Says how a process that is started now would be ranked.
    """
    if placement == "inline":
        return Finding(
            "media",
            "warn",
            "audio is sent by the process of the calls, and waits for whatever it does",
            "Set VOICEAI_MEDIA=process.",
        )
    scheduling = granted()
    if scheduling.startswith("SCHED_FIFO"):
        return Finding("media", "ok", f"a process of its own, {scheduling}")
    return Finding("media", "warn", not_realtime(scheduling), REALTIME_FIX)


def granted_class() -> str:
    """Return how the media process would be ranked if we started it."""
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(prefer_this_thread()))
    thread.start()  # the rank ends with the thread
    thread.join()
    return found[0]


async def asterisk_findings(settings: Settings) -> list[Finding]:
    """Look at Asterisk through its REST interface."""
    try:
        params = ari_params(settings)
    except VoiceaiError as error:
        return [Finding("ari", "fail", str(error))]
    async with AriClient(params) as client:
        return await startup_checks(
            client,
            params,
            rtp_ports=(settings.rtp_port, settings.rtp_port_max),
            formats={settings.rtp_codec, settings.rtp_receive or settings.rtp_codec},
        )


async def serve_findings(settings: Settings) -> list[Finding]:
    """Ask the `serve` that runs beside us what it lacks; nothing where none runs."""
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - to be replaced
    host = anywhere.get(settings.http_host, settings.http_host)
    url = f"http://{host}:{settings.http_port}/health/ready"
    try:
        timeout = aiohttp.ClientTimeout(total=SERVE_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as client, client.get(url) as response:
            body = await response.json()
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return []
    if not isinstance(body, dict) or "reasons" not in body:
        return []
    wrong = [Finding("serve", "fail", str(reason)) for reason in body["reasons"]]
    wrong += [Finding("serve", "warn", str(warning)) for warning in body.get("warnings", ())]
    return wrong or [Finding("serve", "ok", f"ready at {url}")]


async def store_findings(settings: Settings) -> list[Finding]:
    """Look at the database, the assistants in it and what their pipelines need."""
    place = "the configured database" if settings.has_database else "the embedded database"
    try:
        async with open_store(settings) as store:
            advice = store.advice
            assistants = await store.assistants()
    except VoiceaiError as error:
        return [Finding("database", "fail", str(error))]
    findings = [Finding("database", "ok", f"{place} answers")]
    if advice:
        message = "no right to create the schema voiceai; history goes to disk"
        findings.append(Finding("schema", "warn", message, f"Run: {advice}"))
    if not any(entry.numbers for entry in assistants):
        fix = "voiceai assistants import FILE, then voiceai assistants assign NUMBER NAME"
        findings.append(Finding("assistants", "warn", "no number has an assistant", fix))
    if any(entry.spec and entry.spec.recording.enabled for entry in assistants):
        findings.append(recordings_finding(settings.voiceai_data_dir))
    resources = make_resources(settings)
    try:
        for entry in assistants:
            findings += await asyncio.to_thread(_assistant_findings, entry, resources)
    finally:
        resources.close()
    return findings


def _assistant_findings(entry: AssistantEntry, resources: Resources) -> list[Finding]:
    name = f"assistant {entry.name}"
    if entry.spec is None:
        return [Finding(name, "fail", entry.problem)]
    found = validate(entry.spec, resources=resources)
    errors = [one for one in found if one.severity == "error"]
    if errors:
        return [Finding(name, "fail", one.message, one.fix) for one in errors]
    numbers = ", ".join(entry.numbers) or "no number"
    hints = [
        Finding(name, "warn" if one.severity == "warning" else "ok", one.message, one.fix)
        for one in found
    ]
    return [Finding(name, "ok", f"ready, answers {numbers}"), *hints]


def log_finding(finding: Finding) -> None:
    """Write one finding to the log, the good ones for those who look closely."""
    level = {"ok": "DEBUG", "warn": "WARNING", "fail": "ERROR"}[finding.level]
    fix = f". {finding.fix}" if finding.fix else ""
    logger.bind(check=finding.check).log(
        level, "check.{}: {}{}", finding.level, finding.message, fix
    )
