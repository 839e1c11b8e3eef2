"""``bench soak --real``: many calls for many minutes, from SIPp through a real Asterisk to us."""

import asyncio
import contextlib
import secrets
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
from pydantic import SecretStr

from asterisk.config.render import render
from asterisk.params import INBOUND_CONTEXT, AriParams, RenderParams
from asterisk.process import AsteriskProcess
from asterisk.runtime import AsteriskUnavailable, ensure_asterisk
from transports.audio.g711 import Alaw
from voiceai.bench.companion import Companion
from voiceai.bench.errors import BenchUnavailable
from voiceai.bench.growth import growth
from voiceai.bench.machine import describe_machine
from voiceai.bench.prompts import recorded_prompts
from voiceai.bench.report import Budget, Chart, Measure, Report, Series
from voiceai.bench.sipp import SippResult, caller_scenario, run_sipp
from voiceai.demo.script import NUMBER
from voiceai.settings import Settings

__all__ = ["run_real_soak"]

HOST: Final = "127.0.0.1"
SIPP_HOST: Final = "127.0.0.5"
PJSIP: Final = f"""
[soak]
type = endpoint
context = {INBOUND_CONTEXT}
disallow = all
allow = alaw
direct_media = no

[soak]
type = identify
endpoint = soak
match = {SIPP_HOST}
"""
"""Whoever calls from there is let in."""
CALL_SECONDS: Final = 60.0
TURN_SECONDS: Final = 30
"""Each caller says a sentence so often: the local models have one core for all."""
SAMPLE_SECONDS: Final = 10.0
LEAST_SAMPLES: Final = 12
SETTLE_SECONDS: Final = 5.0
READY_SECONDS: Final = 90.0
HEAR_SECONDS: Final = 20.0
GRACE_SECONDS: Final = 60.0
LIMITS: Final = {
    "memory of voiceai": 10.0,
    "memory of Asterisk": 10.0,
    "files of voiceai": 8,
    "files of Asterisk": 30,
    "channels": 4,
    "UDP ports of voiceai": 4,
}
"""By which each may have grown: calls come and go, and two more are no growth."""
LEFT: Final = {
    "channels": 0,
    "UDP ports of voiceai": 0,
    "files of voiceai": 5,
    "files of Asterisk": 5,
}
"""What may be left of each when all calls are over."""
UNITS: Final = {"memory of voiceai": "MB", "memory of Asterisk": "MB"}


@dataclass(frozen=True, slots=True)
class Sample:
    """What is held at one moment.

    Attributes:
        at: Seconds since the first call.
        held: By the names of `LIMITS`.
    """

    at: float
    held: dict[str, float]


