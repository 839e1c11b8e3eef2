"""The recorded speech says what its texts say: recognition agrees, on 8 kHz telephone audio."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from statistics import mean

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from pipelines.services.moonshine import Moonshine
from pipelines.services.whisper import Whisper
from tests.support.availability import have_or_skip
from tests.support.speech import LEVEL_DBFS, Prompt, english_prompts, german_prompts
from tests.support.word_errors import word_error_rate
from transports.audio.codec import Codec
from voiceai.bench.track import level_dbfs


def over_the_telephone(prompt: Prompt) -> NDArray[np.float32]:
    """Return the prompt through A-law, at the 16 kHz of the recognisers."""
    heard = Codec.ALAW.decode(Codec.ALAW.encode(prompt.pcm))
    samples = np.frombuffer(heard, "<i2").astype(np.float32) / 32768
    return np.asarray(soxr.resample(samples, 8000, 16_000), np.float32)


def english_errors() -> dict[str, float]:
    """Return the errors per word of each prompt."""
    prompts = have_or_skip(english_prompts)
    moonshine = have_or_skip(Moonshine)
    errors = {
        prompt.name: word_error_rate(prompt.text, moonshine.recognise(over_the_telephone(prompt)))
        for prompt in prompts
    }
    moonshine.close()
    return errors


def german_errors(folder: Path) -> dict[str, float]:
    """Return the errors per word of each prompt."""
    prompts = have_or_skip(german_prompts)
    whisper = have_or_skip(lambda: Whisper(folder))
    return {
        prompt.name: word_error_rate(
            prompt.text, whisper.recognise(over_the_telephone(prompt), "de", short=True)
        )
        for prompt in prompts
    }


Errors = Future[dict[str, float]]


@pytest.fixture(scope="module")
def errors_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Errors]]:
    """Both languages at once: a model uses one processor."""
    with ThreadPoolExecutor() as pool:
        german = pool.submit(german_errors, tmp_path_factory.mktemp("whisper"))
        yield {"en": pool.submit(english_errors), "de": german}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("language", ["en", "de"])
def test_prompts_are_understood_word_by_word(language: str, errors_of: dict[str, Errors]) -> None:
    errors = errors_of[language].result()

    assert len(errors) >= 20
    assert mean(errors.values()) <= 0.05, errors
    assert max(errors.values()) <= 0.25, errors


def test_every_prompt_has_the_level_of_a_telephone_line() -> None:
    prompts = [*have_or_skip(english_prompts), *have_or_skip(german_prompts)]

    levels = {prompt.name: level_dbfs(prompt.pcm) for prompt in prompts}

    assert all(level == pytest.approx(LEVEL_DBFS, abs=0.5) for level in levels.values()), levels
    assert all(1 < prompt.seconds < 7 for prompt in prompts)
