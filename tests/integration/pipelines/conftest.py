"""Local models, loaded once; speech to recognise."""

import asyncio
import importlib.util
import wave
from pathlib import Path

import numpy as np
import pytest

from pipelines.params import ModelParams
from pipelines.resources import Resources
from tests.integration.pipelines.telephone import to_telephone


@pytest.fixture(scope="session")
def resources(tmp_path_factory):
    resources = Resources(params=ModelParams(cache_dir=tmp_path_factory.mktemp("cache")))
    yield resources
    resources.close()


@pytest.fixture(scope="session")
def say():
    """Speech that a voice unlike the assistant's own code path makes: 16-bit mono at 8 kHz."""
    hibari = pytest.importorskip("hibari", reason="hibari-tts is not installed")
    voice = hibari.Hibari(threads=1)
    return lambda text: to_telephone(voice(text, seed=1), hibari.SAMPLE_RATE)


@pytest.fixture(scope="session")
def recording():
    """A recorded voice: Beckett, ten seconds."""
    found = importlib.util.find_spec("moonshine_voice")
    if found is None or found.origin is None:
        pytest.skip("moonshine-voice is not installed")
    with wave.open(str(Path(found.origin).parent / "assets" / "beckett.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768.0
        return to_telephone(samples.reshape(-1, file.getnchannels())[:, 0], file.getframerate())


@pytest.fixture(scope="session")
def warm(resources):
    """Warm pipelines, each once."""
    done: set[str] = set()

    async def warm(spec):
        if spec.name not in done:
            wrong = await resources.warm([spec])
            if wrong:
                pytest.skip("; ".join(str(found) for found in wrong[spec.name]))
            done.add(spec.name)
        await asyncio.sleep(0)

    return warm
