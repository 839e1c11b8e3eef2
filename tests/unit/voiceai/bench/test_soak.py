"""A call on a clock of its own."""

import pytest

from voiceai.bench.soak import soak


@pytest.mark.parametrize("drift_ppm", [200, -200])
def test_a_minute_has_every_frame_of_both_ends_and_what_the_network_did(drift_ppm: float) -> None:
    ours, caller = soak(1, drift_ppm, seed=3)

    for end in (ours, caller):
        assert end.counters.sent == pytest.approx(3000, abs=2)
        assert end.counters.played == pytest.approx(3000, abs=2)
        assert 0.001 < end.counters.lost / 3000 < 0.03
        assert end.counters.duplicate > 0
        assert end.counters.evicted == 0
        assert len(end.delays[0]) > 2700
        assert 10 < end.medians()[0] < 90
    assert len(ours.memory) == 1


def test_the_same_seed_soaks_the_same() -> None:
    first, again, other = (soak(1, 200, seed)[0] for seed in (1, 1, 2))

    assert first.delays == again.delays
    assert first.counters == again.counters
    assert first.delays != other.delays
