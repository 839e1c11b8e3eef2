"""Silero's TorchScript model, from the packages of the extra ``silero``, batched likewise.

It is the model that the ONNX file was made of: for who has PyTorch anyway, and to compare.
"""

import importlib
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

from transports.errors import ModelUnavailable

__all__ = ["TorchSileroModel"]

Samples = npt.NDArray[np.float32]


class TorchSileroModel:
    """Implements ``transports.silero.SpeechModel``.

    Raises:
        ModelUnavailable: The packages are not installed.
    """

    def __init__(self) -> None:
        try:
            self._torch: Any = importlib.import_module("torch")
            file = resources.files("silero_vad.data").joinpath("silero_vad.jit")
        except ModuleNotFoundError as error:
            raise ModelUnavailable(
                f"silero-torch needs the package {error.name}: "
                "pip install -r requirements-silero.lock"
            ) from error
        self._torch.set_num_threads(1)
        with resources.as_file(file) as path:
            module = self._torch.jit.load(str(path))
        module.eval()
        self._model: Any = module._model_8k  # noqa: SLF001 - the part for 8 kHz has no other name

    def run(self, windows: Samples, state: Samples) -> tuple[Samples, Samples]:
        """Score windows of n calls; see ``SpeechModel``."""
        torch = self._torch
        after = torch.from_numpy(state)
        outputs = []
        with torch.inference_mode():
            for step in torch.from_numpy(windows).split(state.shape[1]):
                output, after = self._model(step, after)
                outputs.append(output[:, 0])
        probabilities: Samples = torch.cat(outputs).numpy()
        next_state: Samples = after.numpy()
        return probabilities, next_state
