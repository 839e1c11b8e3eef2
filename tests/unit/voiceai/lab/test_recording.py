"""What is made of a call: whose words are whose, who was cut off, how long it took."""

import asyncio
import io
import wave
from collections.abc import Sequence

import numpy as np
import pytest

from asterisk.simulated_call import SimulatedCall
from tests.support.arrivals import stream
from voiceai.lab.caller import Spoken
from voiceai.lab.exchange import CallNotes, LabCall
from voiceai.lab.line import LabLine
from voiceai.lab.recording import Heard, Recording, record
from voiceai.lab.spoken import Say
from voiceai.lab.transcript import ToolUse, Transcript
from voiceai.store.records import Message, Turn

START = 100.0


class NoCall(SimulatedCall):
    """A call that is over."""

    def __init__(self) -> None:
        pass


def recorded(said: Sequence[Spoken], *turns: Turn, notes: CallNotes | None = None) -> Recording:
    notes = notes or CallNotes()
    for turn in turns:
        notes.add_turn("x", turn)
    line = LabLine(noise_dbfs=None)
    line.arrivals = stream(START, count=200, loud=range(125, 150))
    return record("shop", LabCall(line, notes, NoCall(), START), said)


def at(begins: float, ends: float, answered: float | None, text: str = "") -> Spoken:
    times = (START + begins, START + ends, None if answered is None else START + answered)
    return Spoken(Say(text), *times)


async def test_what_was_understood_belongs_to_what_was_said_last() -> None:
    said = [at(1.0, 2.0, 2.5, "one two three"), at(5.0, 6.0, None, "four")]
    recording = recorded(
        said,
        Turn(1, "caller", "one", 1010, 1300),
        Turn(2, "caller", "two", 1600, 2000),
        Turn(3, "assistant", "Yes.", 2400, 3000, latency={"total": 400.4, "stt": 100.0}),
        Turn(4, "caller", "for", 4900, 6000),
    )

    assert [each.understood for each in recording.exchanges] == ["one two", "for"]
    heard_after, nothing = [each.latency_ms for each in recording.exchanges]
    assert heard_after == pytest.approx(500 + recording.hearing.delay_ms, abs=30)
    assert nothing is None
    assert recording.word_error_rate == pytest.approx(2 / 4)
    assert recording.latencies_ms == [heard_after]
    _, _, answer, _ = recording.transcript.turns
    assert (answer.latency_ms, answer.parts) == (400, {"stt": 100.0})
    assert [turn.said for turn in recording.transcript.turns] == [
        "one two three",
        None,
        None,
        "four",
    ]


async def test_a_turn_that_was_taken_for_finished_before_its_last_sound_was_cut_off() -> None:
    notes = CallNotes()
    notes.decided = [START + 1.5, START + 2.2, START + 5.95]
    recording = recorded([at(1.0, 2.0, 2.5), at(5.0, 6.0, 6.5)], notes=notes)

    assert [each.cut_off for each in recording.exchanges] == [True, False]
    assert recording.cut_offs == 1


async def test_tools_failures_and_the_end_are_told() -> None:
    notes = CallNotes()
    done = {"name": "order", "arguments": {"number": "7"}, "result": [1], "failed": False}
    notes.add_message("x", Message(1, "tool", {**done, "ended_ms": 130}, 100))
    failure = {"kind": "llm", "service": "mistral", "reason": "away", "instead": None}
    notes.add_message("x", Message(2, "service_failed", failure, 150))
    notes.add_message("x", Message(3, "tool", {"name": "transfer", "arguments": {"to": "9"}}, 200))
    notes.reason = "transferred"
    told = recorded([], notes=notes).transcript

    assert told.tools == (
        ToolUse("order", {"number": "7"}, 100, [1], took_ms=30),
        ToolUse("transfer", {"to": "9"}, 200),
    )
    assert (told.ending, told.transferred_to) == ("transfer", "9")
    assert [each.reason for each in told.failures] == ["away"]


def test_the_sound_is_a_file_with_the_caller_left_and_the_assistant_right() -> None:
    left, right = np.full(80, 0.5, np.float32), np.full(160, -0.25, np.float32)
    recording = Recording(Transcript("x", ()), (), left, right, "caller_hung_up")

    with wave.open(io.BytesIO(recording.wav())) as file:
        samples = np.frombuffer(file.readframes(160), "<i2").reshape(-1, 2)
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 8000, 160)
    assert set(samples[:80, 0]) == {16384}
    assert set(samples[80:, 0]) == {0}
    assert set(samples[:, 1]) == {-8192}
    assert recording.seconds == 0.02
    assert recording.median_latency_ms is None
    assert recording.word_error_rate is None


def test_a_wait_is_never_less_than_nothing() -> None:
    assert Heard("x", "x", 0.0, 1.0, 0.9, cut_off=True).latency_ms == 0


async def test_whoever_waits_for_a_call_that_does_not_end_gives_up() -> None:
    notes = CallNotes()
    await notes.until_over(0.01)
    assert notes.reason is None

    waiting = asyncio.ensure_future(notes.until_over(10))
    await asyncio.sleep(0)
    notes.reason = "caller_hung_up"
    notes.changed.set()
    await waiting
