"""Cloud recognition through its real clients, against servers on this machine."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest
from pipecat.frames.frames import (
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    TranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)

from pipelines.fallback.assemble import make_stage
from pipelines.loader import load_pipeline
from pipelines.params import Secrets
from pipelines.registry import REGISTRY
from pipelines.resources import Resources
from pipelines.services.entry import ServiceEntry
from pipelines.spec import Spec
from pipelines.validate import candidates_of
from tests.integration.pipelines.chain_line import RATE, Ears, Line, running
from tests.support.fakes import KEY, azure_fake, mistral_fake
from voiceai.fakes.endpoint import Endpoint
from voiceai.fakes.voices import murmur

TEXT = "Ich brauche einen Termin"
OTHER = "von der anderen Seite"
SPEECH = murmur(TEXT, "", RATE)


@dataclass(slots=True)
class Cloud:
    """A recognition, and the server that it has."""

    name: str
    recognition: Endpoint
    secrets: Secrets


@asynccontextmanager
async def azure(*understood: str) -> AsyncIterator[Cloud]:
    async with azure_fake(*understood) as fake:
        keys = {"azure_speech_key": KEY, "azure_speech_endpoint": fake.url}
        yield Cloud("azure", fake.recognition, Secrets.model_validate(keys))


@asynccontextmanager
async def mistral(*understood: str) -> AsyncIterator[Cloud]:
    async with mistral_fake(*understood) as fake:
        keys = {"mistral_api_key": KEY, "mistral_base_url": fake.url}
        yield Cloud("mistral", fake.realtime, Secrets.model_validate(keys))


MakeCloud = Callable[..., AbstractAsyncContextManager[Cloud]]
each = pytest.mark.parametrize("make", [azure, mistral], ids=["azure", "mistral"])


@asynccontextmanager
async def listening(cloud: Cloud, *, stt: str = "") -> AsyncIterator[Line]:
    """A line whose chain is the recognition of a pipeline; another one understands `OTHER`."""
    other = ServiceEntry(make=lambda _: Ears([OTHER], [], "other"), params=Spec)
    registry = {**REGISTRY, "stt": {**REGISTRY["stt"], "other": other}}
    chain = "first_byte_ms: 1200, fallback: [{service: other}]"
    text = f"stt: {{service: {cloud.name}, {chain}{stt}}}"
    spec = load_pipeline(f"name: cloud\nlanguage: de-DE\n{text}\n", source="test")
    resources, line = Resources(cloud.secrets), Line()
    candidates = candidates_of(spec, "stt", registry)
    candidates[0].entry.load(resources, candidates[0].params, spec)
    stage = make_stage("stt", candidates, spec, resources, line)  # type: ignore[arg-type]
    try:
        async with running(line, stage):
            yield line
    finally:
        await resources.aclose()


async def hear(line: Line, pcm: bytes, pace: float = 0.0) -> None:
    for start in range(0, len(pcm), 320):
        await line.put(InputAudioRawFrame(pcm[start : start + 320], RATE, 1))
        await asyncio.sleep(pace)


async def talk(line: Line, pace: float = 0.0) -> None:
    """Say something, and be quiet."""
    await hear(line, bytes(RATE))
    await line.put(VADUserStartedSpeakingFrame())
    await hear(line, SPEECH, pace)
    await hear(line, bytes(RATE // 2))
    await line.put(VADUserStoppedSpeakingFrame())
    await hear(line, bytes(4 * RATE))


def texts(line: Line) -> list[str]:
    return [frame.text for frame in line.of(TranscriptionFrame)]


@each
async def test_interim_and_final_texts_come_in_order(make: MakeCloud) -> None:
    async with make(TEXT) as cloud, listening(cloud) as line:
        await talk(line)
        await line.until(lambda: texts(line))

    interims = [frame.text.strip() for frame in line.of(InterimTranscriptionFrame)]
    assert interims
    assert all(TEXT.startswith(interim) for interim in interims)
    assert interims == sorted(interims, key=len)
    assert (texts(line), line.failures) == ([TEXT], [])


TROUBLES: dict[str, Callable[[Endpoint], None]] = {
    "401": lambda recognition: recognition.fail(401),
    "503": lambda recognition: recognition.fail(503),
    "stall": lambda recognition: recognition.stall(),
    "silence": lambda recognition: recognition.silence(),
}


@each
@pytest.mark.parametrize("trouble", TROUBLES)
async def test_another_one_understands_when_one_is_in_trouble(
    make: MakeCloud, trouble: str
) -> None:
    async with make(TEXT) as cloud:
        TROUBLES[trouble](cloud.recognition)
        async with listening(cloud) as line:
            await talk(line)
            await line.until(lambda: texts(line), 8)

    assert texts(line) == [OTHER]
    assert {(service, instead) for service, _, instead in line.failures} == {(cloud.name, "other")}


@each
async def test_a_connection_that_drops_within_the_utterance_loses_no_word(make: MakeCloud) -> None:
    async with make(TEXT) as cloud, listening(cloud) as line:
        cloud.recognition.drop(2)
        talking = asyncio.create_task(talk(line, pace=0.01))
        await cloud.recognition.until_asked()
        await line.until(lambda: line.of(InterimTranscriptionFrame) or line.failures)
        cloud.recognition.recover()
        await talking
        await line.until(lambda: texts(line), 8)

    assert texts(line) in ([TEXT], [OTHER])


async def test_phrases_are_told_to_azure() -> None:
    async with azure(TEXT) as cloud, listening(cloud, stt=", phrases: [Sommer, Placetel]") as line:
        await talk(line)
        await line.until(lambda: texts(line))
        told = str(cloud.recognition.requests[0].messages)

    assert "Sommer" in told
    assert "Placetel" in told
