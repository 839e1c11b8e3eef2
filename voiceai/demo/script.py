"""What the demonstration's caller says, and when."""

import asyncio
from dataclasses import dataclass
from statistics import median

from pipelines.resources import Resources, Voice
from voiceai.demo.stage import DemoCall

NUMBER = "4920189098720"
"""The English assistant of the embedded database."""
ANSWER_SECONDS = 10.0
PAUSE_SECONDS = 0.5
"""Quiet after which the caller takes an answer for finished."""
PATIENCE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Line:
    """Something the caller says.

    Attributes:
        text: The words.
        interrupts_after: Seconds into the assistant's answer to the line before at which
            the caller says it; None waits for the end of that answer.
    """

    text: str
    interrupts_after: float | None = None


LINES = (
    Line("What are your opening hours?"),
    Line("I would like to make an appointment.", interrupts_after=1.2),
    Line("On Tuesday, please."),
    Line("Where are you?"),
    Line("Goodbye."),
)


@dataclass(frozen=True, slots=True)
class Heard:
    """What the caller measured.

    Attributes:
        greeting_seconds: From answer to the first speech.
        reactions: Seconds from the end of each line to the first speech of its answer.
        silenced_seconds: From the onset of the interrupting line to the last speech packet.
        longest_gap: Longest time between two packets less the audio in one, seconds.
        lost: Packets that never came.
    """

    greeting_seconds: float
    reactions: tuple[float, ...]
    silenced_seconds: float | None
    longest_gap: float
    lost: int

    @property
    def median_reaction(self) -> float:
        """The median of the reactions, seconds."""
        return median(self.reactions)


async def converse(call: DemoCall, resources: Resources, voice: Voice) -> Heard:
    """Have the conversation; the assistant hangs up at its end, else whoever dialled does."""
    spoken = [await resources.speech(voice, line.text) for line in LINES]
    line = call.line
    began = await line.wait_for_speech(ANSWER_SECONDS, after=call.answered_at)
    greeting = began - call.answered_at
    reactions: list[float] = []
    silenced: float | None = None
    for words, pcm in zip(LINES, spoken, strict=True):
        if words.interrupts_after is None:
            await line.wait_for_silence(PAUSE_SECONDS, PATIENCE_SECONDS)
        else:
            now = asyncio.get_running_loop().time()
            await asyncio.sleep(began + words.interrupts_after - now)
        played = await line.play(pcm)
        onset, ended = played.speech_started_at, played.speech_ended_at
        if onset is None or ended is None:
            raise ValueError(f"the caller's line {words.text!r} holds no speech")
        if words.interrupts_after is not None:
            last = line.heard.last_speech_before(ended)
            silenced = max(0.0, last - onset) if last else None
        began = await line.wait_for_speech(ANSWER_SECONDS, after=ended)
        reactions.append(began - ended)
    await asyncio.wait({call.ended}, timeout=PATIENCE_SECONDS)
    gaps = line.heard.gaps(since=call.answered_at)
    return Heard(greeting, tuple(reactions), silenced, gaps.longest - 0.02, gaps.lost)
