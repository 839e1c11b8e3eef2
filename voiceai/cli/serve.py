"""``voiceai serve``: take calls until told to stop."""

import asyncio
import signal

import typer
import uvloop
from loguru import logger

from voiceai.app import App
from voiceai.checks import asterisk_findings, log_finding
from voiceai.cli.output import warn
from voiceai.priority import prefer_this_thread
from voiceai.settings import Settings, load_settings
from voiceai.telemetry.logging import configure_logging

app = typer.Typer(add_completion=False)


@app.command()
def serve() -> None:
    """Take calls until SIGINT or SIGTERM; calls that are up are hung up in order then."""
    loaded = load_settings()
    settings = loaded.settings
    warn(loaded.warnings)
    configure_logging(
        settings.voiceai_log_format, settings.voiceai_log_level, secrets=settings.secret_values()
    )
    uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    loop = asyncio.get_running_loop()
    prefer_this_thread()
    voiceai = App(settings)
    async with asyncio.TaskGroup() as tasks:
        checking = tasks.create_task(_check(settings, voiceai))
        running = tasks.create_task(voiceai.run())
        running.add_done_callback(lambda _: checking.cancel())
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, running.cancel)
    logger.info("voiceai.stopped")


async def _check(settings: Settings, voiceai: App) -> None:
    """Say what is not as it should be, once there is an Asterisk to look at."""
    await voiceai.ready.wait()
    for finding in await asterisk_findings(settings):
        log_finding(finding)
