"""Cloud voices through their real clients, against servers on this machine."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import numpy as np
import pytest
from pipecat.frames.frames import TTSAudioRawFrame, TTSSpeakFrame, TTSStoppedFrame

from pipelines.fallback.assemble import make_stage
from pipelines.loader import load_pipeline
from pipelines.params import Secrets
from pipelines.resources import Resources
from pipelines.spec import PipelineSpec
from pipelines.validate import candidates_of
from tests.integration.pipelines.chain_line import RATE, Line, running
from tests.support.fakes import KEY, azure_fake, edge_fake, mistral_fake
from voiceai.fakes.endpoint import Endpoint

TEXT = "Guten Morgen liebe Leute"
WORD_SECONDS = 0.3

SPECS = {
    "azure": "{service: azure, voice: de-DE-KatjaNeural, FALLBACK}",
    "edge": "{service: edge, FALLBACK}",
    "mistral": "{service: mistral, voice: some-voice, FALLBACK}",
}


@dataclass(slots=True)
class Cloud:
    """A voice, and the server that it has."""

    name: str
    synthesis: Endpoint
    secrets: Secrets

    def spec(self, fallback: str = "") -> PipelineSpec:
        tts = SPECS[self.name].replace("FALLBACK", fallback or "first_byte_ms: 1000")
        return load_pipeline(f"name: cloud\nlanguage: de-DE\ntts: {tts}\n", source="test")


@asynccontextmanager
async def azure() -> AsyncIterator[Cloud]:
    async with azure_fake() as fake:
        keys = {"azure_speech_key": KEY, "azure_speech_endpoint": fake.url}
        yield Cloud("azure", fake.synthesis, Secrets.model_validate(keys))


@asynccontextmanager
async def edge() -> AsyncIterator[Cloud]:
    async with edge_fake() as fake:
        yield Cloud("edge", fake.synthesis, Secrets())


@asynccontextmanager
async def mistral() -> AsyncIterator[Cloud]:
    async with mistral_fake() as fake:
        keys = {"mistral_api_key": KEY, "mistral_base_url": fake.url}
        yield Cloud("mistral", fake.speech, Secrets.model_validate(keys))


CLOUDS: list[Callable[[], AbstractAsyncContextManager[Cloud]]] = [azure, edge, mistral]
each = pytest.mark.parametrize("cloud", CLOUDS, ids=lambda cloud: cloud.__name__)


@asynccontextmanager
async def speaking(spec: PipelineSpec, secrets: Secrets) -> AsyncIterator[Line]:
    """A line whose chain is the synthesis of a pipeline."""
    resources, line = Resources(secrets), Line()
    candidates = candidates_of(spec, "tts")
    for candidate in candidates:
        candidate.entry.load(resources, candidate.params, spec)
    stage = make_stage("tts", candidates, spec, resources, line)  # type: ignore[arg-type]
    try:
        async with running(line, stage):
            yield line
    finally:
        await resources.aclose()


async def say(line: Line, text: str) -> np.ndarray:
    """Have a text said; returns its audio."""
    stopped = len(line.of(TTSStoppedFrame))
    before = len(line.of(TTSAudioRawFrame))
    await line.put(TTSSpeakFrame(text))
    await line.until(lambda: len(line.of(TTSStoppedFrame)) > stopped or line.errors, 10)
    frames = line.of(TTSAudioRawFrame)[before:]
    assert {frame.sample_rate for frame in frames} <= {RATE}
    return np.frombuffer(b"".join(frame.audio for frame in frames), "<i2")


@each
async def test_each_speaks_at_8_khz_and_tells_its_words(
    cloud: Callable[[], AbstractAsyncContextManager[Cloud]],
) -> None:
    async with cloud() as one, speaking(one.spec(), one.secrets) as line:
        first = await say(line, TEXT)
        second = await say(line, "Bis bald")

    assert abs(len(first) / RATE - 4 * WORD_SECONDS) < 0.25
    assert abs(len(second) / RATE - 2 * WORD_SECONDS) < 0.25
    spectrum = np.abs(np.fft.rfft(first.astype(float)))
    assert abs(np.fft.rfftfreq(len(first), 1 / RATE)[spectrum.argmax()] - 220) < 8
    assert 3000 < np.abs(first.astype(int)).max() < 9000
    assert line.words() == [*TEXT.split(), "Bis", "bald"]
    assert (line.failures, line.errors) == ([], [])


TROUBLES: dict[str, Callable[[Endpoint], None]] = {
    "401": lambda synthesis: synthesis.fail(401),
    "429": lambda synthesis: synthesis.fail(429, retry_after_seconds=7),
    "503": lambda synthesis: synthesis.fail(503),
    "stall": lambda synthesis: synthesis.stall(),
    "stall in the middle": lambda synthesis: synthesis.stall(3),
    "drop": lambda synthesis: synthesis.drop(2),
    "silence": lambda synthesis: synthesis.silence(),
}


@each
@pytest.mark.parametrize("trouble", TROUBLES)
async def test_another_voice_speaks_when_one_is_in_trouble(
    cloud: Callable[[], AbstractAsyncContextManager[Cloud]], trouble: str
) -> None:
    async with cloud() as one:
        TROUBLES[trouble](one.synthesis)
        spec = one.spec("first_byte_ms: 400, fallback: [{service: espeak}]")
        async with speaking(spec, one.secrets) as line:
            audio = await say(line, TEXT)

    assert len(line.failures) == 1, line.failures
    service, reason, instead = line.failures[0]
    assert (service, instead) == (one.name, "espeak")
    assert len(reason) <= 200
    assert trouble not in {"401", "429", "503"} or trouble in reason
    assert 0.8 < len(audio) / RATE < 3.5
    assert [word for word in line.words() if word] == TEXT.split()
