"""Sentences whole and cut off, as the turn model hears them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from voiceai.bench.turn_recordings import (
    SPEAKERS,
    cut_off,
    in_quiet,
    speakers_named,
    speech_within,
    turn_recording,
)

RATE_HZ = 8000


def tone(seconds: float, level: float = 0.1) -> NDArray[np.float32]:
    at = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return np.asarray(level * np.sqrt(2) * np.sin(2 * np.pi * 400 * at), np.float32)


def quiet(seconds: float) -> NDArray[np.float32]:
    return tone(seconds, 0.003)


def test_what_is_quiet_before_and_after_speech_is_left_out_and_pauses_stay() -> None:
    speech = np.concatenate([tone(0.5), quiet(0.4), tone(0.5)])

    found = speech_within(np.concatenate([quiet(0.3), speech, quiet(0.7)]))

    assert abs(len(found) - len(speech)) <= 0.02 * RATE_HZ
    assert abs(found[:80]).max() > 0.01
    assert abs(found[-80:]).max() > 0.01


def test_there_is_no_speech_in_quiet() -> None:
    assert len(speech_within(quiet(2))) == 0


def test_a_cut_sentence_is_its_beginning_of_varied_length() -> None:
    speech, chance = tone(2), np.random.default_rng(1)

    cuts = [cut_off(speech, chance) for _ in range(50)]

    shares = [len(cut) / len(speech) for cut in cuts]
    assert 0.35 <= min(shares) < 0.45
    assert 0.65 < max(shares) <= 0.75
    assert all(np.array_equal(cut, speech[: len(cut)]) for cut in cuts)


def test_whole_and_cut_lie_in_the_same_noise() -> None:
    speech = tone(2)

    whole, cut = in_quiet([speech, speech[:8000]], np.random.default_rng(1))

    assert len(whole) == 4000 + len(speech) + 1600
    assert np.array_equal(whole[:4000], cut[:4000])
    assert np.array_equal(whole[-1600:], cut[-1600:])
    assert np.array_equal(cut[4000:-1600], speech[:8000])
    assert 0 < np.sqrt((cut[-1600:] ** 2).mean()) < 0.002
    assert whole.dtype == np.float32


def test_a_recording_is_cut_at_the_same_place_each_time_and_another_at_another() -> None:
    first, again, other = (turn_recording("en", name, tone(3)) for name in ("a", "a", "b"))

    assert np.array_equal(first.whole, again.whole)
    assert np.array_equal(first.cut, again.cut)
    assert len(first.cut) != len(other.cut)


def test_speakers_are_asked_for_by_name() -> None:
    assert speakers_named(["fr", "en", "fr"]) == ("en", "fr")
    assert speakers_named(["en", "all"]) == tuple(SPEAKERS)
    with pytest.raises(ValueError, match="no speaker pt; there are en, de"):
        speakers_named(["en", "pt"])
