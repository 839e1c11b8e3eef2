"""What the real SDK of Azure Speech sees of the fake's synthesis, well and in each trouble."""

import asyncio
import queue
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.fakes import KEY, azure_fake
from voiceai.fakes.azure import AzureFake
from voiceai.fakes.behaviour import IGNORE, STALL, Behaviour
from voiceai.fakes.ssml import Spoken, read_ssml
from voiceai.fakes.voices import murmur

sdk = pytest.importorskip("azure.cognitiveservices.speech")

RATE_HZ = 8000
WITHIN_SECONDS = 5.0
VOICE = "de-DE-KatjaNeural"
SSML = (
    "<speak version='1.0' xmlns='http://www.w3.org/2001/10/synthesis' xml:lang='de-DE'>"
    "<voice name='{voice}'><prosody rate='1.1'>{text}</prosody></voice></speak>"
)
PCM = "Raw8Khz16BitMonoPcm"


class Mouth:
    """The SDK's synthesiser, and what it reports."""

    def __init__(self, url: str, key: str = KEY, sound: str = PCM, **properties: str) -> None:
        config = sdk.SpeechConfig(subscription=key, endpoint=url)
        config.set_speech_synthesis_output_format(getattr(sdk.SpeechSynthesisOutputFormat, sound))
        for name, value in properties.items():
            config.set_property(getattr(sdk.PropertyId, name), value)
        self.synthesiser = sdk.SpeechSynthesizer(config, audio_config=None)
        self.pieces: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.words: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
        self.synthesiser.synthesizing.connect(
            lambda event: self.pieces.put(event.result.audio_data)
        )
        self.synthesiser.synthesis_word_boundary.connect(
            lambda event: self.words.put((event.text, event.audio_offset))
        )

    async def say(self, text: str) -> Any:
        """Speak to the end and return the SDK's result."""
        return await self.say_ssml(SSML.format(voice=VOICE, text=text))

    async def say_ssml(self, ssml: str) -> Any:
        async with asyncio.timeout(WITHIN_SECONDS):
            return await asyncio.to_thread(self.synthesiser.speak_ssml_async(ssml).get)

    async def begin(self, text: str) -> None:
        """Speak, and return once it began."""
        future = self.synthesiser.start_speaking_ssml_async(SSML.format(voice=VOICE, text=text))
        await asyncio.to_thread(future.get)

    async def piece(self) -> bytes:
        return await asyncio.to_thread(self.pieces.get, timeout=WITHIN_SECONDS)


@pytest.fixture
async def fake() -> AsyncIterator[AzureFake]:
    async with azure_fake() as made:
        yield made


def failure(result: Any) -> tuple[Any, str]:
    assert result.reason == sdk.ResultReason.Canceled
    return result.cancellation_details.error_code, result.cancellation_details.error_details


async def test_a_text_is_spoken_in_pieces_as_they_come(fake: AzureFake) -> None:
    """Events come on a thread of their own, and may do so after the result."""
    mouth = Mouth(fake.url)

    result = await mouth.say("Guten Tag")

    assert result.reason == sdk.ResultReason.SynthesizingAudioCompleted
    assert result.audio_data == murmur("Guten Tag", VOICE, RATE_HZ)
    assert [len(await mouth.piece()) for _ in range(6)] == [1600] * 6
    first, second = [
        await asyncio.to_thread(mouth.words.get, timeout=WITHIN_SECONDS) for _ in range(2)
    ]
    assert (first[0], second[0]) == ("Guten", "Tag")
    assert first[1] < second[1]
    asked = fake.synthesis.requests[0]
    assert asked.key == KEY
    assert read_ssml(asked.ssml) == Spoken("Guten Tag", VOICE, rate="1.1")
    context = dict(asked.messages)["synthesis.context"]
    assert context["synthesis"]["audio"]["outputFormat"] == "raw-8khz-16bit-mono-pcm"


@pytest.mark.parametrize(
    ("sound", "length"), [("Raw8Khz8BitMonoALaw", 4800), ("Riff8Khz16BitMonoPcm", 9600 + 46)]
)
async def test_other_formats_are_spoken_too(sound: str, length: int, fake: AzureFake) -> None:
    """The SDK writes a WAV header of its own."""
    result = await Mouth(fake.url, sound=sound).say("Guten Tag")

    assert len(result.audio_data) == length


async def test_two_texts_are_two_requests_on_one_connection(fake: AzureFake) -> None:
    mouth = Mouth(fake.url)

    await mouth.say("Eins")
    await mouth.say("Zwei")

    first, second = fake.synthesis.requests
    assert first.headers["x-connectionid"] == second.headers["x-connectionid"]
    assert "Zwei" in second.ssml


async def test_an_interrupted_text_is_over_and_the_next_is_spoken(fake: AzureFake) -> None:
    fake.synthesis.stall(after=2)
    mouth = Mouth(fake.url)
    await mouth.begin("eins zwei drei vier")
    await mouth.piece()

    await asyncio.to_thread(mouth.synthesiser.stop_speaking_async().get)
    fake.synthesis.recover()
    result = await mouth.say("Danach")

    assert result.audio_data == murmur("Danach", VOICE, RATE_HZ)


