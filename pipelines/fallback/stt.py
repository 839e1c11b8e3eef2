"""Recognisers that take each other's place within an utterance."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    InterruptionFrame,
    MetricsFrame,
    ServiceMetadataFrame,
    StartFrame,
    STTMuteFrame,
    STTUpdateSettingsFrame,
    TranscriptionFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import (
    FrameDirection,
    FrameProcessor,
)

from pipelines.fallback.chain import Ladder
from pipelines.fallback.health import ServiceHealth
from pipelines.fallback.reason import reason_of
from pipelines.fallback.rung import GivenUp, Rung, RungParams
from pipelines.ports import Anticipating, FailureListener

TRANSCRIPT_SECONDS = 1.5
"""So long after speech a recogniser may be silent, unless set."""

START_SECONDS = 1.0
"""So long a recogniser may take to start while the caller speaks."""

EARLIER_SECONDS = 1.0
"""Audio ahead of an utterance that another recogniser gets too: its first sound is in it."""

LONGEST_SECONDS = 60.0
"""So much of an utterance is kept."""

FOR_ALL = (InterruptionFrame, EndFrame, CancelFrame, STTMuteFrame, STTUpdateSettingsFrame)
ABOUT_SPEECH = (
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
PASSED_ON = (TranscriptionFrame, InterimTranscriptionFrame, ServiceMetadataFrame)


class _Recent:
    """The caller's latest audio."""

    def __init__(self, seconds: float) -> None:
        self._limit = seconds
        self._seconds = 0.0
        self.frames: deque[Frame] = deque()

    def add(self, frame: InputAudioRawFrame) -> None:
        self.frames.append(frame)
        self._seconds += _seconds(frame)
        while self._seconds - _seconds(self.frames[0]) >= self._limit:
            self._seconds -= _seconds(self.frames.popleft())


@dataclass(slots=True)
class _Utterance:
    """What the caller says, for whoever has to hear it again.

    Attributes:
        frames: Audio and what is known about speech, in order, since the last transcript.
        tried: Who failed at it, or understood nothing.
        is_over: Whether the caller stopped.
        is_settled: Whether somebody understood it, or nobody ever will.
    """

    frames: list[Frame] = field(default_factory=list)
    seconds: float = 0.0
    tried: list[Rung] = field(default_factory=list)
    is_over: bool = False
    is_settled: bool = False

    @property
    def is_kept(self) -> bool:
        """Whether somebody may have to hear more of it again."""
        return not (self.is_over and self.is_settled)

    def add(self, frame: Frame) -> None:
        if self.seconds < LONGEST_SECONDS or not isinstance(frame, InputAudioRawFrame):
            self.frames.append(frame)
            self.seconds += _seconds(frame)

    def settle(self) -> None:
        """Keep nothing of what was heard: whoever comes next would understand it again."""
        self.is_settled = True
        heard, self.frames, self.seconds = self.frames, [], 0.0
        if not self.is_over:
            self.frames += (frame for frame in heard if isinstance(frame, ABOUT_SPEECH))


