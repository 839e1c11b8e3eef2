"""The resampler: its delay, what passes, what is stopped, and that nobody sees how it is cut."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from transports.audio.resampler import DELAY_SECONDS, Resampler

PAIRS = [(8000, 16000), (16000, 8000), (24000, 8000), (48000, 8000), (22050, 8000), (44100, 8000)]
RATES = pytest.mark.parametrize(("from_rate", "to_rate"), PAIRS)
AMPLITUDE = 16000
SETTLED = 0.005
"""Seconds after which a tone's beginning is past."""


def tone(hertz: float, rate: int, seconds: float = 0.5) -> bytes:
    angles = 2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate
    pcm: bytes = np.rint(AMPLITUDE * np.sin(angles)).astype("<i2").tobytes()
    return pcm


def samples(pcm: bytes) -> NDArray[np.float64]:
    return np.frombuffer(pcm, "<i2").astype(np.float64)


def converted(pcm: bytes, from_rate: int, to_rate: int) -> NDArray[np.float64]:
    """Return what comes of a piece, its beginning left out."""
    return samples(Resampler(from_rate, to_rate).resample(pcm))[round(SETTLED * to_rate) :]


def level(signal: NDArray[np.float64]) -> float:
    """Return how loud a signal is against the tone, in dB."""
    return 20 * math.log10(max(float(np.sqrt(np.mean(signal**2))), 1e-3) / AMPLITUDE * math.sqrt(2))


def without(signal: NDArray[np.float64], hertz: float, rate: int) -> NDArray[np.float64]:
    """Return what is left of a signal when the tone of that frequency is taken out."""
    angles = 2 * np.pi * hertz * np.arange(len(signal)) / rate
    basis = np.stack([np.sin(angles), np.cos(angles)], axis=1)
    fitted: NDArray[np.float64] = basis @ np.linalg.lstsq(basis, signal, rcond=None)[0]
    return signal - fitted


@RATES
def test_what_telephones_carry_passes_as_it_is(from_rate: int, to_rate: int) -> None:
    for hertz in (100, 300, 1000, 2000, 3000, 3200, 3400):
        passed = converted(tone(hertz, from_rate), from_rate, to_rate)

        assert level(passed) == pytest.approx(0, abs=0.02), hertz


@pytest.mark.parametrize(("from_rate", "to_rate"), PAIRS[1:])
def test_what_would_alias_is_stopped(from_rate: int, to_rate: int) -> None:
    for hertz in range(4600, from_rate // 2, 20):
        assert level(converted(tone(hertz, from_rate), from_rate, to_rate)) < -58, hertz


@pytest.mark.parametrize("hertz", range(100, 3401, 100))
def test_raising_the_rate_adds_no_images(hertz: int) -> None:
    raised = converted(tone(hertz, 8000), 8000, 16000)

    assert level(without(raised, hertz, 16000)) < -58


@RATES
@pytest.mark.parametrize("hertz", [200, 1000, 3000])
def test_delays_every_frequency_by_the_same_time(from_rate: int, to_rate: int, hertz: int) -> None:
    passed = converted(tone(hertz, from_rate), from_rate, to_rate)
    times = SETTLED + np.arange(len(passed)) / to_rate - DELAY_SECONDS

    expected = AMPLITUDE * np.sin(2 * np.pi * hertz * times)

    assert level(passed - expected) < -50


@RATES
@given(cuts=st.lists(st.integers(0, 700), max_size=8))
def test_it_does_not_matter_where_a_stream_is_cut(
    from_rate: int, to_rate: int, cuts: list[int]
) -> None:
    noise = np.random.default_rng(7).integers(-32768, 32767, sum(cuts) + 321, endpoint=True)
    pcm = noise.astype("<i2").tobytes()
    resampler = Resampler(from_rate, to_rate)

    pieces = []
    taken = 0
    for cut in [*cuts, 321]:
        pieces.append(resampler.resample(pcm[2 * taken : 2 * (taken + cut)]))
        taken += cut
        assert sum(map(len, pieces)) // 2 == math.ceil(taken * to_rate / from_rate)

    assert b"".join(pieces) == Resampler(from_rate, to_rate).resample(pcm)


@RATES
@pytest.mark.parametrize("milliseconds", [20, 40, 60, 100])
def test_every_call_gives_as_much_time_as_it_takes(
    from_rate: int, to_rate: int, milliseconds: int
) -> None:
    resampler = Resampler(from_rate, to_rate)
    piece = bytes(2 * from_rate * milliseconds // 1000)

    given = [len(resampler.resample(piece)) // 2 for _ in range(50)]

    assert given == [to_rate * milliseconds // 1000] * 50


@RATES
def test_full_scale_clips_and_does_not_wrap(from_rate: int, to_rate: int) -> None:
    high = np.where(np.arange(4000) // 400 % 2, 32767, -32768).astype("<i2")

    passed = samples(Resampler(from_rate, to_rate).resample(high.tobytes()))

    for value in (32767, -32768):
        held = passed[1:][np.abs(np.diff(passed)) == 0]
        assert value in held
    assert np.abs(np.diff(passed)).max() < 65535


def test_a_constant_stays_what_it_is() -> None:
    for from_rate, to_rate in PAIRS:
        constant = np.full(from_rate // 10, 12345, "<i2").tobytes()

        assert set(converted(constant, from_rate, to_rate)) == {12345}


def test_equal_rates_pass_through_undelayed() -> None:
    assert Resampler(8000, 8000).resample(tone(440, 8000)) == tone(440, 8000)


def test_a_reset_forgets_the_stream() -> None:
    resampler = Resampler(24000, 8000)
    resampler.resample(tone(500, 24000)[:2222])

    resampler.reset()

    whole = Resampler(24000, 8000).resample(tone(700, 24000))
    assert resampler.resample(tone(700, 24000)) == whole


def test_refuses_half_a_sample_and_rates_that_are_none() -> None:
    with pytest.raises(ValueError, match="multiple of element size"):
        Resampler(16000, 8000).resample(b"\0")
    with pytest.raises(ValueError, match="cannot convert 0 Hz"):
        Resampler(0, 8000)
