"""Whether what is heard is our own voice, come back from the far end's hybrid. Pure.

A hybrid, where a telephone line goes from four wires to two, returns what it is sent: 6 to 30 dB
lower, up to some hundred milliseconds later, and smeared over a few. So what was sent explains it
(linear prediction, by least squares); a caller's speech it does not, nor both together.

A line keeps its way, so what fits worse than it used to is a caller, however faint beside the echo;
and it keeps its noise, which nothing explains.
"""

import audioop
from collections import deque
from itertools import repeat
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["EchoJudge"]

SAMPLE_BYTES: Final = 2
HEARD_SAMPLES: Final = 768
"""96 ms: what is explained."""
DELAY_SAMPLES: Final = 4000
"""Longest way there and back: 500 ms."""
TAPS: Final = 48
"""6 ms: the length of the path that is looked for, most of it behind its loudest part."""
TAPS_BEFORE: Final = 12
SENT_SAMPLES: Final = HEARD_SAMPLES + DELAY_SAMPLES + TAPS
TRANSFORM: Final = 5120
"""Points; at least `SENT_SAMPLES`: what was heard fits into that wherever it is looked for."""
EXPLAINED: Final = 0.85
"""Share of the power heard from which it is echo."""
LEAST_SHARE: Final = 0.2
"""Share that must be echo, however much the rest looks like noise; chance explains a tenth."""
UNMISTAKABLE: Final = 0.98
"""Share from which one window is enough."""
SAME_PLACE: Final = 320
"""Samples: 40 ms. Packets and counts come a tick early or late, a window is 32 ms."""
QUIET_POWER: Final = 30.0**2
"""About -60 dBFS: below that nothing of ours can be heard back."""
SHARPNESS: Final = np.float32(0.9)
RIDGE: Final = 1e-4
"""Of the power, against paths that cancel themselves."""
PIECE: Final = 96
"""Rows multiplied at once: more would wake a second thread of the BLAS, which then spins."""
WELL_EXPLAINED: Final = 0.95
"""Share from which a place is remembered, to be tried first: pitch makes others look alike."""
REMEMBERED: Final = 24
"""Windows of echo that tell how well this line's echo is explained."""
ENOUGH: Final = 8
STANDS_OUT: Final = 8.0
"""So many times more than usual is left unexplained (9 dB): somebody speaks beside the echo."""
LEAST_LEFT: Final = 0.03
"""Share below which nothing stands out: codecs leave that much."""
FAINTEST_POWER: Final = 164.0**2
"""About -46 dBFS: what is left and fainter is no caller."""
NOISE_MARGIN: Final = 2.0
"""What is left may be so many times the line's noise, by whose quietest moments it is known."""
LOUDEST_FLOOR: Final = 327.0**2
"""About -40 dBFS: what is louder all the time is a voice."""
FLOOR_PACKETS: Final = 75
"""1.5 s; a pause between words is among them."""

Samples = NDArray[np.float32]


class Explanation(NamedTuple):
    """What of the last 96 ms heard is due to what was sent.

    Attributes:
        share: Of the power, 0..1.
        place: The delay, as an offset into what was sent.
        power: Of what was heard, per sample; 0 where nothing can be told.
    """

    share: float
    place: int
    power: float


NOTHING: Final = Explanation(0.0, 0, 0.0)


