"""The measured process of the benches that ring: the whole of voiceai, its events told as JSON.

Run by :class:`voiceai.bench.companion.Companion`; needs the address of an Asterisk.
"""

import asyncio
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import uvloop
from pydantic import SecretStr

from voiceai.bench.companion import read_message, tell
from voiceai.bench.loop_lag import LoopLag
from voiceai.bench.machine import MODELS_PRIORITY, take_realtime_class
from voiceai.bench.usage import family, memory_bytes
from voiceai.calls.events import CallEvent, CallStarted, GreetingStarted
from voiceai.demo.stage import private_settings
from voiceai.settings import load_settings
from voiceai.telemetry.logging import configure_logging

SETTLE_SECONDS: Final = 0.05
"""After the first packet of a greeting: what blocks the loop until then has been seen."""


class Reporter:
    """Tells the parent of every event of a call, and how the loop fared while it was set up."""

    def __init__(self, lag: LoopLag) -> None:
        self._lag = lag

    def __call__(self, event: CallEvent) -> None:
        """Tell one event, and when it happened by the clock that all processes share."""
        if isinstance(event, CallStarted):
            self._lag.take()
        if isinstance(event, GreetingStarted):
            asyncio.get_running_loop().call_later(SETTLE_SECONDS, self._tell_lag)
        tell(type(event).__name__, at=time.monotonic(), **asdict(event))

    def _tell_lag(self) -> None:
        tell("SetupLag", seconds=self._lag.take())


async def _serve(greeting: dict[str, Any]) -> None:
    settings = private_settings(
        load_settings().settings,
        ari_url=greeting["ari_url"],
        username=greeting["username"],
        password=SecretStr(greeting["password"]),
        folder=Path(greeting["folder"]),
    )
    configure_logging("text", greeting["log_level"], secrets=settings.secret_values())
    from voiceai.app import App  # noqa: PLC0415 - importing Pipecat logs a line

    app = App(settings)
    lag = LoopLag()
    app.supervisor.watch(Reporter(lag))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(app.run())
        ticking = tasks.create_task(lag.run())
        announcing = tasks.create_task(_announce(app.ready, realtime=greeting["realtime"]))
        await _until_told_to_stop()
        for task in (announcing, running, ticking):
            task.cancel()


async def _announce(ready: asyncio.Event, *, realtime: bool) -> None:
    await ready.wait()
    if realtime:
        take_realtime_class()  # the models have been used, their threads keep what they have
    tell("ready")


async def _until_told_to_stop() -> None:
    """Answer questions until there are no more."""
    while await asyncio.to_thread(read_message) is not None:
        tell("usage", **await asyncio.to_thread(_usage))


def _usage() -> dict[str, Any]:
    """Return what this process holds, and those that it started."""
    processes = family()
    sockets = [held for process in processes for held in process.net_connections("udp")]
    return {
        "cpu_seconds": time.process_time(),
        "memory_bytes": memory_bytes(),
        "files": sum(process.num_fds() for process in processes),
        "udp_ports": len({held.laddr.port for held in sockets if held.laddr}),
    }


def main() -> None:
    """Serve until the parent closes our standard input."""
    greeting = read_message()
    if greeting is None:
        return
    if greeting["realtime"]:
        take_realtime_class(MODELS_PRIORITY)
    uvloop.run(_serve(greeting))


if __name__ == "__main__":
    main()
