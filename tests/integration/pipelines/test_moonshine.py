"""The English recogniser on recorded sentences, one after the other as in a call."""

import numpy as np
import pytest
import soxr

from pipelines.services.moonshine import Moonshine
from tests.support.availability import have_or_skip
from tests.support.speech import SAMPLE_RATE_HZ, english_prompts
from voiceai.bench.word_errors import word_errors

MODEL_RATE_HZ = 16_000


@pytest.mark.parametrize("lead_seconds", [0.0, 0.2, 0.6])
def test_what_was_heard_before_adds_no_words(lead_seconds: float) -> None:
    """Its own voice detector kept the end of the audio before, and read it as "You"."""
    moonshine = have_or_skip(Moonshine)
    lead = np.zeros(round(lead_seconds * SAMPLE_RATE_HZ), np.float32)
    errors = said = 0

    for prompt in have_or_skip(english_prompts):
        pcm = np.frombuffer(prompt.pcm, np.int16).astype(np.float32) / 32768
        audio = np.concatenate([lead, pcm, np.zeros(SAMPLE_RATE_HZ // 5, np.float32)])
        heard = moonshine.recognise(soxr.resample(audio, SAMPLE_RATE_HZ, MODEL_RATE_HZ))
        wrong, words = word_errors(prompt.text, heard)
        errors, said = errors + wrong, said + words

    moonshine.close()
    assert said > 100
    assert errors / said < 0.03
