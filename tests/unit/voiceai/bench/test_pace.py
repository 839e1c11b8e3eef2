"""What arrivals say about a stream's pace."""

import pytest

from voiceai.bench.pace import Pace, drift_ms, gap_ms, interval_errors_ms

MS = 1_000_000


def test_an_interval_errs_either_way() -> None:
    errors = interval_errors_ms([0, 20 * MS, 41 * MS, 60 * MS])

    assert errors == pytest.approx([0.0, 1.0, 1.0])


def test_one_arrival_has_no_interval() -> None:
    assert interval_errors_ms([5]) == []


def test_drift_is_what_a_stream_took_beyond_its_packets() -> None:
    slow = [n * (20 * MS + 1000) for n in range(500)]

    assert drift_ms(slow) == pytest.approx(0.001 * 450, abs=1e-6)
    assert drift_ms([-at for at in reversed(slow)]) == pytest.approx(0.45, abs=1e-6)


def test_a_late_packet_at_the_end_is_no_drift() -> None:
    arrivals = [n * 20 * MS for n in range(500)]
    arrivals[-1] += 15 * MS

    assert drift_ms(arrivals) == 0


def test_a_short_stream_has_two_ends_too() -> None:
    assert drift_ms([0, 21 * MS]) == pytest.approx(1.0)
    assert drift_ms([0]) == 0


def test_streams_are_measured_each_by_itself() -> None:
    pace = Pace.of({"1": [0, 20 * MS], "2": [7 * MS, 29 * MS, 49 * MS]})

    assert pace.errors == pytest.approx((0.0, 2.0, 0.0))
    assert len(pace.drifts) == 2


def test_a_gap_is_what_a_packet_does_not_cover() -> None:
    assert gap_ms(0, 25 * MS, 20) == pytest.approx(5)
    assert gap_ms(0, 45 * MS, 40) == pytest.approx(5)
    assert gap_ms(0, 3 * MS, 20) == 0
