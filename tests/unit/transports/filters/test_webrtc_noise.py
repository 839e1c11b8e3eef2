"""Noise suppression on recorded speech in steady noise."""

import time
from functools import cache
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.availability import have_or_skip
from tests.support.speech import english_prompts
from transports.audio.audio_filter import BLOCK_BYTES
from transports.filters.webrtc_noise import WebrtcNoiseSuppressor

pytest.importorskip("webrtc_noise_gain", reason="the extra audio-filters is not installed")

RATE = 8000
LEVELS: tuple[Literal["low", "moderate", "high"], ...] = ("low", "moderate", "high")

Samples = NDArray[np.float64]


@cache
def speech() -> Samples:
    """A person's sentences, with half a second of rest after each."""
    rest = np.zeros(RATE // 2)
    prompts = [np.frombuffer(each.pcm, "<i2") for each in have_or_skip(english_prompts)]
    return np.concatenate([part for each in prompts for part in (each.astype(float), rest)])


def suppressed(samples: Samples, level: Literal["low", "moderate", "high"]) -> Samples:
    suppressor = WebrtcNoiseSuppressor(level)
    pcm = bytes(samples.clip(-32768, 32767).astype("<i2"))
    pcm = pcm[: len(pcm) - len(pcm) % BLOCK_BYTES]
    starts = range(0, len(pcm), BLOCK_BYTES)
    out = b"".join(suppressor.process(pcm[at : at + BLOCK_BYTES], b"") for at in starts)
    suppressor.close()
    return np.frombuffer(out, "<i2").astype(float)


def delay_of(before: Samples, after: Samples) -> int:
    lags = range(200)
    count = len(after) - len(lags)
    likeness = [float(np.dot(before[:count], after[lag : lag + count])) for lag in lags]
    return lags[int(np.argmax(likeness))]


def speech_to_noise(samples: Samples, spoken: NDArray[np.bool_]) -> float:
    """In dB: the level while the person speaks over that of the rests."""
    samples = samples[: len(spoken)]
    spoken = spoken[: len(samples)]
    return float(10 * np.log10(np.mean(samples[spoken] ** 2) / np.mean(samples[~spoken] ** 2)))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("snr_db", [5, 15])
def test_speech_stands_out_of_the_noise_more(
    level: Literal["low", "moderate", "high"], snr_db: int
) -> None:
    clean = speech()
    spoken = np.convolve(np.abs(clean), np.ones(400) / 400, "same") > 200
    noise = np.random.default_rng(1).standard_normal(len(clean))
    noise *= np.sqrt(np.mean(clean[spoken] ** 2)) * 10 ** (-snr_db / 20)

    out = suppressed(clean + noise, level)

    after = slice(2 * RATE, None)  # it learns the noise first
    delay = delay_of(clean, out)
    gain = speech_to_noise(out[delay:][after], spoken[after]) - speech_to_noise(
        (clean + noise)[after], spoken[after]
    )
    print(f"{level}, {snr_db} dB: better by {gain:.1f} dB")  # noqa: T201 - shown by -s
    assert gain > {"low": 2, "moderate": 3, "high": 4}[level]


@pytest.mark.parametrize("level", LEVELS)
def test_clean_speech_stays_itself(level: Literal["low", "moderate", "high"]) -> None:
    clean = speech()

    out = suppressed(clean, level)

    delay = delay_of(clean, out)
    print(f"{level}: {delay / 8:.1f} ms late")  # noqa: T201 - shown by -s
    assert delay <= 10 * 8
    assert abs(10 * np.log10(np.mean(out**2) / np.mean(clean**2))) < 2


def test_what_is_no_block_is_refused() -> None:
    with pytest.raises(ValueError, match="not 10 ms: 158 bytes"):
        WebrtcNoiseSuppressor("low").process(bytes(158), b"")


def test_it_keeps_up_many_times_over() -> None:
    suppressor = WebrtcNoiseSuppressor("moderate")
    block = bytes(speech()[:80].astype("<i2"))
    started = time.thread_time()
    for _ in range(1000):
        suppressor.process(block, b"")
    micros = (time.thread_time() - started) * 1e6 / 500

    print(f"noise suppression: {micros:.0f} us of CPU per 20 ms and line")  # noqa: T201 - shown by -s
    assert micros < 5000
