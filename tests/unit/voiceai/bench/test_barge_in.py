"""What counts as the reaction to a verdict."""

import pytest

from voiceai.bench.barge_in import reacted_ms
from voiceai.bench.interrupters import Reaction


def reaction(*, silent: float | None) -> Reaction:
    return Reaction(call=0, onset=10.0, ducked=None, silent=silent, level=-20.0)


def test_a_reaction_lasts_from_the_first_verdict_on_this_speech_to_the_last_packet() -> None:
    assert reacted_ms(reaction(silent=10.13), [9.0, 10.12, 10.125, 12.0]) == pytest.approx(10)


@pytest.mark.parametrize("verdicts", [[], [9.9], [10.14]])
def test_an_assistant_who_had_finished_before_the_verdict_did_not_react(
    verdicts: list[float],
) -> None:
    assert reacted_ms(reaction(silent=10.13), verdicts) is None


def test_an_assistant_who_was_not_silenced_did_not_react() -> None:
    assert reacted_ms(reaction(silent=None), [10.12]) is None
