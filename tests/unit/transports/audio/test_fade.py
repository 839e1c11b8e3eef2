"""Joining audio without a click."""

import numpy as np

from transports.audio.fade import cross_fade, fade_out


def constant(value: int, samples: int = 160) -> bytes:
    return np.full(samples, value, np.int16).tobytes()


def steps(pcm: bytes) -> int:
    return int(np.abs(np.diff(np.frombuffer(pcm, np.int16).astype(int))).max())


def test_fades_from_full_level_to_nearly_nothing() -> None:
    faded = np.frombuffer(fade_out(constant(16000, 40)), np.int16)

    assert faded[0] == 16000
    assert 0 <= faded[-1] <= 400
    assert steps(faded.tobytes()) <= 401


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
