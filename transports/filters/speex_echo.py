"""Echo cancellation by speexdsp (BSD), from the package ``pyaec`` (MIT). It adds no delay.

The linear canceller alone: its post-filter would take 10 ms, and gnaw at a caller who speaks at
the same time. The package's own wrapper copies through lists, so its library is called directly.
"""

import ctypes
import importlib
from typing import Any, Final

from transports.audio.audio_filter import BLOCK_BYTES, BLOCK_SAMPLES, SAMPLE_RATE
from transports.errors import FilterUnavailable

__all__ = ["SpeexEchoCanceller"]

TAIL_SAMPLES: Final = 2048
"""256 ms: there, back, and what the line smears. Longer ones take longer to learn."""

Block = ctypes.c_int16 * BLOCK_SAMPLES


class SpeexEchoCanceller:
    """Takes out of a line what it returns of what was sent. Implements ``AudioFilter``.

    Raises:
        FilterUnavailable: The package is not installed.
    """

    def __init__(self) -> None:
        try:
            self._library: Any = importlib.import_module("pyaec").lib
        except ModuleNotFoundError as error:
            raise FilterUnavailable(
                "echo cancellation needs the package pyaec: make audio-filters"
            ) from error
        post_filter = False
        self._state = self._library.AecNew(BLOCK_SAMPLES, TAIL_SAMPLES, SAMPLE_RATE, post_filter)
        self._filtered = Block()

    def process(self, heard: bytes, sent: bytes) -> bytes:
        """Return 10 ms of ``heard`` without its echo of ``sent``."""
        if len(heard) != BLOCK_BYTES or len(sent) != BLOCK_BYTES:
            raise ValueError(f"not 10 ms: {len(heard)} and {len(sent)} bytes")
        self._library.AecCancelEcho(
            self._state,
            Block.from_buffer_copy(heard),
            Block.from_buffer_copy(sent),
            self._filtered,
            BLOCK_SAMPLES,
        )
        return bytes(self._filtered)

    def close(self) -> None:
        """Free the state, which is the library's. Idempotent; nothing is processed after it."""
        if self._state is not None:
            self._library.AecDestroy(self._state)
            self._state = None
