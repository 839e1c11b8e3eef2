"""A caller who follows a script: speaks when the assistant has finished, or interrupts."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from voiceai.bench.errors import CallOver
from voiceai.lab.exchange import END_SECONDS, LabCall
from voiceai.lab.spoken import Say, Sound
from voiceai.lab.transcript import LEAVING

__all__ = ["Spoken", "follow"]

PAUSE_SECONDS = 0.6
"""Quiet after which the caller takes an answer for finished."""
LONGEST_ANSWER_SECONDS = 60.0
ENTRY_SECONDS = 0.1

Speech = Callable[[Say], Awaitable[Sound]]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A turn of the script as it was said; times on the loop's clock.

    Attributes:
        say: The turn.
        started_at: Its first sound.
        ended_at: Its last.
        answered_at: The first sound of the answer; None if none came in time.
    """

    say: Say
    started_at: float
    ended_at: float
    answered_at: float | None


async def follow(
    call: LabCall, script: Sequence[Say], speech: Speech, *, greeted: bool, patience: float
) -> list[Spoken]:
    """Have the conversation of a script; ends early when the assistant leaves.

    Args:
        call: It is up.
        script: What is said.
        speech: Makes audio of a turn.
        greeted: Whether the assistant speaks first.
        patience: Seconds to wait for the beginning of an answer.
    """
    said: list[Spoken] = []
    sounds = [await speech(say) for say in script]
    with contextlib.suppress(CallOver):
        began = await _answer(call, call.answered_at, patience) if greeted else None
        for say, sound in zip(script, sounds, strict=True):
            if say.interrupts_after is not None and began is not None:
                now = asyncio.get_running_loop().time()
                await asyncio.sleep(max(0.0, began + say.interrupts_after - now))
            elif began is not None:
                await _until_finished(call, patience)
            started, ended = await _speak(call, say, sound)
            said.append(Spoken(say, started, ended, None))
            began = await _answer(call, ended, patience)
            said[-1] = Spoken(say, started, ended, began)
        if began is not None:
            await _until_finished(call, patience)
    if call.notes.tools(*LEAVING):
        await asyncio.wait({call.simulated.ended}, timeout=END_SECONDS)
    return said


async def _speak(call: LabCall, say: Say, sound: Sound) -> tuple[float, float]:
    """Return when it was heard to begin and to end."""
    if say.digits:
        now = asyncio.get_running_loop().time()
        call.press(say.digits)
        return now, now
    played = await call.line.play(sound.pcm)
    if not played.is_complete:
        raise CallOver("the call ended while the caller spoke")
    return played.started_at + sound.begins, played.started_at + sound.ends


async def _answer(call: LabCall, after: float, patience: float) -> float | None:
    try:
        return await call.line.wait_for_speech(patience, after=after)
    except TimeoutError:
        return None


async def _until_finished(call: LabCall, patience: float) -> None:
    """Wait until the assistant is silent and no tool is at work."""
    while True:
        with contextlib.suppress(TimeoutError):
            await call.line.wait_for_silence(PAUSE_SECONDS, LONGEST_ANSWER_SECONDS)
        notes = call.notes
        at_work = [
            use
            for use in notes.tools()
            if use.content["name"] not in LEAVING and "ended_ms" not in use.content
        ]
        if not at_work or call.simulated.ended.done():
            return
        try:
            async with asyncio.timeout(patience):
                notes.changed.clear()
                await notes.changed.wait()
        except TimeoutError:
            return
        await _answer(call, asyncio.get_running_loop().time(), patience)
