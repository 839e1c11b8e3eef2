"""What marks a moment of a turn is noted once, however often the frame is passed on."""

import pytest
from pipecat.frames.frames import (
    Frame,
    LLMContextFrame,
    LLMTextFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext

from transports.pipecat_transport import SpeechMarks
from voiceai.telemetry.latency import Mark, TurnClock
from voiceai.telemetry.turn_observer import TurnObserver


class Clock(TurnClock):
    """A turn's clock that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Mark | str] = []

    def speech_ended(self, last_voice_at: float, decided_at: float) -> None:
        self.told.append(f"ended {last_voice_at} {decided_at}")

    def interrupted(self) -> None:
        self.told.append("interrupted")

    def mark(self, mark: Mark, now: float) -> None:
        del now
        self.told.append(mark)


def audio() -> TTSAudioRawFrame:
    return TTSAudioRawFrame(bytes(320), 8000, 1)


async def test_every_moment_of_a_turn_is_noted() -> None:
    clock = Clock()
    observer = TurnObserver(clock, SpeechMarks(last_voice_at=3.0, stopped_at=3.2))

    for frame in (
        VADUserStartedSpeakingFrame(),
        VADUserStoppedSpeakingFrame(),
        TranscriptionFrame("yes", "", ""),
        LLMContextFrame(LLMContext()),
        LLMTextFrame("Fine."),
        audio(),
    ):
        observer.observe(frame)

    assert clock.told == [
        "interrupted",
        "ended 3.0 3.2",
        Mark.TRANSCRIPT,
        Mark.TURN_ENDED,
        Mark.FIRST_TEXT,
        Mark.FIRST_AUDIO,
    ]


@pytest.mark.parametrize("make", [VADUserStoppedSpeakingFrame, audio])
async def test_a_frame_that_is_passed_on_is_noted_once_and_the_next_of_its_kind_again(
    make: type[Frame],
) -> None:
    clock = Clock()
    observer = TurnObserver(clock, SpeechMarks(last_voice_at=3.0, stopped_at=3.2))
    first, second = make(), make()

    for frame in (first, first, second, first, second):
        observer.observe(frame)

    assert len(clock.told) == 2
