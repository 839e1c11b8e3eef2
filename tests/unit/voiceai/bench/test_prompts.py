"""Recordings as the capacity bench's callers say them."""

import numpy as np
import pytest

from voiceai.bench.prompts import last_voice, prepared
from voiceai.bench.track import level_dbfs

SECOND = 8000


def tone(rms: float, samples: int) -> bytes:
    return np.random.default_rng(1).normal(0, rms, samples).astype("<i2").tobytes()


@pytest.mark.parametrize("rms", [100, 1000, 6000])
def test_every_recording_is_brought_to_the_same_level(rms: float) -> None:
    assert level_dbfs(prepared("any", tone(rms, SECOND)).pcm) == pytest.approx(-20, abs=0.2)


def test_the_last_voice_is_before_the_quiet_at_the_end() -> None:
    assert last_voice(tone(3000, SECOND) + tone(20, SECOND)) == 49
    assert last_voice(tone(20, SECOND)) == 0
