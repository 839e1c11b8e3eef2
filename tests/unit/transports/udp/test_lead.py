"""How far ahead packets are made."""

import pytest

from transports.udp.lead import (
    LEAST_SECONDS,
    MOST_SECONDS,
    STEP_SECONDS,
    MakingLead,
)


def followed(*making_seconds: float) -> MakingLead:
    lead = MakingLead()
    for seconds in making_seconds:
        lead.follow(seconds)
    return lead


@pytest.mark.parametrize("making", [0.00005, 0.0004, 0.001])
def test_what_usually_takes_so_long_is_made_in_time_with_some_to_spare(making: float) -> None:
    lead = followed(*[making] * 500).seconds

    assert making < lead < LEAST_SECONDS + 2 * making


def test_packets_of_no_calls_take_what_the_loop_needs_to_wake() -> None:
    assert followed(*[0.0] * 100).seconds == LEAST_SECONDS


@pytest.mark.parametrize("making", [0.0015, 0.005, 0.3])
def test_decisions_are_never_early_by_more_than_two_milliseconds(making: float) -> None:
    lead = followed(*[making] * 500).seconds

    assert MOST_SECONDS - STEP_SECONDS <= lead <= MOST_SECONDS


def test_one_halt_changes_little() -> None:
    usual = followed(*[0.0004] * 500)

    usual.follow(0.4)

    assert usual.seconds < 0.0004 * 1.5 + LEAST_SECONDS + 2 * STEP_SECONDS


def test_it_comes_back_when_calls_have_ended() -> None:
    lead = followed(*[0.001] * 500, *[0.0002] * 500)

    assert lead.seconds < 0.0006


def test_what_hardly_differs_does_not_set_the_timers_anew() -> None:
    lead = followed(*[0.0005] * 500)

    assert not any(lead.follow(0.0005 + sign * 0.00002) for sign in (1, -1) * 100)
