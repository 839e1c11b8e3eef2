"""MP3 decoded while it arrives (ISO/IEC 11172-3 and 13818-3, Layer III), by libsndfile."""

import importlib
import io
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipelines.decimator import CLOUD_RATE

FRAME_SECONDS: Final = 0.024
"""576 samples at 24 kHz."""

BYTES_A_SECOND: Final = 6000
"""At 48 kbit/s."""

LONGEST_BYTES: Final = 120 * BYTES_A_SECOND
AHEAD_SECONDS: Final = 0.5


class Mp3Stream:
    """A stream of MP3 at 24 kHz and 48 kbit/s, mono, as Edge sends it.

    A frame may lean on bits of frames before it, so everything is decoded again from the start
    each time; as it is done again only when a quarter more is there (or half a second), a
    sentence costs a few milliseconds in all.
    """

    def __init__(self) -> None:
        self._data = bytearray()
        self._decoded_bytes = 0
        self._samples = 0

    def feed(self, data: bytes) -> bool:
        """Take a piece of the stream.

        Returns:
            Whether it is worth calling :meth:`decode`.

        Raises:
            ValueError: The stream is longer than two minutes.
        """
        self._data += data
        if len(self._data) > LONGEST_BYTES:
            raise ValueError(f"longer than {LONGEST_BYTES // BYTES_A_SECOND} s")
        new = len(self._data) - self._decoded_bytes
        wanted = min(self._decoded_bytes / 4, AHEAD_SECONDS * BYTES_A_SECOND)
        return new >= max(wanted, 2 * FRAME_SECONDS * BYTES_A_SECOND)

    def decode(self) -> NDArray[np.float32]:
        """Return the samples at 24 kHz that have not been returned yet. Blocks for milliseconds.

        Raises:
            ValueError: It is not MP3 at 24 kHz.
        """
        soundfile: Any = importlib.import_module("soundfile")
        self._decoded_bytes = len(self._data)
        try:
            samples, rate = soundfile.read(io.BytesIO(self._data), dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise ValueError(f"not MP3: {error}") from error
        if rate != CLOUD_RATE:
            raise ValueError(f"MP3 at {rate} Hz instead of {CLOUD_RATE}")
        new: NDArray[np.float32] = samples[self._samples :, 0]
        self._samples += len(new)
        return new
