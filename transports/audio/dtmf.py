"""Keys of a telephone as tones (ITU-T Q.23), and telling them from speech (Q.24).

Blocks of 20 ms under a Hann window, one every 10 ms, are measured at the eight frequencies, all
in one product of matrices. A block is a key's if its two strongest tones hold nearly all of its
power, are of like strength, and turn at the key's frequencies: the phase between two blocks tells
the frequency to a few Hertz, which speech does not hit for long.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["DtmfDetector", "HeardTone", "dual_tone"]

SAMPLE_RATE: Final = 8000
ROWS: Final = (697.0, 770.0, 852.0, 941.0)
COLUMNS: Final = (1209.0, 1336.0, 1477.0, 1633.0)
PLACES: Final = ("123A", "456B", "789C", "*0#D")
"""By row and column."""

BLOCK: Final = 160
HOP: Final = 80
HOP_MS: Final = 10.0
FRAME_BYTES: Final = 320
"""20 ms of 16-bit samples."""

FULL_SCALE_DBM0: Final = 3.14
"""Level of the loudest sine that A-law can code (G.711)."""

QUIETEST_DBM0: Final = -38.0
"""Of either tone."""

LARGEST_TWIST: Final = 10 ** (8 / 20)
"""Ratio of the amplitudes, either way."""

PURITY: Final = 0.85
"""Share of the block's power that the two tones hold."""

TOLERANCE: Final = 0.022
"""Deviation of a frequency; 1.5 % must be heard and 3.5 % must not (Q.24)."""

SHORTEST_MS: Final = 32.0
"""Measured length: 40 ms must be heard and 23 ms must not (Q.24)."""

MISSES_TO_END: Final = 4
"""Blocks: a gap of 20 ms is an interruption, as of a lost packet, and one of 35 ms a pause."""

MOST_BRIDGED: Final = 3
"""Lost frames in a row through which a tone is taken to go on."""


class HeardTone(NamedTuple):
    """A key whose tone has ended.

    Attributes:
        digit: One of ``0-9*#A-D``.
        duration_ms: How long it was heard: at most 12 ms and half a percent less than it lasted.
    """

    digit: str
    duration_ms: int


def dual_tone(key: str, samples: int, *, level_dbm0: float = -9.0) -> bytes:
    """Make the tone of a key, with edges of 2 ms.

    Args:
        key: One of ``0-9*#A-D``.
        samples: Its length at 8 kHz.
        level_dbm0: Of each of the two tones; the higher one gets 2 dB more, as telephones do.

    Returns:
        16-bit little-endian samples.

    Raises:
        ValueError: It is no key.
    """
    place = "".join(PLACES).find(key) if len(key) == 1 else -1
    if place < 0:
        raise ValueError(f"{key!r} is no key")
    row, column = ROWS[place // 4], COLUMNS[place % 4]
    time = np.arange(samples) / SAMPLE_RATE
    low = _amplitude(level_dbm0) * np.sin(2 * np.pi * row * time)
    high = _amplitude(level_dbm0 + 2.0) * np.sin(2 * np.pi * column * time)
    edge = np.clip(np.minimum(np.arange(samples), np.arange(samples)[::-1]) / 16, 0.0, 1.0)
    pcm = np.clip((low + high) * edge, -32768, 32767)
    return np.rint(pcm).astype("<i2").tobytes()


def _amplitude(level_dbm0: float) -> float:
    return float(32768.0 * 10 ** ((level_dbm0 - FULL_SCALE_DBM0) / 20))


FREQUENCIES: Final = np.array(ROWS + COLUMNS)
WINDOW: Final = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(BLOCK) / BLOCK)
_TURNS: Final = np.outer(np.arange(BLOCK), FREQUENCIES) * (2 * np.pi / SAMPLE_RATE)
PROBES: Final[NDArray[np.float32]] = np.concatenate(
    [np.cos(_TURNS) * WINDOW[:, None], -np.sin(_TURNS) * WINDOW[:, None]], axis=1
).astype(np.float32) / (BLOCK / 4)
"""Block to tones: cosine and sine parts, so scaled that a sine's amplitude comes out."""

POWER_WEIGHTS: Final[NDArray[np.float32]] = (WINDOW**2 / np.sum(WINDOW**2)).astype(np.float32)
HOP_TURNS: Final = FREQUENCIES * (HOP / SAMPLE_RATE)
"""What a tone turns from block to block, in whole turns."""

QUIETEST: Final = _amplitude(QUIETEST_DBM0)
GATE: Final = QUIETEST**2
"""Mean square of the quietest pair of tones."""


class _Press:
    """A tone that is being heard; amplitudes add up to its length."""

    __slots__ = ("bridged", "column", "hits", "loudest", "misses", "row", "sum")

    def __init__(self, row: int, column: int, before: float) -> None:
        self.row = row
        self.column = column
        self.sum = before
        self.loudest = 0.0
        self.hits = 0
        self.misses = 0
        self.bridged = 0  # lost frames since the last hit


