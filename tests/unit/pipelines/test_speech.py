"""Synthesised speech made ready for the telephone."""

import numpy as np
import pytest

from pipelines.speech import for_telephone, seconds, word_times


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 24_000])
def test_trims_silence_to_a_short_head_and_tail(rate: int) -> None:
    speech = 0.5 * np.sin(np.arange(rate) * 2 * np.pi * 440 / rate)
    padded = np.concatenate([np.zeros(rate // 3), speech, np.zeros(rate // 2)]).astype(np.float32)

    pcm = for_telephone(padded, rate)

    assert seconds(pcm) == pytest.approx(1.0 + 0.02 + 0.15, abs=0.01)
    assert np.abs(np.frombuffer(pcm, "<i2")[160 + 80 : 8000]).max() == pytest.approx(
        16_384, rel=0.1
    )


def test_nothing_audible_is_nothing() -> None:
    assert for_telephone(np.full(8000, 0.005, np.float32), 8000) == b""


def test_does_not_wrap_what_is_too_loud() -> None:
    pcm = for_telephone(np.full(800, 1.7, np.float32), 8000)

    assert np.frombuffer(pcm, "<i2").min() == 32_767


def test_words_get_their_share_of_the_time_in_order() -> None:
    times = word_times("a bbb cc", 9.0, 1.0)

    assert times == [("a", 1.0), ("bbb", 3.0), ("cc", 7.0)]


def test_no_words_take_no_time() -> None:
    assert word_times("  ", 1.0, 0.0) == []
