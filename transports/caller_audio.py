"""What a call's caller says, on its way from the media stream to a pipeline.

The verdicts on it are ahead of it. Every packet of every call comes by here: a few small objects,
none of them a processor of Pipecat, whose many fields would be fetched from memory each time.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from transports.audio.endpointing import NOTHING, Hearing, Verdict, VerdictListener
from transports.audio.speech_order import SpeechOrder
from transports.caller_filters import CallerFilters
from transports.media import MediaStream
from transports.rtp.events import ArrivedAudio, PlayedFrame
from transports.vad import VoiceDetector

__all__ = ["QUEUE_LIMIT", "AudioTap", "CallerAudio", "EarlyPauseTap", "SpeechMarks"]

QUEUE_LIMIT = 250
"""Frames (5 s) that may wait for a pipeline that does not keep up; older ones are dropped."""

AudioTap = Callable[[bytes, bool], None]
"""Told of the caller's audio (16-bit mono at 8 kHz) and whether the caller was speaking before."""
EarlyPauseTap = Callable[[], None]
"""Called at a pause, when the audio taps were told of it; what is played may be behind."""


@dataclass(slots=True)
class SpeechMarks:
    """When the caller spoke, in ``loop.time()`` seconds, as the packets arrived.

    Attributes:
        started_at: The first packet of the present or latest talkspurt, None before any.
        last_voice_at: The latest packet that held speech, None before any.
        stopped_at: When the end of the latest talkspurt was decided, None before any.
    """

    started_at: float | None = None
    last_voice_at: float | None = None
    stopped_at: float | None = None


class CallerAudio:
    """Tells taps and listeners at once, and puts the rest in order for who takes it.

    Attributes:
        marks: When the caller spoke.
        order: Of what is played, and the verdicts.
        due: Set when it is time to take all of that.
        taps: Told of what arrives.
        early_pause_taps: Told of every pause.
        listeners: Told of every verdict.
        detector: The call's ear.

    Args:
        detector: As above.
        filters: Of the caller's audio, before anything here hears it.
    """

    __slots__ = (
        "_filters",
        "detector",
        "due",
        "early_pause_taps",
        "listeners",
        "marks",
        "order",
        "taps",
    )

    def __init__(self, detector: VoiceDetector, filters: CallerFilters | None) -> None:
        self.marks = SpeechMarks()
        self.order = SpeechOrder(QUEUE_LIMIT)
        self.due = asyncio.Event()
        self.taps: list[AudioTap] = []
        self.early_pause_taps: list[EarlyPauseTap] = []
        self.listeners: list[VerdictListener] = []
        self.detector = detector
        self._filters = filters

    def follow(self, stream: MediaStream) -> None:
        """Hear what comes from now on."""
        self.detector.on_hearing = self._on_hearing
        stream.listen(self._on_audio)
        stream.subscribe(self._on_frame)

    def _on_audio(self, audio: ArrivedAudio) -> None:
        if self._filters is not None:
            audio = self._filters.arrived(audio)
        self.detector.put(audio)
        speaking = self.detector.endpointer.speaking
        for tap in self.taps:
            tap(audio.pcm, speaking)

    def _on_frame(self, frame: PlayedFrame) -> None:
        pcm = frame.pcm if self._filters is None else self._filters.played(frame)
        self.order.play(pcm, frame.arrived_at)
        if self.order.is_due:
            self.due.set()

    def _on_hearing(self, hearing: Hearing) -> None:
        verdict = hearing.verdict
        if verdict is not NOTHING or (hearing.voiced and hearing.speaking):
            self._mark(hearing)
        if verdict is NOTHING:
            return
        for listener in self.listeners:
            listener.on_verdict(hearing)
        if verdict is Verdict.PAUSED:
            for tap in self.early_pause_taps:
                tap()
        self.order.decide(verdict, hearing.arrived_at)
        if self.order.is_due:
            self.due.set()

    def _mark(self, hearing: Hearing) -> None:
        arrived_at = hearing.arrived_at
        if arrived_at is None:
            arrived_at = asyncio.get_running_loop().time()
        if hearing.verdict is Verdict.STARTED:
            self.marks.started_at = arrived_at - self.detector.params.start_seconds
        if hearing.speaking and hearing.voiced:
            self.marks.last_voice_at = arrived_at
        if hearing.verdict is Verdict.STOPPED:
            self.marks.stopped_at = asyncio.get_running_loop().time()
