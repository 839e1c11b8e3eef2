"""When the playout delay is said to have wandered."""

import random

import pytest

from transports.rtp.drift import MARGIN, WARM_UP, PlayoutDrift


def watch(drift: PlayoutDrift, slack: float, packets: int = 100) -> float:
    for _ in range(packets):
        drift.observe(slack)
    return drift.error


@pytest.mark.parametrize("slack", [0.04, 0.04 + MARGIN * 0.99, 0.04 - MARGIN * 0.99])
def test_no_error_within_the_margin(slack: float) -> None:
    assert watch(PlayoutDrift(0.04), slack) == 0.0


@pytest.mark.parametrize("slack", [0.07, 0.0, -0.03, 0.2])
def test_a_steady_error_is_measured(slack: float) -> None:
    assert watch(PlayoutDrift(0.04), slack) == pytest.approx(slack - 0.04)


def test_has_no_opinion_before_the_warm_up() -> None:
    drift = PlayoutDrift(0.04)

    assert watch(drift, 0.1, WARM_UP - 1) == 0.0
    assert watch(drift, 0.1, 1) == pytest.approx(0.06)


def test_jitter_alone_is_no_error() -> None:
    drift = PlayoutDrift(0.04)
    rng = random.Random(3)

    errors = []
    for _ in range(20_000):
        drift.observe(0.04 + rng.uniform(-0.04, 0.04))
        errors.append(drift.error)

    assert sum(error != 0 for error in errors) < 20


def test_one_packet_however_late_moves_it_little() -> None:
    drift = PlayoutDrift(0.04)
    watch(drift, 0.04)

    drift.observe(-30.0)

    assert drift.error == 0.0


def test_a_correction_is_counted_at_once() -> None:
    drift = PlayoutDrift(0.04)
    watch(drift, 0.06)

    drift.corrected(-0.02)

    assert drift.error == 0.0


def test_follows_a_change_within_two_seconds() -> None:
    drift = PlayoutDrift(0.04)
    watch(drift, 0.04, 1000)

    assert watch(drift, 0.1, 100) == pytest.approx(0.06, abs=0.01)


def test_forgets_on_a_restart() -> None:
    drift = PlayoutDrift(0.04)
    watch(drift, 0.2)

    drift.restart()

    assert drift.error == 0.0
    assert watch(drift, 0.2, WARM_UP - 1) == 0.0
