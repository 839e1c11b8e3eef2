"""When the caller has finished: one shared smart-turn model, fed by the telephone.

The model that Pipecat ships costs 79 ms and 24 MB to load; per call that is a blocked loop.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from importlib import resources as package_files
from typing import Any

import numpy as np
import onnxruntime as ort
import soxr
from numpy.typing import NDArray
from pipecat.audio.turn.base_turn_analyzer import EndOfTurnState
from pipecat.audio.turn.smart_turn.base_smart_turn import BaseSmartTurn, SmartTurnParams
from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3
from pipecat.frames.frames import (
    Frame,
    TranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.metrics.metrics import MetricsData
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.turns.types import ProcessFrameResult
from pipecat.turns.user_mute import AlwaysUserMuteStrategy, BaseUserMuteStrategy
from pipecat.turns.user_start import (
    BaseUserTurnStartStrategy,
    MinWordsUserTurnStartStrategy,
)
from pipecat.turns.user_stop import (
    BaseUserTurnStopStrategy,
    SpeechTimeoutUserTurnStopStrategy,
    TurnAnalyzerUserTurnStopStrategy,
)
from pipecat.turns.user_turn_strategies import UserTurnStrategies

from pipelines.barge_in import ProvenTurnStart
from pipelines.mel import FRAME_SAMPLES, FRAMES_PER_SECOND, SAMPLE_RATE_HZ, log_mel
from pipelines.ports import PhoneTransport
from pipelines.resources import Resources
from pipelines.spec import TurnSpec

MODEL_PACKAGE = "pipecat.audio.turn.smart_turn.data"
MODEL_FILE = "smart-turn-v3.2-cpu.onnx"
MODEL_SECONDS = 8
MODEL_SAMPLES = MODEL_SECONDS * SAMPLE_RATE_HZ
VARIANCE_FLOOR = 1e-7
COMPLETE_PROBABILITY = 0.5
Judgement = tuple[EndOfTurnState, MetricsData | None]
UNFINISHED_SECONDS = 1.0
"""A turn that the model judges unfinished ends after so much silence; Pipecat's own is 3."""


def features(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Return what the model hears of the last eight seconds, silence before shorter ones.

    Pipecat's own function gives the same, but multiplies matrices: BLAS takes a second thread
    for that, which spins for 100 ms and takes the core from whoever is speaking.

    Args:
        samples: Mono of -1..1.
        rate: Samples per second.

    Returns:
        Shape (80, 800).
    """
    heard = soxr.resample(samples, rate, SAMPLE_RATE_HZ, quality="HQ")[-MODEL_SAMPLES:]
    heard = np.pad(heard, (MODEL_SAMPLES - len(heard), 0))
    heard = (heard - heard.mean()) / np.sqrt(heard.var() + VARIANCE_FLOOR)
    mirrored = np.pad(heard, (0, FRAME_SAMPLES // 2), mode="reflect")
    return log_mel(mirrored, MODEL_SECONDS * FRAMES_PER_SECOND)


class SmartTurn(LocalSmartTurnAnalyzerV3):
    """One conversation's turn detection on the shared model.

    Audio stops at the recogniser, so what Pipecat appends never comes; :meth:`feed` does.

    It judges ahead, at each pause within speech: a turn that is complete then is complete when
    only quiet has followed. One that is not is judged again.

    Args:
        session: The shared model.
        resources: Whose thread for turns it runs in.
    """

    def __init__(self, session: ort.InferenceSession, resources: Resources) -> None:
        params = SmartTurnParams(stop_secs=UNFINISHED_SECONDS)
        BaseSmartTurn.__init__(self, params=params)  # past the base that loads a model
        self._session = session
        self._log_data = False
        self._resources = resources
        self._guess: Future[Judgement] | None = None
        self.on_silence: Callable[[], None] = lambda: None

    def _predict_endpoint(self, audio_array: NDArray[np.float32]) -> dict[str, Any]:
        """Ask the model as the base does, but with features that take one core."""
        inputs = {"input_features": features(audio_array, self.sample_rate)[np.newaxis]}
        probability = float(self._session.run(None, inputs)[0][0].item())
        return {"prediction": int(probability > COMPLETE_PROBABILITY), "probability": probability}

    def append_audio(self, buffer: bytes, is_speech: bool) -> EndOfTurnState:  # noqa: FBT001
        """Ignore what comes through the pipeline."""
        del buffer, is_speech
        return EndOfTurnState.INCOMPLETE

    def feed(self, pcm: bytes, speaking: bool) -> None:  # noqa: FBT001 - an audio tap
        """Take 20 ms of the caller's audio."""
        if super().append_audio(pcm, speaking) == EndOfTurnState.COMPLETE:
            self.on_silence()

    async def caller_paused(self) -> None:
        """Judge what was said so far; a pause always comes before the end of speech."""
        self._guess = None
        if self._speech_triggered and self._resources.is_idle("turn"):
            audio = list(self._audio_buffer)
            self._guess = self._resources.submit("turn", self._process_speech_segment, audio)

    async def analyze_end_of_turn(self) -> Judgement:
        """Judge what was said, now that speech has ended.

        Replaces the base's, which would make and shut down a thread of its own.
        """
        guess, self._guess = self._guess, None
        if guess is not None:
            state, metrics = await asyncio.wrap_future(guess)
            if state == EndOfTurnState.COMPLETE:
                self._clear(state)
                return state, metrics
        audio = self._audio_buffer
        state, metrics = await self._resources.run("turn", self._process_speech_segment, audio)
        if state == EndOfTurnState.COMPLETE:
            self._clear(state)
        return state, metrics


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


def load_session(resources: Resources) -> ort.InferenceSession:
    """Return the shared model, loading it the first time. Blocks."""

    def load() -> Any:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        model = package_files.files(MODEL_PACKAGE).joinpath(MODEL_FILE).read_bytes()
        return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    return resources.engine("smart-turn", load)


def strategies(
    spec: TurnSpec, resources: Resources, transport: PhoneTransport
) -> UserTurnStrategies:
    """Return when turns start and stop; connects the turn model to the caller's audio."""
    start = _starts(spec, transport)
    stop: BaseUserTurnStopStrategy
    if spec.stop == "smart-turn":
        analyzer = SmartTurn(load_session(resources), resources)
        transport.add_audio_tap(analyzer.feed)
        transport.add_pause_tap(analyzer.caller_paused)
        stop = SmartTurnStop(analyzer)
    else:
        stop = SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.0)
    return UserTurnStrategies(start=start, stop=[stop])


def _starts(spec: TurnSpec, transport: PhoneTransport) -> list[BaseUserTurnStartStrategy]:
    barge_in = spec.barge_in
    if barge_in.enabled:
        transport.allow_barge_in(hold=not barge_in.min_words)
    if barge_in.min_words:
        return [MinWordsUserTurnStartStrategy(min_words=barge_in.min_words)]
    start = ProvenTurnStart(
        transport,
        stop_seconds=spec.vad.stop_ms / 1000,
        patience_seconds=barge_in.resume_after_false_ms / 1000,
    )
    return [start]


def follow(strategies: UserTurnStrategies, last: FrameProcessor) -> None:
    """Let the strategies know what has reached the processor that keeps the answers."""
    for start in strategies.start or []:
        if isinstance(start, ProvenTurnStart):
            start.follow(last)


def mutes(spec: TurnSpec) -> list[BaseUserMuteStrategy]:
    """Return when the caller is not heard."""
    if spec.barge_in.enabled:
        return []
    return [AlwaysUserMuteStrategy()]  # type: ignore[no-untyped-call]
