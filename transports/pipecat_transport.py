"""The adapter between Pipecat and a call's media stream.

Voice activity is detected *before* the speech recogniser and enters the pipeline as frames, so that
audio can stop there (``audio_passthrough=False``): an analyser behind it would hear nothing.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from pipecat.frames.frames import (
    BotSpeakingFrame,
    BotStoppedSpeakingFrame,
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMAssistantPushAggregationFrame,
    LLMFullResponseEndFrame,
    OutputAudioRawFrame,
    OutputDTMFFrame,
    OutputDTMFUrgentFrame,
    StartFrame,
    SystemFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
    TTSTextFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import BaseTransport, TransportParams
from pipecat.utils.utils import obj_id

from transports.audio.barge_in import BargeInTally
from transports.audio.captions import Captions
from transports.audio.endpointing import Verdict, VerdictListener
from transports.audio.resampler import Resampler
from transports.barge_in import BargeIn
from transports.caller_audio import AudioTap, CallerAudio, EarlyPauseTap, SpeechMarks
from transports.caller_filters import CallerFilters
from transports.engine import MediaStream
from transports.vad import VoiceDetector

__all__ = ["DigitSender", "RtpInput", "RtpOutput", "RtpTransport", "SpeechMarks"]

SAMPLE_RATE = 8000
WRITE_SAMPLES = 640
"""What Pipecat writes at once: 80 ms, for half the work of 40; so exactly are words timed."""
PauseTap = Callable[[], Awaitable[None]]
"""Awaited when the caller pauses within speech: perhaps that was all."""


class DigitSender(Protocol):
    """Where digits for the far end go: Asterisk drops RFC 4733 on this leg."""

    async def send_digits(self, digits: str) -> None:
        """Send ``digits`` (0-9, A-D, * and #) to the far end."""


class RtpTransport(BaseTransport):
    """A call's two ends of the pipeline.

    Args:
        stream: The call's media; this transport subscribes to it and writes to it.
        detector: The call's ear.
        digits: Where digits for the far end go.
        call_id: Used in the processors' names.
        filters: Of the caller's audio, before anything here hears it.
        tally: Where barge-ins are counted; may be shared by many calls.
    """

    def __init__(
        self,
        stream: MediaStream,
        detector: VoiceDetector,
        digits: DigitSender,
        *,
        call_id: str,
        filters: CallerFilters | None = None,
        tally: BargeInTally | None = None,
    ) -> None:
        super().__init__(name=f"rtp-{call_id}")
        params = TransportParams(
            audio_in_enabled=True,
            audio_out_enabled=True,
            audio_in_sample_rate=SAMPLE_RATE,
            audio_out_sample_rate=SAMPLE_RATE,
            audio_out_10ms_chunks=WRITE_SAMPLES // (SAMPLE_RATE // 100),
            audio_out_end_silence_secs=0,
        )
        _wait_for_writes(params)
        self._heard = CallerAudio(detector, filters)
        self.marks = self._heard.marks
        self._input = RtpInput(params, stream, self._heard)
        self._barge_in = BargeIn(stream, filters, tally)
        self._heard.listeners.append(self._barge_in)
        detector.veto = self._barge_in.is_echo
        self._output = RtpOutput(params, stream, digits, self._barge_in)

    def input(self) -> "RtpInput":
        """Return the processor that pushes what the caller says."""
        return self._input

    def output(self) -> "RtpOutput":
        """Return the processor that plays what the assistant says."""
        return self._output

    @property
    def is_held(self) -> bool:
        """Whether the assistant waits until it is known whether it was interrupted."""
        return self._barge_in.is_held

    def allow_barge_in(self, *, hold: bool) -> None:
        """From now on lower the assistant's voice when the caller seems to speak.

        Args:
            hold: Whether to hold it back as soon as that is certain, until an interruption or
                :meth:`dismiss_barge_in`; else it stays low until the caller has stopped.
        """
        self._barge_in.allow(hold=hold)

    def dismiss_barge_in(self) -> None:
        """Let the assistant go on from where it was held."""
        self._barge_in.dismiss()

    def expect_speech(self, *, expected: bool) -> None:
        """Hold an answer that is on its way, or goes on, if the caller speaks up before that."""
        self._barge_in.expect(expected=expected)

    def add_audio_tap(self, tap: AudioTap) -> None:
        """Tell ``tap`` of the caller's audio as it arrives, ahead of what the pipeline gets."""
        self._heard.taps.append(tap)

    def add_early_pause_tap(self, tap: EarlyPauseTap) -> None:
        """Tell ``tap`` of every pause within speech, a third of the way to its end, at once."""
        self._heard.early_pause_taps.append(tap)

    def add_pause_tap(self, tap: PauseTap) -> None:
        """Tell ``tap`` of every such pause when the pipeline has got the audio up to it."""
        self._input.pause_taps.append(tap)

    def add_verdict_listener(self, listener: VerdictListener) -> None:
        """Tell ``listener`` of every verdict, up to 10 ms before the next packet leaves."""
        self._heard.listeners.append(listener)


def _wait_for_writes(params: TransportParams) -> None:
    """Take the limit from a write, and with it the task and the timer that each would cost.

    Pipecat takes a longer write for a peer that is gone, and is mute for the rest of the call. But
    our clock paces writes: a long one waits for digits of ours, or for a hold to end.
    """
    unlimited: Any = None  # the field is a number, but is only passed to `wait_for`
    params.audio_out_write_timeout_secs = unlimited


class RtpInput(BaseInputTransport):
    """Push the caller's audio as it is played, and the verdicts on it, which are ahead of that."""

    def __init__(self, params: TransportParams, stream: MediaStream, heard: CallerAudio) -> None:
        super().__init__(params)
        self.pause_taps: list[PauseTap] = []
        self._stream = stream
        self._heard = heard

    @property
    def dropped_frames(self) -> int:
        """Frames dropped because the pipeline did not keep up."""
        return self._heard.order.dropped_frames

    async def start(self, frame: StartFrame) -> None:
        """Subscribe to the media stream once the pipeline can take frames."""
        await super().start(frame)
        await self.set_transport_ready(frame)
        self._heard.follow(self._stream)

    async def _audio_task_handler(self) -> None:
        """Replace the base's task: batch frames, and keep verdicts in order with the audio."""
        heard = self._heard
        while True:
            await heard.due.wait()
            heard.due.clear()
            while (due := heard.order.take()) is not None:
                if isinstance(due, bytes):
                    await self.push_frame(InputAudioRawFrame(due, SAMPLE_RATE, 1))
                else:
                    await self._tell(due)

    async def _tell(self, verdict: Verdict) -> None:
        params = self._heard.detector.params
        if verdict is Verdict.PAUSED:
            for tap in self.pause_taps:
                await tap()
        elif verdict is Verdict.STARTED:
            await self.push_frame(VADUserStartedSpeakingFrame(start_secs=params.start_seconds))
        elif verdict is Verdict.STOPPED:
            await self.push_frame(VADUserStoppedSpeakingFrame(stop_secs=params.stop_seconds))


class RtpOutput(BaseOutputTransport):
    """Write the assistant's audio to the media stream, which paces it by its ring.

    Words go on to the context when they are played; the base's clock runs ahead of the audio.
    """

    def __init__(
        self, params: TransportParams, stream: MediaStream, digits: DigitSender, barge_in: BargeIn
    ) -> None:
        super().__init__(params)
        self._stream = stream
        self._digits = digits
        self._barge_in = barge_in
        self._interrupted_at = 0  # number of a frame; those before it are an old answer's
        self._captions: Captions[Frame] = Captions(rate=SAMPLE_RATE, piece=WRITE_SAMPLES)
        self._resampler = Resampler(SAMPLE_RATE, SAMPLE_RATE)

    async def start(self, frame: StartFrame) -> None:
        """Open the default media sender."""
        await super().start(frame)
        await self.set_transport_ready(frame)
        self._barge_in.listen()

    async def stop(self, frame: EndFrame) -> None:
        """Let what was said be heard to its end, even if the assistant is held."""
        self._barge_in.end()
        await super().stop(frame)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Silence the line at once when the caller interrupts, then let Pipecat clean up.

        The base reaches neither what the stream holds nor the piece that its task has taken
        already: pieces are numbered, and older ones are dropped.
        """
        if isinstance(frame, InterruptionFrame):
            self._interrupted_at = obj_id()
            self._barge_in.flush()
            self._captions.flush()
            self._resampler.reset()
        await super().process_frame(frame, direction)
        if isinstance(frame, InterruptionFrame):
            self._interrupted_at = obj_id()
            self._barge_in.interrupted()
            self._captions.flush()  # audio that the base had not dropped yet was counted

    async def push_frame(
        self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM
    ) -> None:
        """Push what somebody behind the output needs.

        Audio has left and "still speaking" tells nothing new: 250 hops a second for nothing. What
        comes behind an answer, but not what overtakes it, brings its last words along, of which
        140 ms may be still to be heard.
        """
        if isinstance(frame, OutputAudioRawFrame | BotSpeakingFrame):
            return
        behind = isinstance(frame, BotStoppedSpeakingFrame) or not isinstance(frame, SystemFrame)
        if direction is FrameDirection.DOWNSTREAM and behind:
            for word in self._captions.play(0):
                await super().push_frame(word)
        await super().push_frame(frame, direction)

    async def _handle_frame(self, frame: Frame) -> None:
        """Bind what has a time to the audio; the base would deliver it at that time."""
        if isinstance(frame, OutputAudioRawFrame):
            self._lower_rate(frame)
        if isinstance(frame, TTSAudioRawFrame):
            samples = frame.num_frames * SAMPLE_RATE // frame.sample_rate
            self._captions.add_audio(frame.context_id, samples, self.get_clock().get_time())
        elif isinstance(frame, TTSStoppedFrame):
            self._captions.pad()
            self._resampler.reset()
        elif isinstance(frame, LLMFullResponseEndFrame | LLMAssistantPushAggregationFrame):
            self._captions.close()
            frame.pts = None  # then it comes behind the audio
        elif frame.pts and isinstance(frame, TTSTextFrame):
            self._captions.add(frame.context_id, frame.pts, frame)
            return
        elif frame.pts and self._captions.follow(frame):
            return
        await super()._handle_frame(frame)

    def _lower_rate(self, frame: OutputAudioRawFrame) -> None:
        """Bring a service's rate to ours; the base would do it 80 ms late, and in bursts."""
        if frame.sample_rate == SAMPLE_RATE or frame.num_channels != 1:
            return
        if frame.sample_rate != self._resampler.from_rate:
            self._resampler = Resampler(frame.sample_rate, SAMPLE_RATE)
        frame.audio = self._resampler.resample(frame.audio)
        frame.sample_rate = SAMPLE_RATE
        frame.num_frames = len(frame.audio) // 2

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        """Queue audio; returns when fewer than three packets wait, so at most 140 ms do."""
        if frame.id < self._interrupted_at and frame.interruptible:
            return True
        self._barge_in.write(frame.audio)
        if await self._stream.write(frame.audio):
            waiting = self._stream.queued_samples
            for word in self._captions.play(frame.num_frames, behind=waiting):
                await super().push_frame(word)
        return True

    def _supports_native_dtmf(self) -> bool:
        return True

    async def _write_dtmf_native(self, frame: OutputDTMFFrame | OutputDTMFUrgentFrame) -> None:
        await self._digits.send_digits(frame.to_string())