@pytest.mark.parametrize(
    ("status", "code", "words", "times"),
    [
        (401, "AuthenticationFailure", "Authentication error (401)", 1),
        (429, "TooManyRequests", "Too many requests (429)", 2),
        (500, "ServiceError", "Internal service error (500)", 2),
        (503, "ServiceUnavailable", "Service unavailable (503)", 2),
    ],
)
async def test_a_refused_connection_is_tried_once_more_but_for_a_wrong_key(
    fake: AzureFake, status: int, code: str, words: str, times: int
) -> None:
    fake.synthesis.fail(status)

    error, details = failure(await Mouth(fake.url).say("Guten Tag"))

    assert error == getattr(sdk.CancellationErrorCode, code)
    assert f"WebSocket upgrade failed: {words}" in details
    assert fake.synthesis.count == times


async def test_a_wrong_key_is_an_authentication_failure(fake: AzureFake) -> None:
    error, _ = failure(await Mouth(fake.url, key="1" * 32).say("Guten Tag"))

    assert error == sdk.CancellationErrorCode.AuthenticationFailure


async def test_a_service_that_fails_later_fails_on_the_open_connection_too(
    fake: AzureFake,
) -> None:
    mouth = Mouth(fake.url)
    await mouth.say("Gut")
    fake.synthesis.fail(503)

    error, _ = failure(await mouth.say("Schlecht"))
    fake.synthesis.recover()
    again = await mouth.say("Wieder gut")

    assert error != sdk.CancellationErrorCode.NoError
    assert again.reason == sdk.ResultReason.SynthesizingAudioCompleted


async def test_a_stall_within_a_text_is_a_timeout_of_the_sdk(fake: AzureFake) -> None:
    """After 3 s and at less than half of real time, unless these properties say otherwise."""
    fake.synthesis.stall(after=2)
    mouth = Mouth(
        fake.url,
        SpeechSynthesis_FrameTimeoutInterval="100",
        SpeechSynthesis_RtfTimeoutThreshold="1",
    )

    result = await mouth.say("eins zwei drei vier")

    error, details = failure(result)
    assert error == sdk.CancellationErrorCode.ServiceTimeout
    assert "Timeout while synthesizing" in details
    assert len(result.audio_data) == 2 * 1600


@pytest.mark.parametrize("trouble", [STALL, IGNORE])
async def test_a_stall_before_the_first_piece_is_no_error_of_the_sdk_at_all(
    trouble: Behaviour, fake: AzureFake
) -> None:
    """Not within 70 s either, measured once: whoever uses it must watch the time."""
    fake.synthesis.behave(trouble)
    mouth = Mouth(fake.url)
    saying = asyncio.ensure_future(mouth.say("Guten Tag"))
    done, _ = await asyncio.wait([saying], timeout=0.3)

    assert not done
    fake.synthesis.recover()

    assert (await saying).audio_data == murmur("Guten Tag", VOICE, RATE_HZ)


async def test_a_dropped_connection_keeps_what_came_and_is_not_tried_again(
    fake: AzureFake,
) -> None:
    fake.synthesis.drop(after=2)

    result = await Mouth(fake.url).say("eins zwei drei vier")

    error, details = failure(result)
    assert error == sdk.CancellationErrorCode.ConnectionFailure
    assert "WS_ERROR_UNDERLYING_IO_ERROR" in details
    assert len(result.audio_data) == 2 * 1600
    assert fake.synthesis.count == 1


async def test_a_connection_closed_with_an_error_tells_its_code(fake: AzureFake) -> None:
    fake.synthesis.close(after=2)

    error, details = failure(await Mouth(fake.url).say("eins zwei drei vier"))

    assert error == sdk.CancellationErrorCode.ServiceError
    assert "Connection was closed by the remote host. Error code: 1011." in details


async def test_a_server_that_is_gone_is_a_connection_failure(fake: AzureFake) -> None:
    await fake.server.stop()

    error, details = failure(await Mouth(fake.url).say("Guten Tag"))

    assert error == sdk.CancellationErrorCode.ConnectionFailure
    assert "no connection to the remote host" in details


async def test_silence_has_the_length_of_the_text(fake: AzureFake) -> None:
    fake.synthesis.silence()

    result = await Mouth(fake.url).say("Guten Tag")

    assert result.audio_data == bytes(len(murmur("Guten Tag", VOICE, RATE_HZ)))


@pytest.mark.parametrize(
    ("ssml", "sound", "words"),
    [
        ("<speak><broken", PCM, "Error code: 1007. Error details: SSML parsing error"),
        ("<speak>Hi</speak>", "Ogg16Khz16BitMonoOpus", "Unsupported output format"),
    ],
)
async def test_what_cannot_be_spoken_is_a_bad_request(
    ssml: str, sound: str, words: str, fake: AzureFake
) -> None:
    error, details = failure(await Mouth(fake.url, sound=sound).say_ssml(ssml))

    assert error == sdk.CancellationErrorCode.BadRequest
    assert words in details
