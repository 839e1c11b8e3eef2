"""When the caller has finished, by the smart-turn model: one for all calls, on one thread.

Pipecat ships the model. Its own analyser loads it per call, which takes 79 ms and 24 MB and
blocks the loop, and keeps a list of all frames; here a call has eight seconds of samples.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from importlib import resources as package_files
from typing import Protocol

import numpy as np
import onnxruntime as ort
import soxr
from numpy.typing import NDArray
from pipecat.audio.turn.base_turn_analyzer import BaseTurnAnalyzer, EndOfTurnState
from pipecat.audio.turn.smart_turn.base_smart_turn import SmartTurnParams
from pipecat.frames.frames import (
    Frame,
    TranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.metrics.metrics import MetricsData, TurnMetricsData
from pipecat.turns.types import ProcessFrameResult
from pipecat.turns.user_stop import TurnAnalyzerUserTurnStopStrategy

from pipelines.mel import FRAME_SAMPLES, FRAMES_PER_SECOND, HOP_SAMPLES, SAMPLE_RATE_HZ, log_mel
from pipelines.resources import Resources
from pipelines.smart_turn_frames import FRAMES, looked_at
from pipelines.smart_turn_graph import lightened, thinned
from pipelines.speech import TELEPHONE_RATE

__all__ = [
    "RecentAudio",
    "SmartTurn",
    "SmartTurnModel",
    "SmartTurnStop",
    "TurnModel",
    "features",
    "load_model",
]

MODEL_PACKAGE = "pipecat.audio.turn.smart_turn.data"
MODEL_FILE = "smart-turn-v3.2-cpu.onnx"
MODEL_SECONDS = 8
MODEL_SAMPLES = MODEL_SECONDS * SAMPLE_RATE_HZ
MODEL_FRAMES = MODEL_SECONDS * FRAMES_PER_SECOND
VARIANCE_FLOOR = 1e-7
COMPLETE_PROBABILITY = 0.35
"""Pipecat's own is 0.5. Shown less silence, the model is less easily satisfied: from 0.35 on
nearly as many whole sentences are complete as there."""
FULL_SCALE = 32768.0
BYTES_PER_SECOND = 2 * TELEPHONE_RATE
PRE_SPEECH_SECONDS = 0.5
"""Judged with what follows, besides what the VAD needs to be sure; Pipecat's own."""
UNFINISHED_SECONDS = 1.0
"""A turn that the model judges unfinished ends after so much silence; Pipecat's own is 3."""
OUTDATED_SECONDS = 0.16
"""So long after a pause the caller who still speaks has gone on, by the usual 200 ms of quiet."""
Judgement = tuple[EndOfTurnState, MetricsData | None]


class TurnModel(Protocol):
    """Tells how probable it is that a turn is complete. Used from one thread."""

    def probability(self, samples: NDArray[np.float32]) -> float:
        """Judge at most eight seconds, mono of -1..1 at 8 kHz; the latest are at the end."""
        ...


class RecentAudio:
    """The last eight seconds of a call, 16-bit mono at 8 kHz: 128 kB, written in place.

    Attributes:
        position: Bytes put, ever.
    """

    def __init__(self) -> None:
        self.position = 0
        self._size = MODEL_SECONDS * BYTES_PER_SECOND
        self._ring = bytearray(self._size)

    def put(self, pcm: bytes) -> None:
        """Append audio of any length; what is older than eight seconds is gone."""
        at = self.position % self._size
        end = at + len(pcm)
        if end <= self._size:
            self._ring[at:end] = pcm
            self.position += len(pcm)
            return
        pcm, skipped = pcm[-self._size :], max(0, len(pcm) - self._size)
        at = (at + skipped) % self._size
        first = self._size - at
        self._ring[at:] = pcm[:first]
        self._ring[: len(pcm) - first] = pcm[first:]
        self.position += skipped + len(pcm)

    def since(self, position: int) -> bytes:
        """Return what was put from a position on, as far as it is still there."""
        begin = max(position, self.position - self._size, 0)
        at, length = begin % self._size, self.position - begin
        whole = self._ring[at : at + length]
        return bytes(whole + self._ring[: length - len(whole)])


