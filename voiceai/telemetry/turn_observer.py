"""Feed a turn's clock from the frames of its pipeline."""

import asyncio

from pipecat.frames.frames import (
    Frame,
    LLMContextFrame,
    LLMTextFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)

from transports.pipecat_transport import SpeechMarks
from voiceai.telemetry.latency import Mark, TurnClock

MARKS: dict[type[Frame], Mark] = {
    TranscriptionFrame: Mark.TRANSCRIPT,
    LLMContextFrame: Mark.TURN_ENDED,
    LLMTextFrame: Mark.FIRST_TEXT,
    TTSAudioRawFrame: Mark.FIRST_AUDIO,
}
SPEECH = frozenset({VADUserStartedSpeakingFrame, VADUserStoppedSpeakingFrame})


class TurnObserver:
    """Note each frame that marks a moment of a turn, once, when it is first pushed."""

    def __init__(self, clock: TurnClock, marks: SpeechMarks) -> None:
        self._clock = clock
        self._speech = marks
        self._latest: dict[type[Frame], int] = {}

    def observe(self, frame: Frame) -> None:
        """Look at a frame that is pushed; of a kind, a later one has a higher id."""
        kind = type(frame)
        mark = MARKS.get(kind)
        if mark is None and kind not in SPEECH:
            return
        if frame.id <= self._latest.get(kind, -1):
            return
        self._latest[kind] = frame.id
        now = asyncio.get_running_loop().time()
        if mark is not None:
            self._clock.mark(mark, now)
        elif isinstance(frame, VADUserStoppedSpeakingFrame):
            self._clock.speech_ended(
                self._speech.last_voice_at or now, self._speech.stopped_at or now
            )
        else:
            self._clock.interrupted()
