"""What a caller hears of what arrives: played as a telephone plays it, holes concealed."""

import numpy as np
import pytest

from tests.support.arrivals import stream
from voiceai.lab.hearing import NOTHING_HEARD, play_out


def test_a_voice_is_heard_a_playout_delay_after_it_came() -> None:
    hearing = play_out(stream(10.0, count=100, loud=range(50, 75)), 10.0)
    heard = hearing.first_voice_after(0.5)

    assert heard is not None
    assert heard == pytest.approx(1.0 + hearing.delay_ms / 1000, abs=0.03)
    assert 0 < hearing.delay_ms <= 80
    assert hearing.first_voice_after(3.0) is None
    assert np.abs(hearing.between(heard, heard + 0.4)).max() > 0.2
    assert hearing.concealed < 0.05


def test_what_came_before_the_beginning_is_left_out() -> None:
    whole = play_out(stream(10.0, count=100, loud=range(50, 75)), 10.0)
    later = play_out(stream(10.0, count=100, loud=range(50, 75)), 10.5)

    assert whole.seconds - later.seconds == pytest.approx(0.5, abs=0.03)
    assert later.voiced[0] == pytest.approx(whole.voiced[0] - 0.5, abs=0.03)


def test_what_is_lost_is_concealed_and_counted() -> None:
    sent = stream(10.0, count=200, loud=range(200))
    came = [each for number, each in enumerate(sent) if number < 20 or number % 5]
    hearing = play_out(came, 10.0)

    assert hearing.lost == 36
    assert hearing.concealed == pytest.approx(36 / 210, abs=0.03)
    assert len(hearing.voiced) > 180


def test_what_comes_after_its_turn_is_late() -> None:
    sent = stream(10.0, count=200, loud=range(200))
    came = sorted(
        (at + (0.3 if number == 100 else 0.0), data) for number, (at, data) in enumerate(sent)
    )

    assert play_out(came, 10.0).late == 1


def test_nothing_came() -> None:
    assert play_out([], 1.0) is NOTHING_HEARD
    assert NOTHING_HEARD.seconds == 0
