"""Loss concealment: continues the pitch, without clicks, and gives up after 60 ms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from transports.audio.comfort_noise import NOISE_LEVEL_DBFS, ComfortNoise
from transports.audio.concealment import FADE_SAMPLES, Concealment
from transports.audio.level import level_dbfs

FRAME = 160


def voice(frequency: float, samples: int = 8000) -> NDArray[np.int16]:
    """Return a steady vowel: a pitch and three harmonics, about -17 dBFS."""
    angle = 2 * np.pi * frequency * np.arange(samples) / 8000
    wave = sum(np.sin(n * angle + n) / n for n in range(1, 5))
    return (5000 * np.asarray(wave)).astype(np.int16)


def listen(concealment: Concealment, audio: NDArray[np.int16], lost: set[int]) -> NDArray[np.int16]:
    """Play ``audio`` in 20 ms frames, those numbered in ``lost`` being lost."""
    heard = []
    for number in range(len(audio) // FRAME):
        frame = audio[FRAME * number : FRAME * (number + 1)]
        heard.append(
            concealment.lost(FRAME) if number in lost else concealment.heard(frame.tobytes())
        )
    return np.frombuffer(b"".join(heard), np.int16)


def largest_step(samples: NDArray[np.int16]) -> int:
    return int(np.abs(np.diff(samples.astype(int))).max())


def test_what_arrives_without_loss_is_played_untouched() -> None:
    audio = voice(120)
    concealment = Concealment(ComfortNoise())
    concealment.heard(bytes(320))  # the blend from the silence before a call

    assert np.array_equal(listen(concealment, audio, lost=set()), audio)


@pytest.mark.parametrize("frequency", [70, 80, 100, 123, 160, 199, 250])
def test_one_lost_frame_of_a_vowel_is_continued_in_phase(frequency: float) -> None:
    audio = voice(frequency)

    heard = listen(Concealment(ComfortNoise()), audio, lost={20})

    hole = slice(20 * FRAME, 21 * FRAME)
    error = (heard[hole].astype(float) - audio[hole]) ** 2
    ratio = 10 * np.log10((audio[hole].astype(float) ** 2).mean() / error.mean())
    assert ratio > 8  # silence would be 0, a repetition out of phase about -3


@pytest.mark.parametrize("frequency", [70, 100, 123, 199])
@pytest.mark.parametrize("lost", [{20}, {20, 21}, {20, 21, 22, 23}, {20, 22, 24}])
def test_neither_the_start_nor_the_end_of_a_hole_clicks(frequency: float, lost: set[int]) -> None:
    audio = voice(frequency)

    heard = listen(Concealment(ComfortNoise()), audio, lost)

    assert largest_step(heard[FRAME:]) < 1.6 * largest_step(audio)


def test_repetition_is_full_for_10_ms_and_gone_after_60() -> None:
    concealment = Concealment(ComfortNoise())
    concealment.heard(voice(100)[: 10 * FRAME].tobytes())

    steps = [level_dbfs(concealment.lost(80)) for _ in range(8)]

    assert steps[0] == pytest.approx(level_dbfs(voice(100).tobytes()), abs=0.5)
    assert steps[:6] == sorted(steps[:6], reverse=True)
    assert steps[3] == pytest.approx(steps[0] - 6, abs=1.5)  # half the amplitude, half way
    assert steps[6:] == pytest.approx([NOISE_LEVEL_DBFS] * 2, abs=2)


def test_says_when_nothing_but_noise_is_left() -> None:
    concealment = Concealment(ComfortNoise())
    assert concealment.faded

    concealment.heard(voice(100)[:FRAME].tobytes())
    assert not concealment.faded
    concealment.lost(FADE_SAMPLES - 1)
    assert not concealment.faded
    concealment.lost(1)
    assert concealment.faded


@pytest.mark.parametrize("seed", range(8))
def test_a_hiss_does_not_turn_into_a_buzz(seed: int) -> None:
    """A short piece of noise repeated has a pitch."""
    hiss = np.random.default_rng(seed).normal(0, 2000, 800).astype(np.int16)
    concealment = Concealment(ComfortNoise())
    concealment.heard(hiss.tobytes())

    hole = np.frombuffer(concealment.lost(FADE_SAMPLES), np.int16).astype(float)

    alike = [np.corrcoef(hole[:200], hole[lag : 200 + lag])[0, 1] for lag in range(30, 110)]
    assert max(alike) < 0.5
    assert level_dbfs(hole[:80].astype(np.int16).tobytes()) == pytest.approx(
        level_dbfs(hiss.tobytes()), abs=3.5
    )


def test_a_loud_sound_before_the_vowel_does_not_mislead_it() -> None:
    vowel = (1000 * np.sin(2 * np.pi * 200 * np.arange(200) / 8000)).astype(np.int16)
    burst = np.random.default_rng(3).normal(0, 12000, 600).clip(-32000, 32000).astype(np.int16)
    concealment = Concealment(ComfortNoise())
    concealment.heard(np.concatenate([burst, vowel]).tobytes())

    hole = np.frombuffer(concealment.lost(80), np.int16).astype(float)

    assert np.corrcoef(hole, vowel[:80])[0, 1] > 0.98


def swaying(frequency: float, samples: int = 8000) -> NDArray[np.int16]:
    """Return a vowel on a slow swell, so that no two periods meet at one level."""
    swell = 9000 * np.sin(2 * np.pi * 30 * np.arange(samples) / 8000)
    return np.asarray(voice(frequency, samples) * 0.4 + swell, np.int16)


@pytest.mark.parametrize("frequency", [110, 123, 150, 180, 199])
def test_periods_of_different_level_meet_without_a_click(frequency: float) -> None:
    audio = swaying(frequency)

    for lost in range(10, 40, 3):
        heard = listen(Concealment(ComfortNoise()), audio, {lost, lost + 1})
        start = FRAME * lost
        assert largest_step(heard[start - 1 : start + 320]) < 2 * largest_step(audio)


def test_a_hole_in_digital_silence_is_filled_with_noise() -> None:
    concealment = Concealment(ComfortNoise())
    concealment.heard(bytes(1600))

    hole = concealment.lost(FADE_SAMPLES)

    assert level_dbfs(hole[-160:]) == pytest.approx(NOISE_LEVEL_DBFS, abs=3)


def test_the_first_call_audio_after_silence_is_blended_in() -> None:
    concealment = Concealment(ComfortNoise())
    loud = np.full(FRAME, 20000, np.int16)

    heard = np.frombuffer(concealment.heard(loud.tobytes()), np.int16)

    assert largest_step(heard) < 1000
    assert heard[-1] == 20000


@given(
    pieces=st.lists(st.tuples(st.booleans(), st.integers(min_value=1, max_value=500)), max_size=12),
    loud=st.sampled_from([0, 100, 32767]),
)
def test_any_pattern_of_loss_keeps_the_line_of_samples_unbroken(
    pieces: list[tuple[bool, int]], loud: int
) -> None:
    concealment = Concealment(ComfortNoise())
    rng = np.random.default_rng(7)

    for arrives, samples in pieces:
        if arrives:
            audio = rng.integers(-loud, loud + 1, samples).astype(np.int16)
            played = concealment.heard(audio.tobytes())
        else:
            played = concealment.lost(samples)
        assert len(played) == 2 * samples


def test_the_loudest_audio_does_not_wrap_around() -> None:
    """The period before, lifted to the level of the last sample, goes beyond 16 bits."""
    before_end = np.arange(-799, 1)
    wave = 28000 * np.cos(2 * np.pi * 70 * (before_end - 3) / 8000)
    rising = (wave + np.maximum(5100 + 35 * before_end, 0)).clip(-32768, 32767)
    concealment = Concealment(ComfortNoise())
    concealment.heard(rising.astype(np.int16).tobytes())

    hole = np.frombuffer(concealment.lost(160), np.int16)

    assert hole[:10].min() > 25000
    assert hole[:10].max() > 32000
