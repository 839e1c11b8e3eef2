"""Changes of level and joins without a click."""

import numpy as np
import pytest

from transports.audio.fade import cross_fade, ramped


def constant(value: int, samples: int = 160) -> bytes:
    return np.full(samples, value, np.int16).tobytes()


def steps(pcm: bytes) -> int:
    return int(np.abs(np.diff(np.frombuffer(pcm, np.int16).astype(int))).max())


def test_fades_from_full_level_to_nearly_nothing() -> None:
    faded = np.frombuffer(ramped(constant(16000, 40), 1.0, 0.0, 40), np.int16)

    assert faded[0] == 16000
    assert 0 <= faded[-1] <= 400
    assert steps(faded.tobytes()) <= 401


@pytest.mark.parametrize("end", [0.0, 0.25, 1.0])
def test_the_level_stays_at_the_end_of_a_ramp(end: float) -> None:
    led = np.frombuffer(ramped(constant(16000), 0.5, end, 40), np.int16)

    assert led[0] == 8000
    assert set(led[40:].tolist()) == {int(16000 * end)}
    assert steps(led.tobytes()) <= 16000 * 0.5 / 40 + 1


def test_without_a_change_every_sample_gets_the_same_gain() -> None:
    assert ramped(constant(-16000), 0.25, 0.25, 40) == constant(-4000)


def test_a_piece_shorter_than_the_ramp_goes_as_far_as_it_gets() -> None:
    led = np.frombuffer(ramped(constant(16000, 10), 1.0, 0.0, 40), np.int16)

    assert (led[0], led[-1]) == (16000, 12400)


def test_crosses_from_the_first_to_the_second() -> None:
    crossed = cross_fade(constant(8000), constant(-8000))

    assert np.frombuffer(crossed, np.int16)[[0, -1]].tolist() == [8000, -8000]
    assert steps(crossed) <= 102


def test_crossing_equal_audio_changes_nothing() -> None:
    ramp = np.arange(-16000, 16000, 200, dtype=np.int16).tobytes()

    assert (
        np.abs(np.subtract(*map(np.array, [list(cross_fade(ramp, ramp)), list(ramp)]))).max() <= 1
    )


def test_the_loudest_samples_do_not_wrap_around() -> None:
    assert min(np.frombuffer(cross_fade(constant(32767), constant(32767)), np.int16)) >= 32766
    assert max(np.frombuffer(cross_fade(constant(-32768), constant(-32768)), np.int16)) <= -32767
