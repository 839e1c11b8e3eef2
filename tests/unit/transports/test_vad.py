"""A call's ear: windows of 32 ms out of frames of 20, and what they decide."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from transports.audio.endpointing import EndpointingParams, Verdict
from transports.vad import NOISE_SAMPLES, Hearing, SileroModel, VoiceDetector

FRAME = (np.ones(160) * 3000).astype("<i2").tobytes()
PARAMS = EndpointingParams(start_seconds=0.096, stop_seconds=0.192)


class Scripted(SileroModel):
    """A model that was told what it hears: `#` for a window of speech, `.` for quiet."""

    def __init__(self, windows: str) -> None:
        self.noise = np.zeros(NOISE_SAMPLES, np.float32)
        self._windows = iter(windows)

    def run(
        self, window: NDArray[np.float32], state: NDArray[np.float32]
    ) -> tuple[float, NDArray[np.float32]]:
        assert window.shape == (1, 32 + 256)
        return (0.9 if next(self._windows) == "#" else 0.1), state


def hear(windows: str) -> Sequence[Hearing]:
    detector = VoiceDetector(Scripted(windows), PARAMS)
    return [detector.put(FRAME) for _ in range(len(windows) * 256 // 160)]


def test_a_pause_is_told_with_the_frame_that_makes_it_one() -> None:
    heard = hear("#####" + "...")

    (pause,) = [n for n, hearing in enumerate(heard) if hearing.paused]
    samples = 7 * 256  # five windows of speech, two of quiet
    assert pause == -(-samples // 160) - 1
    assert heard[pause].speaking
    assert heard[pause].verdict is Verdict.NOTHING


def test_every_end_of_speech_has_a_pause_before_it_without_speech_between() -> None:
    heard = hear("##########..#..###......" + "....")

    told = ["pause" if h.paused else h.verdict.name for h in heard]
    assert [each for each in told if each != "NOTHING"] == [
        "STARTED",
        "pause",
        "pause",
        "pause",
        "STOPPED",
    ]


def test_a_frame_that_fills_no_window_repeats_no_pause() -> None:
    heard = hear("###" + "..")

    assert sum(hearing.paused for hearing in heard) == 1
    assert any(hearing.voiced is None for hearing in heard)
