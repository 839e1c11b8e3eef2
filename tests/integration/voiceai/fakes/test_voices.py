"""The real espeak-ng speaks for the fakes."""

import shutil

import numpy as np
import pytest

from voiceai.fakes.voices import espeak

LOUD_RMS = 500


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_espeak_says_more_words_in_more_time_at_the_rate_that_is_asked_for() -> None:
    short = espeak("Guten Tag.", "de-DE-KatjaNeural", 8000)
    long = espeak("Guten Tag, hier ist die Praxis am Markt.", "de-DE-KatjaNeural", 8000)
    wide = espeak("Guten Tag.", "de-DE-KatjaNeural", 24_000)

    samples = np.frombuffer(long, "<i2").astype(float)
    assert len(long) > 1.5 * len(short)
    assert len(wide) == pytest.approx(3 * len(short), abs=6)
    assert np.sqrt(np.mean(samples**2)) > LOUD_RMS
