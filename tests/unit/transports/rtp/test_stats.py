"""Counters and measures of a session."""

import random

import pytest

from transports.audio.codec import Codec
from transports.rtp.session import RtpSession
from transports.rtp.stats import Deviations, InterarrivalJitter, Totals


def test_regular_packets_have_no_jitter() -> None:
    jitter = InterarrivalJitter()

    for step in range(100):
        jitter.observe((0xFFFFFF00 + 160 * step) % (1 << 32), 5 + 0.02 * step)

    assert jitter.seconds == pytest.approx(0.0, abs=1e-9)


def test_one_late_packet_counts_a_sixteenth_twice() -> None:
    """RFC 3550 appendix A.8: J += (|D| - J) / 16, for the packet and for the one after it."""
    jitter = InterarrivalJitter()

    jitter.observe(0, 0.0)
    jitter.observe(160, 0.036)
    assert jitter.seconds == pytest.approx(0.016 / 16)
    jitter.observe(320, 0.04)
    assert jitter.seconds == pytest.approx(0.001 + (0.016 - 0.001) / 16)


@pytest.mark.parametrize(("first", "second"), [(0, 0xFFFFFF60), (0xFFFFFF60, 0)])
def test_timestamps_wrap_in_both_directions(first: int, second: int) -> None:
    jitter = InterarrivalJitter()

    jitter.observe(first, 0.0)
    jitter.observe(second, 0.0)

    assert jitter.seconds == pytest.approx(0.02 / 16)


def test_steady_deviation_is_approached() -> None:
    jitter = InterarrivalJitter()

    for step in range(500):
        jitter.observe(160 * step, 0.02 * step + (0.01 if step % 2 else 0.0))

    assert jitter.seconds == pytest.approx(0.01, rel=0.01)


@pytest.mark.parametrize("jump", [5000, -5000])
def test_a_jump_of_the_timeline_is_not_jitter(jump: int) -> None:
    jitter = InterarrivalJitter()

    jitter.observe(10_000, 0.0)
    jitter.observe(10_160 + jump, 0.02)
    jitter.observe(10_320 + jump, 0.04)

    assert jitter.seconds == pytest.approx(0.0, abs=1e-9)


def test_percentiles_of_nothing_are_zero() -> None:
    deviations = Deviations(8)

    assert (deviations.count, deviations.worst, deviations.percentile(99)) == (0, 0.0, 0.0)
    assert deviations.percentiles(50, 99) == [0.0, 0.0]


def test_percentiles_are_of_what_was_added() -> None:
    deviations = Deviations(200)

    for value in range(100, 0, -1):
        deviations.add(value / 1000)

    assert deviations.percentile(0) == 0.001
    assert deviations.percentile(50) == 0.051
    assert deviations.percentile(99) == deviations.percentile(100) == 0.1
    assert deviations.percentiles(100, 0, 50) == [0.1, 0.001, 0.051]


def test_the_oldest_are_forgotten_but_the_worst_is_not() -> None:
    deviations = Deviations(4)

    for value in (9.0, 1.0, 2.0, 3.0, 4.0):
        deviations.add(value)

    assert deviations.percentile(100) == 4.0
    assert (deviations.count, deviations.worst) == (5, 9.0)


def test_counters_of_streams_are_added_up() -> None:
    sessions = [
        RtpSession(codec=Codec.ALAW, playout_delay=0.04, random=random.Random(seed))
        for seed in range(2)
    ]
    for count, session in enumerate(sessions, start=1):
        session.connect(("192.0.2.1", 4000))
        for _ in range(count):
            session.receive(b"", ("192.0.2.1", 4000), 0.0)
            session.receive(b"", ("192.0.2.2", 4000), 0.0)
            session.next_packet()

    totals = Totals().plus(session.stats() for session in sessions)

    assert totals.rejected == {"malformed": 3, "address": 3}
    assert (totals.counts["sent"], totals.counts["received"]) == (3, 0)
    assert totals.plus([]) == totals
