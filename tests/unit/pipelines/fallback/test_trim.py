"""Silence around a sentence goes, pauses within it stay, however the audio is cut."""

from hypothesis import given
from hypothesis import strategies as st

from pipelines.fallback.trim import HEAD_SAMPLES, TAIL_SAMPLES, SilenceTrimmer

SOUND, QUIET = b"\x00\x20", b"\x05\x00"


def trimmed(pcm: bytes, *cuts: int) -> tuple[bytes, SilenceTrimmer]:
    trimmer, found, start = SilenceTrimmer(), b"", 0
    for cut in [*sorted(2 * cut for cut in cuts), len(pcm)]:
        found += trimmer.feed(pcm[start:cut])
        start = max(start, cut)
    return found + trimmer.finish(), trimmer


@given(
    st.integers(0, 3000), st.integers(0, 3000), st.integers(0, 4000),
    st.lists(st.integers(0, 6000), max_size=8),
)  # fmt: skip
def test_only_the_ends_are_shortened(head: int, pause: int, tail: int, cuts: list[int]) -> None:
    speech = SOUND * 500 + QUIET * pause + SOUND * 500
    pcm = QUIET * head + speech + QUIET * tail
    found, trimmer = trimmed(pcm, *(min(cut, len(pcm) // 2) for cut in cuts))
    kept_head, kept_tail = min(head, HEAD_SAMPLES), min(tail, TAIL_SAMPLES)
    # what is dropped in one piece is not known to be near the sound that comes in the next
    assert len(found) // 2 <= kept_head + len(speech) // 2 + kept_tail
    assert len(found) // 2 >= len(speech) // 2 + kept_tail
    assert speech in found
    assert trimmer.dropped_samples + len(found) // 2 + max(0, tail - TAIL_SAMPLES) == len(pcm) // 2


def test_silence_alone_is_nothing_at_all() -> None:
    found, trimmer = trimmed(QUIET * 8000, 10, 4000)
    assert (found, trimmer.is_heard) == (b"", False)
    assert trimmer.dropped_samples == 8000 - HEAD_SAMPLES


def test_an_odd_byte_at_the_end_of_a_piece_raises_nothing() -> None:
    found, _ = trimmed(SOUND * 100 + b"\x01")
    assert found == SOUND * 100


def test_a_sample_may_be_cut_in_two() -> None:
    trimmer, pcm = SilenceTrimmer(), SOUND * 500
    assert trimmer.feed(pcm[:333]) + trimmer.feed(pcm[333:]) + trimmer.finish() == pcm
