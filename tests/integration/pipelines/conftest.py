"""Local models, loaded once; speech to recognise."""

import importlib.util
import os
import wave
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from asterisk.unpack import PackagesUnavailable, ensure_packages
from pipelines import warm as warming
from pipelines.params import ModelParams
from pipelines.resources import Resources
from pipelines.services.pico import Pico, PicoParams, find
from pipelines.spec import PipelineSpec
from tests.integration.pipelines.telephone import to_telephone
from tests.support.cache import cache_folder

Say = Callable[[str], bytes]
Warm = Callable[[PipelineSpec], Awaitable[None]]


def debian(suite: str, component: str, *names: str) -> Path:
    """Debian packages, unpacked into the cache the first time; skips where there are none."""
    try:
        return ensure_packages(cache_folder(), suite, component, names)
    except PackagesUnavailable as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def pico_dir() -> Path:
    """SVOX Pico, for German."""
    return debian("bookworm", "non-free", "libttspico0", "libttspico-data")


@pytest.fixture(scope="session")
def prompts() -> None:
    """Recorded German prompts, for `tests.support.speech`."""
    debian("sid", "main", "asterisk-prompt-de")


@pytest.fixture(scope="session")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resources]:
    resources = Resources(params=ModelParams(cache_dir=tmp_path_factory.mktemp("cache")))
    yield resources
    resources.close()


@pytest.fixture(scope="session")
def say() -> Say:
    """English speech: 16-bit mono at 8 kHz."""
    hibari = pytest.importorskip("hibari", reason="hibari-tts is not installed")
    voice = hibari.Hibari(threads=1)
    return lambda text: to_telephone(voice(text, seed=1), hibari.SAMPLE_RATE)


@pytest.fixture(scope="session")
def say_german(pico_dir: Path) -> Iterator[Say]:
    """German speech: 16-bit mono at 8 kHz."""
    installation = find(pico_dir)
    assert installation is not None
    pico = Pico(installation, "de-DE", PicoParams(speed=95))
    yield lambda text: to_telephone(pico.synthesize(text).astype(np.float64), pico.sample_rate)
    pico.close()


@pytest.fixture(scope="session")
def recording() -> bytes:
    """A recorded voice: Beckett, ten seconds."""
    found = importlib.util.find_spec("moonshine_voice")
    if found is None or found.origin is None:
        pytest.skip("moonshine-voice is not installed")
    with wave.open(str(Path(found.origin).parent / "assets" / "beckett.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768.0
        return to_telephone(samples.reshape(-1, file.getnchannels())[:, 0], file.getframerate())


@pytest.fixture
def warm(resources: Resources) -> Warm:
    """Warm a pipeline, or skip and say what is missing."""

    async def warm(spec: PipelineSpec) -> None:
        wrong = await warming.warm(resources, [spec])
        if wrong:
            pytest.skip("; ".join(str(found) for found in wrong[spec.name]))

    return warm
