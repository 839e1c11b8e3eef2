"""Noise suppression by WebRTC (BSD), from the package ``webrtc-noise-gain`` (Apache-2.0).

It works at 16 kHz only; there and back takes 3 ms, and with the suppressor's own delay 9 ms.
"""

import importlib
from typing import Any, Final, Literal

from transports.audio.audio_filter import BLOCK_BYTES, SAMPLE_RATE
from transports.audio.resampler import Resampler
from transports.errors import FilterUnavailable

__all__ = ["WebrtcNoiseSuppressor"]

LIBRARY_RATE: Final = 16_000
LEVELS: Final = {"low": 1, "moderate": 2, "high": 3}


class WebrtcNoiseSuppressor:
    """Lowers steady noise. Implements ``AudioFilter``.

    Args:
        level: How much; a higher one costs speech some of its edges.

    Raises:
        FilterUnavailable: The package is not installed.
    """

    def __init__(self, level: Literal["low", "moderate", "high"]) -> None:
        try:
            library: Any = importlib.import_module("webrtc_noise_gain")
        except ModuleNotFoundError as error:
            raise FilterUnavailable(
                "noise suppression needs the package webrtc-noise-gain: make audio-filters"
            ) from error
        no_gain = 0
        self._processor: Any = library.AudioProcessor(no_gain, LEVELS[level])
        self._up = Resampler(SAMPLE_RATE, LIBRARY_RATE)
        self._down = Resampler(LIBRARY_RATE, SAMPLE_RATE)

    def process(self, heard: bytes, _sent: bytes) -> bytes:
        """Return 10 ms of ``heard``, a little late, with less noise."""
        if len(heard) != BLOCK_BYTES:
            raise ValueError(f"not 10 ms: {len(heard)} bytes")
        audio: bytes = self._processor.Process10ms(self._up.resample(heard)).audio
        return self._down.resample(audio)

    def close(self) -> None:
        """Nothing is to be freed."""
