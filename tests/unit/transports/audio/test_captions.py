"""Words come out when the audio that they belong to is played."""

from transports.audio.captions import NANOSECONDS, Captions

RATE = 8000
PIECE = 160
SECOND = NANOSECONDS


def captions() -> Captions[str]:
    return Captions(rate=RATE, piece=PIECE)


def play(words: Captions[str], seconds: float) -> list[str]:
    reached = []
    for _ in range(round(seconds * RATE / PIECE)):
        reached += words.play(PIECE)
    return reached


def test_a_word_comes_when_its_audio_is_played() -> None:
    words = captions()
    words.add("a", 5 * SECOND, "one")
    words.add("a", 6 * SECOND, "two")
    words.add_audio("a", 2 * RATE, now=5 * SECOND)

    assert play(words, 0.02) == ["one"]
    assert play(words, 0.9) == []
    assert play(words, 0.1) == ["two"]


def test_a_word_whose_audio_waits_to_be_sent_has_not_been_heard() -> None:
    words = captions()
    words.add("a", 0, "one")
    words.add("a", SECOND // 50, "two")
    words.add_audio("a", RATE, now=0)

    assert words.play(PIECE, behind=PIECE) == []
    assert words.play(PIECE, behind=2 * PIECE) == []
    assert words.play(PIECE, behind=2 * PIECE) == ["one"]
    assert words.play(PIECE, behind=2 * PIECE) == ["two"]


def test_the_end_of_an_answer_brings_the_words_whose_audio_still_waits() -> None:
    words = captions()
    words.add("a", 0, "one")
    words.add("a", SECOND // 50, "two")
    words.add_audio("a", 2 * PIECE, now=0)
    assert words.play(PIECE, behind=PIECE) == []
    assert words.play(PIECE, behind=PIECE) == ["one"]

    assert words.play(0) == ["two"]


def test_an_answer_that_is_held_before_its_first_sample_was_not_heard() -> None:
    words = captions()
    words.add("a", 0, "one")
    words.add_audio("a", RATE, now=0)

    assert words.play(2 * PIECE, behind=2 * PIECE) == []


def test_a_word_may_come_behind_its_audio() -> None:
    words = captions()
    words.add_audio("a", 2 * RATE, now=5 * SECOND)
    assert play(words, 0.5) == []

    words.add("a", 5 * SECOND + SECOND // 4, "one")
    words.add("a", 6 * SECOND, "two")

    assert play(words, 0.02) == ["one"]
    assert play(words, 0.5) == ["two"]


def test_a_pause_within_an_answer_holds_its_words_up() -> None:
    words = captions()
    words.add_audio("a", RATE, now=0)
    words.add("a", 0, "one")
    assert play(words, 1.0) == ["one"]

    words.add("a", SECOND, "two")
    words.add("a", 2 * SECOND, "three")
    words.add_audio("a", 2 * RATE, now=9 * SECOND)

    assert play(words, 0.1) == ["two"]
    assert play(words, 0.8) == []
    assert play(words, 0.1) == ["three"]


def test_an_answer_that_waits_behind_another_begins_where_that_ends() -> None:
    """Its words are timed from the last word of the other, as Pipecat does."""
    words = captions()
    words.add_audio("a", 3 * RATE, now=0)
    words.add("a", 0, "one")
    words.add("a", 2 * SECOND, "two")
    words.pad()
    words.add("b", 2 * SECOND, "three")
    words.add("b", 3 * SECOND, "four")
    words.add_audio("b", 2 * RATE, now=SECOND // 100)

    assert play(words, 2.9) == ["one", "two"]
    assert play(words, 0.2) == ["three"]
    assert play(words, 0.8) == []
    assert play(words, 0.1) == ["four"]


def test_a_word_that_was_timed_behind_the_end_comes_with_the_end() -> None:
    words = captions()
    words.add_audio("a", PIECE * 3 + 1, now=0)
    words.add("a", 0, "one")
    words.add("a", 60 * SECOND, "two")
    words.close()

    assert play(words, 0.06) == ["one", "two"]


def test_padding_is_counted_so_that_the_next_answer_is_not_early() -> None:
    words = captions()
    words.add_audio("a", PIECE + 1, now=0)
    words.pad()
    words.add_audio("b", RATE, now=SECOND)
    words.add("b", SECOND, "one")

    assert words.play(PIECE) == []
    assert words.play(PIECE) == ["one"]


def test_what_follows_comes_with_the_word_before_it() -> None:
    words = captions()
    assert not words.follow("nothing to follow")
    words.add_audio("a", RATE, now=0)
    words.add("a", SECOND // 2, "one")

    assert words.follow("progress")

    assert play(words, 0.4) == []
    assert play(words, 0.1) == ["one", "progress"]


def test_what_was_flushed_never_comes_and_the_next_answer_begins_anew() -> None:
    words = captions()
    words.add_audio("a", 5 * RATE, now=0)
    words.add("a", 4 * SECOND, "never")
    play(words, 1.0)

    words.flush()
    words.add_audio("b", RATE, now=2 * SECOND)
    words.add("b", 2 * SECOND, "one")

    assert play(words, 1.0) == ["one"]
