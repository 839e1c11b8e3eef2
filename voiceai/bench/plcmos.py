"""PLCMOS: how concealed losses would be judged, 1 to 5, by the package ``speechmos``.

Its model hears 16 kHz and one of a space of listeners; the package draws 15 of them anew for each
call. Here five are drawn once, so that differences between versions of one recording hold nothing
of the listeners' luck.
"""

import importlib
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as ort
import soxr
from numpy.typing import NDArray

from voiceai.bench.errors import BenchUnavailable

__all__ = ["HOW_TO_INSTALL", "Plcmos"]

HOW_TO_INSTALL: Final = "make bench-tools, or pip install 'voiceai[bench]'"
LISTENERS: Final = 5
EMBEDDING: Final = 64
MODEL_RATE_HZ: Final = 16_000


class Plcmos:
    """The model, on one thread.

    Raises:
        BenchUnavailable: The package is missing.
    """

    def __init__(self) -> None:
        try:
            module: Any = importlib.import_module("speechmos.plcmos")
        except ImportError as error:
            raise BenchUnavailable(f"the package speechmos is missing: {HOW_TO_INSTALL}") from error
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._features: Any = module.PLCMOS.__new__(module.PLCMOS)  # its session takes every core
        self._session = ort.InferenceSession(
            str(Path(module.__file__).parent / "plcmos_models" / "plcmos_v2.onnx"),
            options,
            providers=["CPUExecutionProvider"],
        )
        normal = np.random.default_rng(0).normal(size=(LISTENERS, 1, EMBEDDING))
        self._listeners: NDArray[np.float32] = normal.astype(np.float32)

    def score(self, pcm: bytes, rate_hz: int) -> float:
        """Return the opinion score, 1..5, of 16-bit mono audio."""
        samples = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
        resampled = soxr.resample(samples, rate_hz, MODEL_RATE_HZ).clip(-1, 1)
        spectrum = self._features.stft_transform(resampled)
        features = np.asarray(spectrum, np.float32)[np.newaxis, np.newaxis]
        return float(
            np.mean(
                [
                    self._session.run(None, {"degraded_audio": features, "rater_embed": listener})
                    for listener in self._listeners
                ]
            )
        )
