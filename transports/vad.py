"""Voice activity detection for every call of a process with one Silero model.

Pipecat ships the model (``pipecat.audio.vad.data/silero_vad.onnx``, MIT). Its own
analyser opens a session per call, which blocks the loop for 38 ms and holds 12 MB; here
the session is shared and a call keeps only its recurrent state.
"""

from dataclasses import dataclass
from importlib import resources

import numpy as np
import numpy.typing as npt
import onnxruntime

from transports.audio.endpointing import Endpointer, EndpointingParams, Verdict

SAMPLE_RATE = 8000
WINDOW = 256
"""Samples the model takes at 8 kHz: 32 ms."""
CONTEXT = 32
"""Samples of the previous window that the model wants in front of each."""
STATE_SHAPE = (2, 1, 128)
NOISE_RMS = 104.0 / 32768
"""-50 dBFS. After digital silence the model at 8 kHz hears speech up to half a second
late; noise of this level on its copy of the audio takes that away."""
NOISE_SEED = 8
NOISE_SAMPLES = 64 * WINDOW
RESET_WINDOWS = 62
"""Windows (2 s) between resets of the recurrent state, as Pipecat's own analyser does."""
RESET_QUIET_WINDOWS = 5
RESET_PROBABILITY = 0.1

Samples = npt.NDArray[np.float32]


class SileroModel:
    """The shared session. Thread-safe, as onnxruntime sessions are; holds no call's state."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = 1
        options.intra_op_num_threads = 1
        model = resources.files("pipecat.audio.vad.data").joinpath("silero_vad.onnx").read_bytes()
        self._session = onnxruntime.InferenceSession(
            model, sess_options=options, providers=["CPUExecutionProvider"]
        )
        self._rate = np.array(SAMPLE_RATE, dtype=np.int64)
        generator = np.random.default_rng(NOISE_SEED)
        self.noise: Samples = generator.normal(0, NOISE_RMS, NOISE_SAMPLES).astype(np.float32)

    def run(self, window: Samples, state: Samples) -> tuple[float, Samples]:
        """Score one window.

        Args:
            window: ``(1, CONTEXT + WINDOW)`` samples in -1..1.
            state: ``(2, 1, 128)``, as returned for the previous window; zeros at first.

        Returns:
            The probability of speech, 0..1, and the next state.
        """
        output, state = self._session.run(None, {"input": window, "state": state, "sr": self._rate})
        return float(output[0, 0]), state


@dataclass(frozen=True, slots=True)
class Hearing:
    """What one frame of audio decided.

    Attributes:
        verdict: Whether speech began or ended with this frame.
        speaking: Whether the caller speaks, the verdict included.
        voiced: Whether the newest whole window held speech; None if no window was filled.
        paused: Whether a pause within speech began with this frame; its end may follow.
    """

    verdict: Verdict
    speaking: bool
    voiced: bool | None
    paused: bool = False


class VoiceDetector:
    """One call's ear: frames in, verdicts out.

    Args:
        model: The shared model.
        params: When speech begins and ends.
    """

    def __init__(self, model: SileroModel, params: EndpointingParams) -> None:
        self.params = params
        self._model = model
        self._endpointer = Endpointer(params)
        self._pending: Samples = np.zeros(0, np.float32)
        self._context: Samples = np.zeros(CONTEXT, np.float32)
        self._state: Samples = np.zeros(STATE_SHAPE, np.float32)
        self._noise_at = 0
        self._windows = 0
        self._quiet_windows = 0

    @property
    def speaking(self) -> bool:
        """Whether the caller is speaking now."""
        return self._endpointer.speaking

    def put(self, pcm: bytes) -> Hearing:
        """Hear the next frame: 16-bit little-endian mono at 8 kHz, any whole samples.

        Costs about 60 µs per 32 ms of audio. A frame longer than two windows can hold
        both verdicts; the last one is told.
        """
        samples = np.frombuffer(pcm, np.int16).astype(np.float32) / 32768
        self._pending = np.concatenate((self._pending, samples))
        verdict, voiced, paused = Verdict.NOTHING, None, False
        while len(self._pending) >= WINDOW:
            window, self._pending = self._pending[:WINDOW], self._pending[WINDOW:]
            probability = self._score(window)
            voiced = probability >= self.params.confidence
            decided = self._endpointer.put(probability, _level(window))
            if decided in (Verdict.STARTED, Verdict.STOPPED):
                verdict = decided
            paused = decided is Verdict.PAUSED
        return Hearing(verdict, self.speaking, voiced, paused)

    def _score(self, window: Samples) -> float:
        noise = self._model.noise[self._noise_at : self._noise_at + WINDOW]
        self._noise_at = (self._noise_at + WINDOW) % NOISE_SAMPLES
        noisy = window + noise
        model_input = np.concatenate((self._context, noisy))[np.newaxis, :]
        probability, self._state = self._model.run(model_input, self._state)
        self._context = noisy[-CONTEXT:]
        self._reset_when_due(probability)
        return probability

    def _reset_when_due(self, probability: float) -> None:
        """Forget the recurrent state in clear non-speech: long noise makes the model numb."""
        self._windows += 1
        self._quiet_windows = self._quiet_windows + 1 if probability < RESET_PROBABILITY else 0
        if (
            self._windows >= RESET_WINDOWS
            and self._quiet_windows >= RESET_QUIET_WINDOWS
            and not self.speaking
        ):
            self._windows = self._quiet_windows = 0
            self._state = np.zeros(STATE_SHAPE, np.float32)
            self._context = np.zeros(CONTEXT, np.float32)


def _level(window: Samples) -> float:
    """Return the level of ``window`` in dBFS; digital silence is -100."""
    power = float(np.dot(window, window)) / len(window)
    return 10 * float(np.log10(power)) if power > 1e-10 else -100.0