class EchoJudge:
    """Keeps what was last sent and heard, and compares them when asked."""

    __slots__ = (
        "_audible_samples",
        "_heard",
        "_known_place",
        "_left",
        "_packets",
        "_place",
        "_quietest",
        "_sent",
        "_stood_out",
    )

    def __init__(self) -> None:
        self._sent = bytearray(SENT_SAMPLES * SAMPLE_BYTES)
        self._audible_samples = 0  # until all that was sent is silence
        self._heard = bytes(HEARD_SAMPLES * SAMPLE_BYTES)  # up to the latest packets
        self._packets: list[bytes] = []  # the latest
        self._quietest = float("inf")  # RMS of as many packets before those
        self._place: int | None = None  # of what was explained last
        self._known_place: int | None = None  # of what was explained well
        self._left: deque[float] = deque(maxlen=REMEMBERED)  # of echoes, unexplained
        self._stood_out = False

    def sent(self, pcm: bytes) -> None:
        """Take what left: 16-bit mono at 8 kHz, of any length."""
        self._sent += pcm
        del self._sent[: -SENT_SAMPLES * SAMPLE_BYTES]
        self._audible_samples = SENT_SAMPLES

    def paused(self, samples: int) -> None:
        """Take note that nothing left, or only noise, for so long."""
        if self._audible_samples > 0:
            left = self._audible_samples - samples
            self.sent(bytes(samples * SAMPLE_BYTES))
            self._audible_samples = left

    def heard(self, pcm: bytes) -> None:
        """Take what arrived: 16-bit mono at 8 kHz, of any length."""
        if not pcm:
            return
        if len(self._packets) == FLOOR_PACKETS:
            self._heard = self._last_heard()
            self._quietest = self._quietest_packet()
            self._packets.clear()
        self._packets.append(pcm)

    def is_echo(self) -> bool:
        """Whether what was heard last is what was sent, and nothing else. Takes 0.3 ms.

        Vowels resemble each other, in one window or another; an echo takes the same time again.
        """
        share, place, power = found = self.explained()
        if share < LEAST_SHARE:
            return False
        left = max(1 - share - NOISE_MARGIN * self._noise_power() / power, 0.0)
        if left > 1 - EXPLAINED:
            return False
        before, self._place = self._place, place
        same_place = before is not None and abs(place - before) <= SAME_PLACE
        if share < UNMISTAKABLE and not same_place:
            return False
        stood_out, self._stood_out = self._stood_out, self._stands_out(found, left)
        if self._stood_out:
            return not stood_out
        self._remember(found)
        return True

    def explained(self) -> Explanation:
        """Return what explains best what was heard last."""
        if self._audible_samples <= 0:
            return NOTHING
        sent = np.frombuffer(self._sent, "<i2").astype(np.float32)
        heard = np.frombuffer(self._last_heard(), "<i2").astype(np.float32)
        heard -= heard.mean()
        power = float(np.dot(heard, heard))
        if power == 0 or float(np.dot(sent, sent)) < QUIET_POWER * HEARD_SAMPLES:
            return NOTHING
        best, share = self._known_place, 0.0
        if best is not None:
            share = _explained_power(sent, heard, best) / power
        if best is None or share < UNMISTAKABLE:
            place = _best_place(sent, heard)
            found = _explained_power(sent, heard, place) / power
            if best is None or found > share:
                best, share = place, found
        return Explanation(share, best, power / HEARD_SAMPLES)

    def _stands_out(self, found: Explanation, left: float) -> bool:
        """Whether more is left unexplained than this line's echo usually leaves.

        Once is not enough: a window has two delays in it where the far end's buffer adapts.
        """
        if len(self._left) < ENOUGH or left * found.power < FAINTEST_POWER:
            return False
        if self._known_place is None or abs(found.place - self._known_place) > TAPS:
            return False
        usual = sorted(self._left)[len(self._left) // 2]
        return left > max(STANDS_OUT * usual, LEAST_LEFT)

    def _remember(self, echo: Explanation) -> None:
        self._left.append(1 - echo.share)
        if echo.share >= WELL_EXPLAINED or self._known_place is None:
            self._known_place = echo.place

    def _last_heard(self) -> bytes:
        """Return the last 96 ms."""
        return (self._heard + b"".join(self._packets))[-HEARD_SAMPLES * SAMPLE_BYTES :]

    def _noise_power(self) -> float:
        """Return the power per sample of the quietest packet of the last 1.5 to 3 seconds."""
        quietest = min(self._quietest, self._quietest_packet())
        return min(quietest**2, LOUDEST_FLOOR)

    def _quietest_packet(self) -> float:
        """Return the RMS of the quietest of the latest packets."""
        return min(map(audioop.rms, self._packets, repeat(SAMPLE_BYTES)), default=float("inf"))


def _explained_power(sent: Samples, heard: Samples, start: int) -> float:
    """Return the power of what a short path makes of what was sent, in total."""
    rows = np.lib.stride_tricks.sliding_window_view(
        sent[start : start + HEARD_SAMPLES + TAPS - 1], TAPS
    )
    matrix = np.zeros((TAPS, TAPS), np.float32)
    target = np.zeros(TAPS, np.float32)
    for at in range(0, HEARD_SAMPLES, PIECE):
        piece = np.ascontiguousarray(rows[at : at + PIECE])
        matrix += piece.T @ piece
        target += piece.T @ heard[at : at + PIECE]
    matrix[np.diag_indices(TAPS)] += RIDGE * float(np.trace(matrix)) / TAPS + 1
    path = np.linalg.solve(matrix, target)
    return float(np.dot(path, target))


def _best_place(sent: Samples, heard: Samples) -> int:
    """Return where in ``sent`` the rows begin that fit best: by normalised cross-correlation."""
    sent, heard = _sharp(sent), _sharp(heard)
    spectrum = np.fft.rfft(sent, TRANSFORM) * np.conj(np.fft.rfft(heard, TRANSFORM))
    places = DELAY_SAMPLES + TAPS
    likeness = np.fft.irfft(spectrum, TRANSFORM)[:places]
    sums = np.concatenate(([0.0], np.cumsum(sent.astype(np.float64) ** 2)))
    powers = sums[HEARD_SAMPLES : HEARD_SAMPLES + places] - sums[:places]
    likeness = likeness**2 / (powers + QUIET_POWER * HEARD_SAMPLES)
    best = int(np.argmax(likeness))
    return min(max(best - (TAPS - TAPS_BEFORE), 0), DELAY_SAMPLES)


def _sharp(samples: Samples) -> Samples:
    """Return the samples with their high tones raised: a place is found by those."""
    sharp = samples.copy()
    sharp[1:] -= SHARPNESS * samples[:-1]
    return sharp