class RecognitionChain(FrameProcessor):
    """Lets the next recogniser hear the utterance again when one errors or stays silent.

    The services stand beside the pipeline: they get copies of audio and of what is known about
    speech, and only their transcripts come back, so that one that hangs holds nothing up.

    A silent recogniser may be right, when it was a cough: it has failed only if another
    one understood something. If it understands the same after all, and nobody else has, its text
    counts: it is the earliest that there is.

    Args:
        params: The recognisers, the preferred one first.
        health: Shared by all conversations.
        listener: Is told of each switch.
    """

    def __init__(
        self,
        params: Sequence[RungParams],
        *,
        health: ServiceHealth,
        listener: FailureListener,
    ) -> None:
        super().__init__()
        self._ladder = Ladder(
            "stt", params, health=health, listener=listener, outlet=self._came_out, owner=self
        )
        self._current = self._ladder.rungs[0]
        self._recent = _Recent(EARLIER_SECONDS)
        self._utterance = _Utterance(is_over=True, is_settled=True)
        self._doubted: Rung | None = None
        self._late: list[Rung] = []  # they were silent, and have heard all there is
        self._watch: asyncio.Task[None] | None = None
        self._repeating: asyncio.Task[None] | None = None

    async def cleanup(self) -> None:
        """Close the recognisers."""
        await super().cleanup()  # type: ignore[no-untyped-call]
        for task in (self._watch, self._repeating):
            if task:
                await self.cancel_task(task)
        await self._ladder.close()

    async def caller_paused(self) -> None:
        """Let the recogniser work ahead, if it is one that does."""
        if isinstance(self._current.service, Anticipating):
            await self._current.service.caller_paused()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Let the recogniser hear; pass on everything but audio."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            await self._hear(frame)
            return
        if isinstance(frame, StartFrame):
            self._ladder.start(frame)
            self._current = next(self._ladder.order())
        elif isinstance(frame, VADUserStartedSpeakingFrame):
            await self._begin()
        elif isinstance(frame, FOR_ALL):
            await self._ladder.put_to_all(frame, direction)
        if isinstance(frame, ABOUT_SPEECH):
            await self._hear(frame)
        await self.push_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            self._utterance.is_over = True
            await self._expect()

    async def _begin(self) -> None:
        """Start an utterance, or go on with one that is not settled yet."""
        await self._stop_watching()
        self._late.clear()
        if not self._utterance.is_settled:
            self._utterance.is_over = False
            return
        self._utterance = _Utterance(list(self._recent.frames))
        self._doubted = None
        preferred = next(self._ladder.order())
        if self._repeating is None and not (preferred is self._current and preferred.is_open):
            self._switch(preferred)

    async def _hear(self, frame: Frame) -> None:
        if isinstance(frame, InputAudioRawFrame):
            self._recent.add(frame)
        if self._utterance.is_kept:
            self._utterance.add(frame)
            if self._repeating:  # it comes to this frame by itself
                return
        await self._current.put(frame)

    async def _expect(self) -> None:
        """Wait for the transcript of what was said."""
        await self._stop_watching()
        if not self._utterance.is_settled and self._repeating is None:
            self._watch = self.create_task(self._wait(self._current), name="expect transcript")

    async def _wait(self, rung: Rung) -> None:
        await asyncio.sleep(rung.params.first_byte_seconds)
        self._watch = None
        self._utterance.tried.append(rung)
        following = self._following()
        if following is None:
            self._utterance.settle()
            return
        if self._doubted is None:
            self._doubted = rung
        self._late.append(rung)
        self._switch(following)

    async def _stop_watching(self) -> None:
        watch, self._watch = self._watch, None
        if watch:
            await self.cancel_task(watch)

    def _following(self) -> Rung | None:
        tried = self._utterance.tried
        return next((rung for rung in self._ladder.order() if rung not in tried), None)

    def _switch(self, rung: Rung) -> None:
        """Let another recogniser hear the utterance from its start, and go on with it."""
        self._current = rung
        self._repeating = self.create_task(self._repeat(rung), name="repeat utterance")

    async def _repeat(self, rung: Rung) -> None:
        try:
            async with asyncio.timeout(max(START_SECONDS, rung.params.first_byte_seconds)):
                await self._ladder.open(rung)
        except GivenUp:
            return  # it said what is wrong, and another one was asked
        except Exception as error:  # noqa: BLE001 - whatever it is, the next one is asked
            await self._failed(rung, f"cannot start: {reason_of(error)}")
            return
        for frame in self._utterance.frames:  # which grows meanwhile
            await rung.put(frame)
        self._repeating = None
        if self._utterance.is_over:
            await self._expect()

    async def _failed(self, rung: Rung, reason: str) -> None:
        await self._stop_watching()
        self._repeating = None
        self._utterance.tried.append(rung)
        following = self._following()
        if following is None and self._utterance.tried == [rung]:
            following = rung  # the only one: a connection may be lost once
        self._ladder.report(rung, reason, following)
        if following:
            self._switch(following)
        else:
            self._utterance.settle()
            await self.push_error(f"no recogniser works: {rung.name}: {reason}")

    async def _came_out(self, rung: Rung, frame: Frame, direction: FrameDirection) -> None:
        """Take transcripts, and what goes wrong."""
        if isinstance(frame, MetricsFrame):
            await self.push_frame(frame, direction)
            return
        if rung is not self._current and not await self._is_late_text(rung, frame):
            return
        if isinstance(frame, ErrorFrame):
            await self._failed(rung, frame.error)
            return
        if isinstance(frame, TranscriptionFrame) and frame.text.strip():
            await self._answered(rung)
        elif isinstance(frame, InterimTranscriptionFrame) and self._watch:
            await self._expect()  # it is at work
        if isinstance(frame, PASSED_ON):
            await self.push_frame(frame, direction)

    async def _is_late_text(self, rung: Rung, frame: Frame) -> bool:
        """Judge what comes of one that is not asked; go on with it if it has understood."""
        if isinstance(frame, ErrorFrame):
            if self._ladder.note_error(rung, frame.error) and rung is self._doubted:
                self._doubted = None
            return False
        is_text = isinstance(frame, TranscriptionFrame) and frame.text.strip()
        if rung not in self._late or not is_text:
            return False
        repeating, self._repeating = self._repeating, None
        if repeating:
            await self.cancel_task(repeating)
        self._ladder.throw_away(self._current)  # it would understand the same again
        self._current = rung
        if self._doubted is rung:
            self._doubted = None
        return True

    async def _answered(self, rung: Rung) -> None:
        self._late.clear()
        self._utterance.settle()
        await self._stop_watching()
        self._ladder.worked(rung)
        doubted, self._doubted = self._doubted, None
        if doubted:
            reason = f"no transcript within {doubted.params.first_byte_seconds:.1f} s"
            self._ladder.report(doubted, reason, rung)


def _seconds(frame: Frame) -> float:
    if isinstance(frame, InputAudioRawFrame):
        return frame.num_frames / frame.sample_rate
    return 0.0
