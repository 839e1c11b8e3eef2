"""A hole whose other side has arrived is bridged: in phase, without a click, dip or bump."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from transports.audio.comfort_noise import NOISE_LEVEL_DBFS, ComfortNoise
from transports.audio.concealment import FADE_SAMPLES, Concealment
from transports.audio.level import level_dbfs

FRAME = 160
BEFORE = 20 * FRAME

Samples = NDArray[np.int16]


def gliding(start: float, end: float, samples: int = 8000) -> Samples:
    """Return a vowel whose pitch glides from one frequency to another, about -17 dBFS."""
    frequency = np.linspace(start, end, samples)
    angle = np.cumsum(2 * np.pi * frequency / 8000)
    wave = sum(np.sin(n * angle + n) / n for n in range(1, 5))
    return np.asarray(5000 * np.asarray(wave), np.int16)


def hissing(level: float = 2000, samples: int = 8000) -> Samples:
    """Return noise, as of an s or f."""
    return np.random.default_rng(5).normal(0, level, samples).astype(np.int16)


def bridge(audio: Samples, lost: int, *, look_ahead: bool = True) -> Samples:
    """Lose some samples of ``audio`` after the first 400 ms, in frames; return all that is played.

    What follows the hole is known from the start, or not at all.
    """
    concealment = Concealment(ComfortNoise())
    end = BEFORE + lost
    following = audio[end : end + 240].tobytes()
    played = [concealment.heard(audio[:BEFORE].tobytes())]
    for at in range(BEFORE, end, FRAME):
        size = min(FRAME, end - at)
        known = (following, end - at) if look_ahead else (b"", 0)
        played.append(concealment.lost(size, *known))
    played += [
        concealment.heard(audio[at : at + FRAME].tobytes()) for at in range(end, 8000, FRAME)
    ]
    return np.frombuffer(b"".join(played), np.int16)


def likeness_db(played: Samples, audio: Samples, hole: slice) -> float:
    error = (played[hole].astype(float) - audio[hole]) ** 2
    return float(10 * np.log10((audio[hole].astype(float) ** 2).mean() / error.mean()))


def largest_step(samples: Samples) -> int:
    return int(np.abs(np.diff(samples.astype(int))).max())


@pytest.mark.parametrize("lost", [80, 160, 320])
@pytest.mark.parametrize("pitch", [(75, 90), (110, 125), (180, 150), (210, 240)])
def test_a_gliding_pitch_is_met_on_the_other_side(pitch: tuple[float, float], lost: int) -> None:
    audio = gliding(*pitch, samples=8000)

    hole = slice(BEFORE, BEFORE + lost)
    bridged = likeness_db(bridge(audio, lost), audio, hole)

    assert bridged > 6
    alone = likeness_db(bridge(audio, lost, look_ahead=False), audio, hole)
    assert bridged > min(alone, 30)


@pytest.mark.parametrize("lost", [40, 80, 160, 320, 480])
@pytest.mark.parametrize("pitch", [(75, 90), (110, 125), (210, 240)])
def test_neither_end_of_a_bridge_clicks(pitch: tuple[float, float], lost: int) -> None:
    audio = gliding(*pitch)

    assert largest_step(bridge(audio, lost)[FRAME:]) < 1.6 * largest_step(audio)


@pytest.mark.parametrize("lost", [160, 320])
def test_what_was_promised_is_played_untouched(lost: int) -> None:
    audio = gliding(120, 130)

    played = bridge(audio, lost)

    assert np.array_equal(played[BEFORE + lost :], audio[BEFORE + lost :])


def test_a_hiss_keeps_its_level_across_a_bridge() -> None:
    audio = hissing()

    played = bridge(audio, FRAME)

    steps = [level_dbfs(played[at : at + 40].tobytes()) for at in range(BEFORE, BEFORE + 160, 40)]
    assert steps == pytest.approx([level_dbfs(audio.tobytes())] * 4, abs=4.5)


def test_a_quiet_sound_leads_into_a_loud_one_without_a_bump() -> None:
    quiet, loud = gliding(120, 120) * 0.1, gliding(120, 120)
    audio = np.where(np.arange(8000) < BEFORE + 80, quiet, loud).astype(np.int16)

    played = bridge(audio, FRAME)

    levels = [
        level_dbfs(played[at : at + 80].tobytes()) for at in (BEFORE - 80, BEFORE, BEFORE + 80)
    ]
    assert levels == sorted(levels)
    assert levels[-1] < level_dbfs(loud.tobytes()) + 1


def test_the_end_of_a_long_hole_rises_from_noise_to_what_follows() -> None:
    audio = gliding(100, 110)
    concealment = Concealment(ComfortNoise())
    concealment.heard(audio[:BEFORE].tobytes())
    concealment.lost(FADE_SAMPLES)

    steps = [
        level_dbfs(concealment.lost(80, audio[4000:4240].tobytes(), 480 - at))
        for at in range(0, 480, 80)
    ]

    assert steps[0] < NOISE_LEVEL_DBFS + 35
    assert steps == sorted(steps)
    assert steps[-1] == pytest.approx(level_dbfs(audio.tobytes()), abs=2)


@pytest.mark.parametrize("position", [80, 160, 240])
def test_a_straggler_within_the_hole_is_blended_in(position: int) -> None:
    audio = gliding(120, 130)
    concealment = Concealment(ComfortNoise())
    concealment.heard(audio[:BEFORE].tobytes())
    end = BEFORE + 320
    bridge_begun = concealment.lost(position, audio[end : end + 240].tobytes(), 320)

    straggler = concealment.heard(audio[BEFORE + position : end + 160].tobytes())

    played = np.frombuffer(audio[:BEFORE].tobytes() + bridge_begun + straggler, np.int16)
    assert largest_step(played) < 1.6 * largest_step(audio)
    assert np.array_equal(played[-160:], audio[end : end + 160])


def test_a_promise_that_is_not_kept_fades_like_any_hole() -> None:
    audio = gliding(120, 130)
    concealment = Concealment(ComfortNoise())
    concealment.heard(audio[:BEFORE].tobytes())
    concealment.lost(160, audio[BEFORE + 160 : BEFORE + 400].tobytes(), 160)
    assert not concealment.faded

    steps = [level_dbfs(concealment.lost(80)) for _ in range(8)]

    assert steps[1:6] == sorted(steps[1:6], reverse=True)
    assert steps[3] < steps[0] - 4
    assert steps[6:] == pytest.approx([NOISE_LEVEL_DBFS] * 2, abs=2)
    assert concealment.faded


@given(
    pieces=st.lists(
        st.tuples(
            st.booleans(),
            st.integers(min_value=1, max_value=500),
            st.integers(min_value=0, max_value=400),
            st.integers(min_value=-10, max_value=900),
        ),
        max_size=12,
    ),
    loud=st.sampled_from([0, 100, 32767]),
)
def test_whatever_is_promised_the_line_of_samples_is_unbroken(
    pieces: list[tuple[bool, int, int, int]], loud: int
) -> None:
    concealment = Concealment(ComfortNoise())
    rng = np.random.default_rng(7)

    for arrives, samples, known, distance in pieces:
        audio = rng.integers(-loud, loud + 1, max(samples, known)).astype(np.int16).tobytes()
        if arrives:
            played = concealment.heard(audio[: 2 * samples])
        else:
            played = concealment.lost(samples, audio[: 2 * known], distance)
        assert len(played) == 2 * samples