class SmartTurnModel:
    """The shared model."""

    def __init__(self) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        shipped = package_files.files(MODEL_PACKAGE).joinpath(MODEL_FILE).read_bytes()
        model = thinned(lightened(shipped))
        self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        silence = np.zeros(MODEL_SECONDS * TELEPHONE_RATE, np.float32)
        self.probability(silence)  # the first takes three times as long

    def probability(self, samples: NDArray[np.float32]) -> float:
        """Judge; see :class:`TurnModel`."""
        look = looked_at(len(samples) / TELEPHONE_RATE)
        heard = features(samples, TELEPHONE_RATE, look.heard * MODEL_FRAMES // FRAMES)
        return float(self._session.run(None, look.inputs(heard))[0].item())


def features(
    samples: NDArray[np.float32], rate: int, frames: int = MODEL_FRAMES
) -> NDArray[np.float32]:
    """Return what the model hears of the last eight seconds, silence before shorter ones.

    Pipecat's own function gives the same, but multiplies matrices: BLAS takes a second thread
    for that, which spins for 100 ms and takes the core from whoever is speaking.

    Args:
        samples: Mono of -1..1.
        rate: Samples per second.
        frames: Of 10 ms, the last of the eight seconds; before them is nothing but silence.

    Returns:
        Shape (80, ``frames``).
    """
    heard = soxr.resample(samples, rate, SAMPLE_RATE_HZ, quality="HQ")[-MODEL_SAMPLES:]
    mean = heard.sum(dtype=np.float64) / MODEL_SAMPLES
    variance = np.square(heard, dtype=np.float64).sum() / MODEL_SAMPLES - mean**2
    deviation = math.sqrt(variance + VARIANCE_FLOOR)
    end = frames * HOP_SAMPLES
    before = end - len(heard)
    mirrored = np.zeros(end + FRAME_SAMPLES // 2, np.float32)
    mirrored[before:end] = heard
    mirrored[end:] = mirrored[end - 2 : end - 2 - FRAME_SAMPLES // 2 : -1]
    mirrored -= np.float32(mean)
    mirrored /= np.float32(deviation)
    return log_mel(mirrored, frames, still=before)


class SmartTurn(BaseTurnAnalyzer):
    """One conversation's turn detection on the shared model.

    Audio stops at the recogniser, so what Pipecat appends never comes; :meth:`feed` does, as
    packets arrive.

    It judges ahead, at each pause within speech: a turn that is complete then is complete when
    only quiet has followed. One that is not is judged again. A judgement that still waits for the
    thread when speech has gone on is never made.

    Args:
        model: The shared model.
        resources: Whose thread for turns it runs in.

    Attributes:
        on_silence: Called when enough silence has followed an unfinished turn.
    """

    def __init__(self, model: TurnModel, resources: Resources) -> None:
        super().__init__(sample_rate=TELEPHONE_RATE)
        self.on_silence: Callable[[], None] = lambda: None
        self._params = SmartTurnParams(stop_secs=UNFINISHED_SECONDS)
        self._model = model
        self._resources = resources
        self._audio = RecentAudio()
        self._cleared_at = 0
        self._speech_at: int | None = None  # the position at which the turn began
        self._resumed_at: int | None = None  # likewise, of speech since a judgement was asked for
        self._is_complete = False  # by the latest judgement, and nobody has spoken since
        self._silence_bytes = 0
        self._start_seconds = 0.0
        self._guess: Future[Judgement] | None = None
        self._guess_bytes = 0  # heard since it was asked for

    @property
    def speech_triggered(self) -> bool:
        """Whether a turn has begun and was not judged complete."""
        return self._speech_at is not None

    @property
    def params(self) -> SmartTurnParams:
        """What Pipecat tells others of it."""
        return self._params

    def append_audio(self, buffer: bytes, is_speech: bool) -> EndOfTurnState:  # noqa: FBT001
        """Ignore what comes through the pipeline."""
        del buffer, is_speech
        return EndOfTurnState.INCOMPLETE

    def update_vad_start_secs(self, vad_start_secs: float) -> None:
        """Take note of how long the VAD takes to be sure of speech."""
        self._start_seconds = vad_start_secs
        self._is_complete = False

    def clear(self) -> None:
        """Begin a new turn; what was heard before belongs to none.

        Where one was judged complete, the next began when that was asked, and goes on.
        """
        if not self._is_complete:
            self._end_turn(self._audio.position, None)

    def feed(self, pcm: bytes, speaking: bool) -> None:  # noqa: FBT001 - an audio tap
        """Take the caller's audio."""
        if speaking:
            self._silence_bytes = 0
            if self._speech_at is None:
                self._speech_at = self._audio.position
            if self._resumed_at is None:
                self._resumed_at = self._audio.position
        elif self._speech_at is not None:
            self._silence_bytes += len(pcm)
        self._audio.put(pcm)
        self._guess_bytes += len(pcm)
        is_outdated = speaking and self._guess_bytes > OUTDATED_SECONDS * BYTES_PER_SECOND
        if is_outdated and self._guess is not None and self._guess.cancel():  # it had not begun
            self._guess = None
        if self._silence_bytes >= UNFINISHED_SECONDS * BYTES_PER_SECOND:
            self._end_turn(self._audio.position, None)
            self.on_silence()

    def caller_paused(self) -> None:
        """Judge what was said so far; a pause always comes before the end of speech."""
        self._forget_guess()
        if self._speech_at is not None:
            self._guess_bytes = 0
            self._guess = self._resources.submit("turn", self._judge, self._turn_so_far())

    async def analyze_end_of_turn(self) -> Judgement:
        """Judge what was said, now that speech has ended."""
        guess, self._guess = self._guess, None
        if guess is not None:
            judgement = await self._end_if_complete(asyncio.wrap_future(guess))
            if self._is_complete:
                return judgement
        judging = self._resources.run("turn", self._judge, self._turn_so_far())
        return await self._end_if_complete(judging)

    async def _end_if_complete(self, judging: Awaitable[Judgement]) -> Judgement:
        """Wait for a judgement; what is said meanwhile belongs to the next turn."""
        asked_at, self._resumed_at = self._audio.position, None
        judgement = await judging
        self._is_complete = judgement[0] == EndOfTurnState.COMPLETE
        if self._is_complete:
            self._end_turn(max(asked_at, self._cleared_at), self._resumed_at)
        return judgement

    def _end_turn(self, at: int, next_speech_at: int | None) -> None:
        self._cleared_at = at
        self._speech_at = self._resumed_at = next_speech_at
        if next_speech_at is None:
            self._silence_bytes = 0
        self._forget_guess()

    def _forget_guess(self) -> None:
        """Take back what has not begun, and make nothing of what has."""
        if self._guess is not None:
            self._guess.cancel()
            self._guess = None

    def _turn_so_far(self) -> bytes:
        if self._speech_at is None:
            return self._audio.since(self._cleared_at)
        before = int((PRE_SPEECH_SECONDS + self._start_seconds) * TELEPHONE_RATE) * 2
        return self._audio.since(max(self._cleared_at, self._speech_at - before))

    def _judge(self, pcm: bytes) -> Judgement:
        if not pcm:
            return EndOfTurnState.INCOMPLETE, None
        started = time.perf_counter()
        samples = np.frombuffer(pcm, "<i2").astype(np.float32) / FULL_SCALE
        probability = self._model.probability(samples)
        is_complete = probability > COMPLETE_PROBABILITY
        metrics = TurnMetricsData(
            processor="SmartTurn",
            is_complete=is_complete,
            probability=probability,
            e2e_processing_time_ms=1000 * (time.perf_counter() - started),
        )
        return EndOfTurnState.COMPLETE if is_complete else EndOfTurnState.INCOMPLETE, metrics


class SmartTurnStop(TurnAnalyzerUserTurnStopStrategy):  # type: ignore[no-untyped-call]
    """Ends a turn by the model's verdict and a transcript.

    Two ends are added that Pipecat leaves to a time-out of seconds: silence after a turn that
    was judged unfinished, which it counts in audio frames that do not get here; and a
    transcript that came back empty, such as a cough's.
    """

    def __init__(self, analyzer: SmartTurn) -> None:
        super().__init__(turn_analyzer=analyzer)
        self._speaking = False
        analyzer.on_silence = self._silence

    async def process_frame(self, frame: Frame) -> ProcessFrameResult:
        """Judge a frame."""
        if isinstance(frame, VADUserStartedSpeakingFrame):
            self._speaking = True
        elif isinstance(frame, VADUserStoppedSpeakingFrame):
            self._speaking = False
        result = await super().process_frame(frame)
        empty = isinstance(frame, TranscriptionFrame) and frame.finalized and not frame.text
        if empty and not self._speaking:
            await self.trigger_user_turn_stopped()
        return result

    async def handle_user_turn_started(self) -> None:
        """Keep what was concluded of speech that turned out to be a turn after its end only."""
        complete, stopped = self._turn_complete, self._vad_stopped
        await super().handle_user_turn_started()  # type: ignore[no-untyped-call]
        self._turn_complete, self._vad_stopped = complete, stopped

    def _silence(self) -> None:
        self.task_manager.create_task(self._end_unfinished(), f"{self}::unfinished")

    async def _end_unfinished(self) -> None:
        self._turn_complete = True
        await self._maybe_trigger_user_turn_stopped()  # type: ignore[no-untyped-call]


def load_model(resources: Resources) -> SmartTurnModel:
    """Return the shared model, loading it the first time. Blocks."""
    return resources.engine("smart-turn", SmartTurnModel)
