"""Utterances are cut out of a line's audio by their energy, or by the script's own times."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceai.fakes.hearing import Ended, Grew, Hearing, Started
from voiceai.fakes.voices import murmur

RATE_HZ = 8000
SPEECH = murmur("one two three", "", RATE_HZ)
"""0.9 s."""


def silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * RATE_HZ))


def hear(hearing: Hearing, audio: bytes) -> list[Started | Grew | Ended]:
    return list(hearing.hear(audio))


def ends(found: list[Started | Grew | Ended]) -> list[Ended]:
    return [each for each in found if isinstance(each, Ended)]


def test_speech_between_silences_is_one_utterance_with_its_times() -> None:
    found = hear(Hearing(RATE_HZ), silence(1) + SPEECH + silence(1))

    starts = [each for each in found if isinstance(each, Started)]
    assert len(starts) == len(ends(found)) == 1
    assert starts[0].offset_seconds == pytest.approx(1.0, abs=0.03)
    assert ends(found)[0].seconds == pytest.approx(0.9 + 0.5, abs=0.05)
    assert SPEECH in ends(found)[0].pcm


def test_a_pause_shorter_than_the_silence_that_ends_is_part_of_it() -> None:
    audio = SPEECH + silence(0.3) + SPEECH + silence(0.5)

    assert len(ends(hear(Hearing(RATE_HZ, silence_seconds=0.4), audio))) == 1
    assert len(ends(hear(Hearing(RATE_HZ, silence_seconds=0.2), audio))) == 2


def test_an_utterance_grows_by_20_ms_until_it_ends() -> None:
    found = hear(Hearing(RATE_HZ), SPEECH + silence(0.6))

    grown = [each.seconds for each in found if isinstance(each, Grew)]
    assert all(
        math.isclose(second - first, 0.02, abs_tol=1e-9) for first, second in pairwise(grown)
    )
    assert isinstance(found[grown.index(max(grown)) + 2], Ended)


def test_the_end_of_the_audio_ends_an_utterance_and_nothing_else() -> None:
    hearing = Hearing(RATE_HZ)
    assert ends(hear(hearing, SPEECH)) == []

    assert len(hearing.finish()) == 1
    assert hearing.finish() == []


def test_an_utterance_of_a_given_length_needs_no_sound() -> None:
    hearing = Hearing(RATE_HZ, ends_after_seconds=0.5)

    found = hear(hearing, silence(1.2))

    assert [each.seconds for each in ends(found)] == pytest.approx([0.5, 0.5])


@given(cuts=st.lists(st.integers(min_value=0, max_value=30_000), max_size=20))
def test_it_does_not_matter_how_the_audio_is_cut_into_pieces(cuts: list[int]) -> None:
    audio = silence(0.2) + SPEECH + silence(0.6)
    whole = hear(Hearing(RATE_HZ), audio)
    hearing = Hearing(RATE_HZ)
    places = [0, *sorted(2 * cut for cut in cuts if 2 * cut < len(audio)), len(audio)]

    found = [each for start, end in pairwise(places) for each in hear(hearing, audio[start:end])]

    assert found == whole
