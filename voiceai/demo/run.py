"""The demonstration from start to end."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

from rich.console import Console

from pipelines.registry import REGISTRY
from pipelines.resources import Voice
from voiceai.app import App
from voiceai.bench.recording import save_stereo
from voiceai.demo.clouds import assign_clouds, fake_clouds
from voiceai.demo.script import NUMBER, Heard, converse
from voiceai.demo.show import Show
from voiceai.demo.stage import Stage, best_stage, private_settings
from voiceai.errors import VoiceaiError
from voiceai.settings import Settings

READY_SECONDS = 120.0
RECORD_SECONDS = 5.0
GERMAN_NUMBER = "4920189098723"


async def run_demo(
    settings: Settings, console: Console, *, stay: bool = False, fakes: bool = False
) -> dict[str, object]:
    """Place one call and show it.

    Args:
        settings: Their data folder is used; the demonstration keeps its own below it.
        console: Where to print.
        fakes: Use Azure and Mistral as servers on this machine pretend to be.
        stay: Keep everything up afterwards, for a softphone, until cancelled.

    Returns:
        The figures of the summary, plain JSON.

    Raises:
        VoiceaiError: voiceai did not get ready.
    """
    started = time.monotonic()
    folder = settings.voiceai_data_dir / ("demo-fakes" if fakes else "demo")
    folder.mkdir(parents=True, exist_ok=True)
    show = Show(console)
    async with (
        _stage(settings, console) as stage,
        fake_clouds(settings) if fakes else contextlib.nullcontext(settings) as chosen,
    ):
        app = App(
            private_settings(
                chosen,
                ari_url=stage.ari_url,
                username=stage.username,
                password=stage.password,
                folder=folder,
            )
        )
        app.supervisor.watch(show)
        async with _serving(app, console):
            if fakes:
                await assign_clouds(app.store)
            console.print(f"[dim]   ready after {time.monotonic() - started:.1f} s[/]\n")
            heard, recording = await _call(app, stage, folder)
            turns = await _recorded_turns(app, show.call_id)
            _summary(console, show, heard, recording, turns)
            await _stay(console, stage, stay=stay)
    return {
        "asterisk": stage.name,
        "call": show.call_id,
        "turns": turns,
        "greeting_ms": round(1000 * heard.greeting_seconds),
        "median_reaction_ms": round(1000 * heard.median_reaction),
        "silenced_ms": round(1000 * (heard.silenced_seconds or 0)),
        "longest_gap_ms": round(1000 * heard.longest_gap, 1),
        "latencies": [latency.as_dict() for latency in show.latencies],
        "recording": str(recording),
        "seconds": round(time.monotonic() - started, 1),
    }


@contextlib.asynccontextmanager
async def _stage(settings: Settings, console: Console) -> AsyncIterator[Stage]:
    """Enter the best stage there is, and say which."""
    async with contextlib.AsyncExitStack() as stack:
        with console.status("Asterisk 22: looking for one, else unpacking Debian's packages ..."):
            stage, missing = await stack.enter_async_context(
                best_stage(settings.voiceai_data_dir / "cache")
            )
        if missing:
            console.print(f"[yellow]No Asterisk 22: {missing}[/]")
        console.print(f"[dim]✓  {stage.name}[/]")
        yield stage


@contextlib.asynccontextmanager
async def _serving(app: App, console: Console) -> AsyncIterator[None]:
    """Run voiceai beside what is inside; an early end of it is an error."""
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(app.run())
        try:
            with console.status("voiceai: database, models, Asterisk ..."):
                async with asyncio.timeout(READY_SECONDS):
                    await app.ready.wait()
        except TimeoutError as error:
            raise VoiceaiError("voiceai is not ready: " + "; ".join(app.problems())) from error
        else:
            console.print("[dim]✓  voiceai takes calls (embedded database, local models)[/]")
            yield
        finally:
            running.cancel()


async def _call(app: App, stage: Stage, folder: Path) -> tuple[Heard, Path]:
    voice = await _caller_voice(app)
    recording = folder / f"call-{time.strftime('%Y%m%d-%H%M%S')}.wav"
    async with stage.dial(NUMBER) as call:
        heard = await converse(call, app.resources, voice)
        save_stereo(recording, left=call.line.spoken, right=call.line.heard)
    return heard, recording


async def _caller_voice(app: App) -> Voice:
    """Return a local English voice for the caller."""
    assistant = await app.store.assistant_for(NUMBER)
    if assistant is None:
        raise VoiceaiError(f"the embedded database has no assistant at {NUMBER}")
    entry = REGISTRY["tts"]["local"]
    voice = await asyncio.to_thread(entry.load, app.resources, entry.params(), assistant.spec)
    if voice is None:
        raise VoiceaiError("there is no local voice for the caller")
    return voice


async def _recorded_turns(app: App, call_id: str) -> int:
    """Return how many turns the database holds, once the record is complete."""
    async with asyncio.timeout(RECORD_SECONDS):
        while True:
            history = await app.store.call(call_id)
            if history and history.call.ended_at:
                return len(history.turns)
            await asyncio.sleep(0.05)


async def _stay(console: Console, stage: Stage, *, stay: bool) -> None:
    if not stage.softphone:
        return
    if not stay:
        console.print(
            "\nTo ring it yourself with a softphone: [bold]make demo STAY=1[/] keeps it up "
            "and prints the SIP account."
        )
        return
    console.print(f"\nRing {NUMBER} (English) or {GERMAN_NUMBER} (German) with a softphone.")
    console.print(f"{stage.softphone}. Ctrl-C ends it.")
    await asyncio.Event().wait()


def _summary(console: Console, show: Show, heard: Heard, recording: Path, turns: int) -> None:
    console.print()
    console.print(show.table())
    silenced = heard.silenced_seconds
    console.print(f"\nGreeting heard      {1000 * heard.greeting_seconds:.0f} ms after the answer")
    console.print(
        f"Answers heard       {1000 * heard.median_reaction:.0f} ms after the caller's last word "
        "(median, measured at the caller)"
    )
    if silenced is not None:
        console.print(
            f"Interrupted         silent {1000 * silenced:.0f} ms after the caller's first sound"
        )
    console.print(
        f"Audio               longest gap {1000 * heard.longest_gap:.1f} ms, {heard.lost} lost"
    )
    console.print(f"Record              {turns} turns in the database, call {show.call_id}")
    console.print(f"Recording           {recording} (left: caller, right: assistant)")
    console.print("Caller's voice      synthesised by the local model, not recorded")