async def run_real_soak(
    settings: Settings,
    *,
    minutes: float = 20.0,
    calls: int = 50,
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """Keep up so many calls for so long.

    Args:
        settings: Their data folder is used.
        minutes: In all; each call takes a minute at most.
        calls: At once.
        progress: Told of each sample.

    Raises:
        BenchUnavailable: There is no Asterisk 22, no SIPp or no recording.
    """
    machine = describe_machine()
    seconds = 60 * minutes
    call_seconds = min(CALL_SECONDS, seconds / 3)
    per_second = calls / call_seconds
    samples: list[Sample] = []
    async with _place(settings) as place:
        before = await place.sample(0.0)
        async with asyncio.TaskGroup() as tasks:
            load = tasks.create_task(
                run_sipp(
                    caller_scenario(milliseconds=round(1000 * call_seconds), audio=place.audio),
                    place.folder,
                    local=(SIPP_HOST, _free_port(SIPP_HOST)),
                    target=(HOST, place.sip_port),
                    number=NUMBER,
                    calls=max(round(per_second * (seconds - call_seconds)), calls),
                    per_second=per_second,
                    at_once=calls,
                    within=seconds + GRACE_SECONDS,
                )
            )
            pause = min(SAMPLE_SECONDS, seconds / LEAST_SAMPLES)
            loop = asyncio.get_running_loop()
            begun = loop.time()
            while loop.time() - begun + pause < seconds - call_seconds and not load.done():
                await asyncio.sleep(pause)
                samples.append(await place.sample(loop.time() - begun))
                progress(_words(samples[-1]))
        await asyncio.sleep(SETTLE_SECONDS)
        after = await place.sample(0.0)
        version = place.version
    return Report(
        bench="soak-real",
        machine=machine,
        parameters={"minutes": minutes, "calls": calls, "through": f"Asterisk {version}"},
        measures=tuple(_measures(samples, before, after, load.result())),
        notes=(
            (
                f"SIPp keeps up {calls} calls of {call_seconds:g} s to the English assistant of "
                f"the embedded default; each caller says a recorded sentence every {TURN_SECONDS} s"
            ),
            (
                "grown: median of the last quarter of the samples less that of the second one, "
                "taken until the last calls begin to end"
            ),
            f"before any call: {_words(before)}",
            f"{SETTLE_SECONDS:g} s after the last call: {_words(after)}",
            f"SIPp: {load.result().successful} calls went well, {load.result().failed} did not",
        ),
        charts=_charts(samples),
    )


class _Place:
    """Asterisk and voiceai, and what they hold."""

    def __init__(
        self,
        process: AsteriskProcess,
        voiceai: Companion,
        folder: Path,
        sip_port: int,
        version: str,
    ) -> None:
        self.folder = folder
        self.sip_port = sip_port
        self.version = version
        self.audio = folder / "caller.alaw"
        self._process = process
        self._voiceai = voiceai

    async def sample(self, at: float) -> Sample:
        """Look at both."""
        await self._voiceai.tell({})
        ours = await self._voiceai.hear("usage", HEAR_SECONDS)
        asterisk = psutil.Process(self._process.process_id)
        counted = await asyncio.to_thread(self._process.rx, "core show channels count")
        return Sample(
            at,
            {
                "memory of voiceai": ours["memory_bytes"] / 1e6,
                "memory of Asterisk": asterisk.memory_info().rss / 1e6,
                "files of voiceai": ours["files"],
                "files of Asterisk": asterisk.num_fds(),
                "channels": int(counted.split()[0]),
                "UDP ports of voiceai": ours["udp_ports"],
            },
        )


@contextlib.asynccontextmanager
async def _place(settings: Settings) -> AsyncIterator[_Place]:
    """Boot an Asterisk that lets SIPp in, and voiceai beside it."""
    if shutil.which("sipp") is None:
        raise BenchUnavailable("sipp is not on PATH: apt-get install sip-tester")
    cache = settings.voiceai_data_dir / "cache"
    speech = (await recorded_prompts(cache))[0].pcm
    try:
        installation = await asyncio.to_thread(ensure_asterisk, cache)
    except AsteriskUnavailable as error:
        raise BenchUnavailable(f"no Asterisk 22: {error}") from error
    sip_port, http_port = _free_port(HOST), _free_port(HOST, socket.SOCK_STREAM)
    ari = AriParams(
        url=f"http://{HOST}:{http_port}",
        username="voiceai",
        password=SecretStr(secrets.token_urlsafe(16)),
    )
    files = render(RenderParams(ari=ari, http_port=http_port, sip_bind=HOST, sip_port=sip_port))
    files["pjsip.conf"] += PJSIP
    with tempfile.TemporaryDirectory(prefix="voiceai-soak-") as name:
        folder = Path(name)
        data = settings.voiceai_data_dir / "bench"
        await asyncio.to_thread(data.mkdir, parents=True, exist_ok=True)
        with AsteriskProcess(installation, "soak") as process:
            await asyncio.to_thread(process.start, files, folder / "asterisk")
            greeting = {
                "ari_url": ari.url,
                "username": ari.username,
                "password": ari.password.get_secret_value(),
                "folder": str(data),
                "realtime": False,
                "log_level": "ERROR",
            }
            async with Companion("voiceai.bench.served", greeting) as voiceai:
                await voiceai.hear("ready", READY_SECONDS)
                place = _Place(process, voiceai, folder, sip_port, installation.version)
                quiet = bytes(2 * 8000 * TURN_SECONDS - len(speech))
                await asyncio.to_thread(place.audio.write_bytes, Alaw().encode(speech + quiet))
                yield place


def _measures(
    samples: list[Sample], before: Sample, after: Sample, load: SippResult
) -> list[Measure]:
    measures = [Measure("calls that failed", "calls", (load.failed,), Budget("max", 0))]
    for name, limit in LIMITS.items():
        held = tuple(sample.held[name] for sample in samples)
        unit = UNITS.get(name, "count")
        measures.append(Measure(name, unit, held))
        measures.append(Measure(f"{name}, grown", unit, (growth(held),), Budget("max", limit)))
    for name, limit in LEFT.items():
        left = after.held[name] - before.held[name]
        measures.append(Measure(f"{name} left behind", "count", (left,), Budget("max", limit)))
    return measures


def _charts(samples: list[Sample]) -> tuple[Chart, ...]:
    def series(*names: str) -> tuple[Series, ...]:
        return tuple(
            Series(name, tuple((sample.at / 60, sample.held[name]) for sample in samples))
            for name in names
        )

    memory = series("memory of voiceai", "memory of Asterisk")
    counted = series("files of voiceai", "files of Asterisk", "channels", "UDP ports of voiceai")
    return (
        Chart("Memory", "minutes", "MB", memory),
        Chart("Files, channels, ports", "minutes", "how many", counted),
    )


def _words(sample: Sample) -> str:
    held = ", ".join(f"{value:.0f} {UNITS.get(n, '')} {n}" for n, value in sample.held.items())
    return f"{sample.at:.0f} s: {' '.join(held.split())}"


def _free_port(host: str, kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
