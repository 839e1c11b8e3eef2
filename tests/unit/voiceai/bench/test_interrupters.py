"""What an interruption did, read from the packets that came."""

import pytest

from voiceai.bench.interrupters import Packet, Reaction, reaction_of

USUAL = -20.0
NOISE = -65.0
LEVEL = -25.0


def packets(*levels: float | tuple[float, float]) -> list[Packet]:
    """Return a packet each 20 ms from 1.0 s on: its level, or those of its head and its rest."""
    pairs = [level if isinstance(level, tuple) else (level, level) for level in levels]
    return [Packet(1 + 0.02 * place, *pair) for place, pair in enumerate(pairs)]


def reaction(onset: float, *levels: float | tuple[float, float]) -> Reaction | None:
    return reaction_of(7, onset, LEVEL, USUAL, packets(*levels))


def test_a_duck_and_the_last_speech_are_counted_from_the_onset() -> None:
    found = reaction(1.03, *[USUAL] * 4, -32.0, -32.0, (-36.0, NOISE), *[NOISE] * 20)

    assert found is not None
    assert (found.call, found.onset, found.level) == (7, 1.03, LEVEL)
    assert found.ducked == pytest.approx(1.08)
    assert found.silent == pytest.approx(1.12)


def test_what_was_low_before_the_onset_is_no_reaction() -> None:
    found = reaction(1.05, NOISE, USUAL, USUAL, USUAL, USUAL, *[NOISE] * 20)

    assert found is not None
    assert found.ducked == pytest.approx(1.1)
    assert found.silent == pytest.approx(1.08)


def test_an_assistant_who_speaks_on_was_neither_ducked_nor_silenced() -> None:
    found = reaction(1.0, *[USUAL] * 30)

    assert found is not None
    assert (found.ducked, found.silent) == (None, None)


def test_a_gap_shorter_than_100_ms_is_not_silence() -> None:
    found = reaction(1.0, USUAL, NOISE, NOISE, NOISE, USUAL, *[NOISE] * 20)

    assert found is not None
    assert found.silent == pytest.approx(1.08)


def test_an_assistant_who_was_silent_was_not_interrupted() -> None:
    assert reaction(1.0, *[NOISE] * 30) is None