class DtmfDetector:
    """Listens to one line of samples at 8 kHz.

    Attributes:
        count: Keys heard.
    """

    __slots__ = ("_press", "_samples", "_tones", "count")

    def __init__(self) -> None:
        self.count = 0
        self._samples: NDArray[np.float32] = np.zeros(BLOCK + HOP, np.float32)
        self._tones: NDArray[np.complex64] = np.zeros(8, np.complex64)  # of the block before
        self._press: _Press | None = None

    def hear(self, pcm: bytes, *, is_lost: bool = False) -> list[HeardTone]:
        """Take 20 ms; return the keys whose tones have ended.

        Args:
            pcm: 320 bytes.
            is_lost: They are made up: a tone that was heard before may well have gone on.
        """
        samples = self._samples
        samples[:HOP] = samples[BLOCK:]
        samples[HOP:] = np.frombuffer(pcm, "<i2")
        press = self._press
        if is_lost and press is not None and press.bridged < MOST_BRIDGED:
            press.bridged += 1
            press.misses = -1  # the next block is made up in half
            press.sum += 2 * press.loudest
            return []
        if press is None and float(np.dot(samples, samples)) < GATE * HOP:
            self._tones = _SILENCE
            return []
        blocks = np.lib.stride_tricks.as_strided(samples, (2, BLOCK), (HOP * 4, 4))
        parts = blocks @ PROBES
        powers = (blocks * blocks) @ POWER_WEIGHTS
        heard = []
        for tones, power in zip(parts[:, :8] + 1j * parts[:, 8:], powers.tolist(), strict=True):
            tone = self._block(tones, power)
            if tone is not None:
                heard.append(tone)
            self._tones = tones
        return heard

    def _block(self, tones: NDArray[np.complex64], power: float) -> HeardTone | None:
        """Take one block; return the key that ended with it."""
        press = self._press
        if press is None and power < GATE:
            return None
        amplitudes = np.abs(tones).tolist()
        row = amplitudes.index(max(amplitudes[:4]))
        column = amplitudes.index(max(amplitudes[4:]))
        low, high = amplitudes[row], amplitudes[column]
        is_hit = (
            (low * low + high * high) > PURITY * 2 * power * 0.7
            and min(low, high) > QUIETEST * 0.9
            and max(low, high) < LARGEST_TWIST * min(low, high)
            and self._is_tuned(tones, row, column, power)
        )
        if press is not None:
            return self._go_on(press, amplitudes, (row, column) if is_hit else None)
        if is_hit:
            before = float(abs(self._tones[row]) + abs(self._tones[column]))
            self._press = _Press(row, column, before)
            self._go_on(self._press, amplitudes, (row, column))
        return None

    def _is_tuned(self, tones: NDArray[np.complex64], row: int, column: int, power: float) -> bool:
        """Say whether both tones turn at their frequencies, and hold the power then."""
        held = 0.0
        for place in (row, column):
            turned = float(np.angle(tones[place] * np.conj(self._tones[place]))) / (2 * np.pi)
            turns = (turned - HOP_TURNS[place] + 0.5) % 1.0 - 0.5
            offset = turns * SAMPLE_RATE / HOP
            if abs(offset) > TOLERANCE * FREQUENCIES[place]:
                return False
            held += (abs(tones[place]) / _hann_response(offset)) ** 2 / 2
        return held > PURITY * power

    def _go_on(
        self, press: _Press, amplitudes: list[float], hit: tuple[int, int] | None
    ) -> HeardTone | None:
        """Measure a press with its next block; return it if that was its last."""
        amplitude = amplitudes[press.row] + amplitudes[press.column]
        if hit == (press.row, press.column):
            press.hits += 1
            press.misses = press.bridged = 0
            press.sum += amplitude
            press.loudest = max(press.loudest, amplitude)
            return None
        press.misses += 1
        if press.misses == 1:
            press.sum += min(amplitude, press.loudest)
        if press.misses < MISSES_TO_END and hit is None:
            return None
        self._press = None
        duration_ms = HOP_MS * press.sum / press.loudest
        if press.hits < 2 or duration_ms < SHORTEST_MS:
            return None
        self.count += 1
        digit = PLACES[press.row][press.column - 4]
        return HeardTone(digit, round(duration_ms))


_SILENCE: Final[NDArray[np.complex64]] = np.zeros(8, np.complex64)


def _hann_response(offset_hz: float) -> float:
    """Return how much of a tone the window shows at so many Hertz beside it."""
    bins = offset_hz * BLOCK / SAMPLE_RATE
    return float(np.sinc(bins) / (1.0 - bins * bins))
