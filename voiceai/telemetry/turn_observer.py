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
from pipecat.observers.base_observer import BaseObserver, FramePushed

from transports.pipecat_transport import SpeechMarks
from voiceai.telemetry.latency import Mark, TurnClock

MARKS: dict[type[Frame], Mark] = {
    TranscriptionFrame: Mark.TRANSCRIPT,
    LLMContextFrame: Mark.TURN_ENDED,
    LLMTextFrame: Mark.FIRST_TEXT,
    TTSAudioRawFrame: Mark.FIRST_AUDIO,
}


class TurnObserver(BaseObserver):
    """Note each frame that marks a moment of a turn, once, when it is first pushed."""

    def __init__(self, clock: TurnClock, marks: SpeechMarks) -> None:
        super().__init__(observe_every_push=False)
        self._clock = clock
        self._speech = marks

    async def on_push_frame(self, data: FramePushed) -> None:
        """Look at one frame's first push."""
        now = asyncio.get_running_loop().time()
        frame = data.frame
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            self._clock.speech_ended(
                self._speech.last_voice_at or now, self._speech.stopped_at or now
            )
        elif isinstance(frame, VADUserStartedSpeakingFrame):
            self._clock.interrupted()
        elif mark := MARKS.get(type(frame)):
            self._clock.mark(mark, now)
