"""``bench turns``: how long a caller waits for an answer, with its parts."""

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final

from voiceai.app import make_resources
from voiceai.bench.machine import describe_machine
from voiceai.bench.place import Place, ringing_place
from voiceai.bench.report import Budget, Measure, Report
from voiceai.bench.speech import recorded_sentences, spoken_sentences
from voiceai.demo.script import NUMBER
from voiceai.demo.stage import DemoCall
from voiceai.settings import Settings
from voiceai.telemetry.latency import TurnLatency

__all__ = ["run_turns"]

TURNS_PER_CALL: Final = 10
ANSWER_SECONDS: Final = 8.0
PAUSE_SECONDS: Final = 0.5
"""Quiet after which the caller takes an answer for finished."""
PATIENCE_SECONDS: Final = 15.0
GATHER_SECONDS: Final = 0.05
END_SECONDS: Final = 10.0
AIM: Final = Budget("p50", 450)
NOTES: Final = (
    (
        "wire: from the arrival of the last packet in which voice activity detection heard "
        "speech to the first packet of the answer, as voiceai measures every turn"
    ),
    "caller: from the last packet sent above -45 dBFS to the first such packet heard",
    (
        "the parts follow one another: stt is what recognition still takes after endpointing, "
        "turn is what turn detection takes after that"
    ),
)


@dataclass(frozen=True, slots=True)
class _Turn:
    """One answered sentence.

    Attributes:
        latency: On the wire.
        noticed: From the last speech packet said to the arrival of the last one in which voice
            activity detection heard speech, milliseconds.
        delivered: From the answer's first packet to the first speech packet heard, likewise.
        heard: From the last speech packet said to the first one heard, likewise.
        answers: How many answers began: more than one when the sentence was taken for two.
    """

    latency: TurnLatency
    noticed: float
    delivered: float
    heard: float
    answers: int


async def run_turns(
    settings: Settings, *, turns: int = 20, recordings: Path | None = None, realtime: bool = False
) -> Report:
    """Talk to the English assistant of the embedded default, sentence by sentence.

    Args:
        settings: Their data folder is used.
        turns: How many sentences, over as many calls as that takes.
        recordings: Folder of WAV files to say instead of synthesised sentences.
        realtime: Whether voiceai runs under SCHED_FIFO.

    Raises:
        BenchUnavailable: There is no speech to say, or voiceai did not get ready.
    """
    machine = describe_machine()
    speech = itertools.cycle(await _speech(settings, recordings))
    answered: list[_Turn] = []
    async with ringing_place(settings, realtime=realtime) as place:
        for begun in range(0, turns, TURNS_PER_CALL):
            count = min(TURNS_PER_CALL, turns - begun)
            answered += await _call(place, itertools.islice(speech, count))
    scheduling = "SCHED_FIFO 20" if realtime else machine.scheduling
    split = sum(turn.answers > 1 for turn in answered)
    voice = "recordings" if recordings else "synthesised sentences"
    return Report(
        bench="turns",
        machine=replace(machine, scheduling=scheduling),
        parameters={"turns": turns, "speech": voice},
        measures=tuple(_measures(answered)),
        notes=(
            place.note,
            f"{len(answered)} of {turns} sentences were answered, {split} of them taken for two",
            *NOTES,
        ),
    )


def _measures(turns: Sequence[_Turn]) -> Iterator[Measure]:
    for field in fields(TurnLatency):
        samples = tuple(getattr(turn.latency, field.name) for turn in turns)
        is_total = field.name == "total"
        name = "wire: total" if is_total else f"wire:   {field.name}"
        yield Measure(name, "ms", samples, AIM if is_total else None)
    for name, field_name in (
        ("caller: last speech said -> first heard", "heard"),
        ("caller:   said -> speech last noticed", "noticed"),
        ("caller:   answer's first packet -> heard", "delivered"),
    ):
        yield Measure(name, "ms", tuple(getattr(turn, field_name) for turn in turns))


async def _speech(settings: Settings, recordings: Path | None) -> list[bytes]:
    if recordings is not None:
        return recorded_sentences(recordings)
    resources = make_resources(settings)
    try:
        return await spoken_sentences(resources)
    finally:
        await resources.aclose()


async def _call(place: Place, speech: Iterator[bytes]) -> list[_Turn]:
    turns = []
    async with place.stage.dial(NUMBER) as call:
        await call.line.wait_for_speech(ANSWER_SECONDS, after=call.answered_at)
        for pcm in speech:
            await call.line.wait_for_silence(PAUSE_SECONDS, PATIENCE_SECONDS)
            turn = await _turn(place, call, pcm)
            if turn is not None:
                turns.append(turn)
        await call.hang_up()
        await place.voiceai.hear("CallEnded", END_SECONDS)
    await asyncio.sleep(PAUSE_SECONDS)
    return turns


async def _turn(place: Place, call: DemoCall, pcm: bytes) -> _Turn | None:
    """Say a sentence and measure its answer; None if there is none."""
    place.voiceai.forget("TurnAnswered")
    played = await call.line.play(pcm)
    if played.speech_ended_at is None:
        return None
    try:
        heard = await call.line.wait_for_speech(ANSWER_SECONDS, after=played.speech_ended_at)
    except TimeoutError:
        return None
    await call.line.wait_for_silence(PAUSE_SECONDS, PATIENCE_SECONDS)
    answers = await place.voiceai.gather("TurnAnswered", GATHER_SECONDS)
    if not answers:
        return None
    latency, sent = TurnLatency(**answers[-1]["latency"]), answers[-1]["at"]
    return _Turn(
        latency=latency,
        noticed=1000 * (sent - played.speech_ended_at) - latency.total,
        delivered=1000 * (heard - sent),
        heard=1000 * (heard - played.speech_ended_at),
        answers=len(answers),
    )
