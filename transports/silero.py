"""Silero, the voice activity model, for all calls of a process at once.

Pipecat ships the model (``pipecat.audio.vad.data/silero_vad.onnx``, MIT). Its own analyser opens
a session per call, which blocks the loop for 38 ms and holds 12 MB; here the session is shared,
all calls are scored in one run, and a call keeps only its recurrent state.
"""

from collections.abc import Sequence
from importlib import resources
from typing import Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime

from transports.audio.endpointing import EndpointingParams
from transports.silence_gate import SilenceGate
from transports.silero_graph import CONTEXT, STATE, WINDOW, dense

__all__ = ["CONTEXT", "NOISE_WINDOWS", "WINDOW", "SileroModel", "SileroScorer", "SpeechModel"]

NOISE_RMS = 104.0 / 32768
"""-50 dBFS. After digital silence the model at 8 kHz hears speech up to half a second
late; noise of this level on its copy of the audio takes that away."""
NOISE_SEED = 8
NOISE_WINDOWS = 64
RESET_WINDOWS = 62
"""Windows (2 s) between resets of the recurrent state, as Pipecat's own analyser does."""
RESET_QUIET_WINDOWS = 5
RESET_PROBABILITY = 0.1
FIRST_ROWS = 16

Samples = npt.NDArray[np.float32]


class SpeechModel(Protocol):
    """What scores windows; it holds no call's state."""

    def run(self, windows: Samples, state: Samples) -> tuple[Samples, Samples]:
        """Score one window of each of n calls, or several: the first of each, then the second.

        Args:
            windows: ``(steps * n, CONTEXT + WINDOW)`` samples in -1..1.
            state: ``(2, n, 128)``, as returned for the windows before; zeros at first.

        Returns:
            The probabilities of speech, 0..1, of shape ``(steps * n,)``, and the next state.
        """
        ...


class SileroModel:
    """The shared session of Pipecat's file. Thread-safe, as onnxruntime sessions are."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = 1
        options.intra_op_num_threads = 1
        shipped = resources.files("pipecat.audio.vad.data").joinpath("silero_vad.onnx")
        self._session = onnxruntime.InferenceSession(
            dense(shipped.read_bytes()), sess_options=options, providers=["CPUExecutionProvider"]
        )
        silence = np.zeros((1, CONTEXT + WINDOW), np.float32)
        self.run(silence, np.zeros((2, 1, STATE), np.float32))  # the first takes far longer

    def run(self, windows: Samples, state: Samples) -> tuple[Samples, Samples]:
        """Score windows of n calls; see :class:`SpeechModel`."""
        output, state = self._session.run(None, {"input": windows, "state": state})
        return output[:, 0], state


class SileroScorer:
    """Everything that the model must be told of each call, in rows of shared arrays.

    A call whose line is so quiet that no speech begins there costs the model nothing.

    Args:
        model: The shared model.
    """

    def __init__(self, model: SpeechModel) -> None:
        self._model = model
        generator = np.random.default_rng(NOISE_SEED)
        noise = generator.normal(0, NOISE_RMS, NOISE_WINDOWS * WINDOW).astype(np.float32)
        self._noise: Samples = noise.reshape(NOISE_WINDOWS, WINDOW)
        self._gate = SilenceGate(FIRST_ROWS, WINDOW)
        self._free = list(range(FIRST_ROWS))
        self._state: Samples = np.zeros((2, FIRST_ROWS, STATE), np.float32)
        self._context: Samples = np.zeros((FIRST_ROWS, CONTEXT), np.float32)
        self._counts = np.zeros((3, FIRST_ROWS), np.intp)  # windows since a reset, quiet ones, all

    def open(self, params: EndpointingParams) -> int:
        """Return a row for a new call."""
        if not self._free:
            self._grow()
        row = self._free.pop()
        self._forget(row)
        self._counts[:, row] = 0
        self._gate.open(row, params.minimum_level)
        return row

    def close(self, row: int) -> None:
        """Give a row back."""
        self._free.append(row)

    def score(
        self,
        rows: Sequence[int],
        speaking: Sequence[bool],
        samples: Samples,
        levels: Sequence[float],
    ) -> list[float]:
        """Score one window of each of some calls; see :class:`transports.vad.Scorer`."""
        index = np.array(rows, np.intp)
        rests, woken = self._gate.put(index, speaking, samples, levels)
        for place, missed, all_kept in woken:
            if not all_kept:
                self._forget(rows[place])
            self._catch_up(rows[place], missed)
        probabilities: Samples = np.zeros(len(rows), np.float32)
        resting = np.count_nonzero(rests)
        if not resting:
            probabilities = self._run(index, speaking, samples)
        elif resting < len(rows):
            heard = (~rests).nonzero()[0]
            present = [speaking[place] for place in heard.tolist()]
            probabilities[heard] = self._run(index[heard], present, samples[heard])
        scored: list[float] = probabilities.tolist()
        return scored

    def _run(
        self, index: npt.NDArray[np.intp], speaking: Sequence[bool], samples: Samples
    ) -> Samples:
        counts = self._counts[:, index]
        windows = np.empty((len(index), CONTEXT + WINDOW), np.float32)
        windows[:, :CONTEXT] = self._context[index]
        np.add(samples, self._noise[counts[2] % NOISE_WINDOWS], out=windows[:, CONTEXT:])
        probabilities, state = self._model.run(windows, self._state.take(index, axis=1))
        self._state[:, index] = state
        self._context[index] = windows[:, -CONTEXT:]
        counts += 1
        counts[1] *= probabilities < RESET_PROBABILITY
        self._counts[:, index] = counts
        due = (counts[0] >= RESET_WINDOWS) & (counts[1] >= RESET_QUIET_WINDOWS)
        for place in due.nonzero()[0].tolist():
            if not speaking[place]:
                self._forget(int(index[place]))
        return probabilities

    def _catch_up(self, row: int, missed: Samples) -> None:
        """Let the model hear windows of a silent caller, one after the other."""
        while len(missed):
            since_reset, quiet, scored = self._counts[:, row].tolist()
            numbers = np.arange(scored, scored + len(missed))
            windows = np.empty((len(missed), CONTEXT + WINDOW), np.float32)
            np.add(missed, self._noise[numbers % NOISE_WINDOWS], out=windows[:, CONTEXT:])
            windows[0, :CONTEXT] = self._context[row]
            windows[1:, :CONTEXT] = windows[:-1, -CONTEXT:]
            probabilities, state = self._model.run(windows, self._state[:, [row]])
            self._state[:, [row]] = state
            self._context[row] = windows[-1, -CONTEXT:]
            for heard, probability in enumerate(probabilities.tolist(), 1):
                quiet = quiet + 1 if probability < RESET_PROBABILITY else 0
                due = since_reset + heard >= RESET_WINDOWS and quiet >= RESET_QUIET_WINDOWS
                if due:
                    break
            self._counts[:, row] = since_reset + heard, quiet, scored + heard
            if due:
                self._forget(row)
            missed = missed[heard:]

    def _forget(self, row: int) -> None:
        """Begin anew. In clear non-speech it is due: long noise makes the model numb."""
        self._state[:, row] = 0
        self._context[row] = 0
        self._counts[:2, row] = 0

    def _grow(self) -> None:
        rows = len(self._context)
        self._free.extend(range(rows, 2 * rows))
        self._gate.grow()
        self._state = np.concatenate((self._state, np.zeros_like(self._state)), axis=1)
        self._context = np.concatenate((self._context, np.zeros_like(self._context)))
        self._counts = np.concatenate((self._counts, np.zeros_like(self._counts)), axis=1)
