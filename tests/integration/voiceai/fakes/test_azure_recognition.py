"""What the real SDK of Azure Speech sees of the fake's recognition, well and in each trouble."""

import asyncio
import json
import queue
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.support.fakes import KEY, azure_fake
from transports.audio.g711 import Alaw
from voiceai.fakes.azure import AzureFake
from voiceai.fakes.behaviour import Behaviour, close_after, drop_after
from voiceai.fakes.microsoft_messages import parse
from voiceai.fakes.recognisers import RealRecogniser
from voiceai.fakes.voices import murmur

sdk = pytest.importorskip("azure.cognitiveservices.speech")

RATE_HZ = 8000
WITHIN_SECONDS = 5.0
STALL_SECONDS = 0.3
TEXTS = ("Ich brauche einen Termin.", "Am Montag bitte.")
SPEECH = murmur("one two three four five", "", RATE_HZ)
SILENCE = bytes(RATE_HZ)
"""Half a second, more than ends a phrase."""

PIECE_BYTES = 1600


class Ear:
    """The SDK's continuous recogniser, and what it reports, in order."""

    def __init__(self, url: str, key: str, wave_format: Any, how: str) -> None:
        config = sdk.SpeechConfig(subscription=key, **{how: url})
        config.speech_recognition_language = "de-DE"
        config.set_property(sdk.PropertyId.Speech_SegmentationSilenceTimeoutMs, "300")
        sound = sdk.audio.AudioStreamFormat(
            samples_per_second=RATE_HZ,
            bits_per_sample=16 if wave_format is None else 8,
            channels=1,
            wave_stream_format=wave_format or sdk.AudioStreamWaveFormat.PCM,
        )
        self.stream = sdk.audio.PushAudioInputStream(sound)
        audio = sdk.audio.AudioConfig(stream=self.stream)
        self.recogniser = sdk.SpeechRecognizer(config, audio_config=audio)
        self._reported: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        for name in ("recognizing", "recognized", "canceled", "session_stopped"):
            getattr(self.recogniser, name).connect(self._reporter(name))

    def _reporter(self, name: str) -> Any:
        return lambda event: self._reported.put((name, event))

    def hear(self, *sounds: bytes) -> None:
        for sound in sounds:
            for start in range(0, len(sound), PIECE_BYTES):
                self.stream.write(sound[start : start + PIECE_BYTES])

    async def report(self) -> tuple[str, Any]:
        """Return the next report; the line is silent, not dead, while nothing comes."""
        async with asyncio.timeout(WITHIN_SECONDS):
            while True:
                try:
                    return await asyncio.to_thread(self._reported.get, timeout=0.02)
                except queue.Empty:
                    self.stream.write(SILENCE[:320])

    async def until(self, name: str) -> list[tuple[str, Any]]:
        """Return the reports up to the next of this name."""
        found = [await self.report()]
        while found[-1][0] != name:
            found.append(await self.report())
        return found

    async def stop(self) -> None:
        await asyncio.to_thread(self.recogniser.stop_continuous_recognition_async().get)


@asynccontextmanager
async def ear(
    fake: AzureFake, key: str = KEY, wave_format: Any = None, how: str = "endpoint"
) -> AsyncIterator[Ear]:
    made = Ear(fake.url, key, wave_format, how)
    await asyncio.to_thread(made.recogniser.start_continuous_recognition_async().get)
    yield made
    await made.stop()
    made.stream.close()


@pytest.fixture
async def fake() -> AsyncIterator[AzureFake]:
    async with azure_fake(*TEXTS) as made:
        yield made


def texts(reports: Sequence[tuple[str, Any]]) -> list[tuple[str, str]]:
    return [(name, event.result.text) for name, event in reports]


@pytest.mark.parametrize(
    ("how", "path"),
    [
        ("endpoint", "/stt/speech/universal/v2"),
        ("host", "/speech/recognition/conversation/cognitiveservices/v1"),
    ],
)
async def test_interim_and_final_texts_come_in_order(how: str, path: str, fake: AzureFake) -> None:
    async with ear(fake, how=how) as listener:
        listener.hear(SPEECH, SILENCE, SPEECH, SILENCE)
        first = await listener.until("recognized")
        second = await listener.until("recognized")

    assert texts(first) == [
        ("recognizing", "Ich"),
        ("recognizing", "Ich brauche"),
        ("recognizing", "Ich brauche einen"),
        ("recognized", TEXTS[0]),
    ]
    assert texts(second) == [
        ("recognizing", "Am"),
        ("recognizing", "Am Montag"),
        ("recognized", TEXTS[1]),
    ]
    assert fake.recognition.requests[0].path == path


async def test_the_times_of_a_phrase_are_those_of_its_audio(fake: AzureFake) -> None:
    ticks = 10_000_000
    async with ear(fake) as listener:
        listener.hear(SILENCE, SPEECH, SILENCE)
        phrase = (await listener.until("recognized"))[-1][1].result

    assert phrase.offset == pytest.approx(0.5 * ticks, abs=0.05 * ticks)
    assert phrase.duration == pytest.approx((1.5 + 0.3) * ticks, abs=0.05 * ticks)


async def test_what_the_client_asked_for_is_kept(fake: AzureFake) -> None:
    async with ear(fake) as listener:
        phrases = sdk.PhraseListGrammar.from_recognizer(listener.recogniser)
        phrases.addPhrase("Placetel")
        listener.hear(SPEECH, SILENCE)
        await listener.until("recognized")

    asked = fake.recognition.requests[0]
    context = dict(asked.messages)["speech.context"]
    assert asked.key == KEY
    assert bytes(asked.audio[: len(SPEECH)]) == SPEECH
    assert context["phraseDetection"]["language"] == "de-DE"
    assert {"Text": "Placetel"} in context["dgi"]["Groups"][0]["Items"]


async def test_recognition_survives_a_dropped_websocket_within_a_phrase(fake: AzureFake) -> None:
    """The SDK connects again and sends once more what was not answered by a phrase.

    But only with the next sound that it is given: a line that falls silent must go on in zeros.
    """
    async with ear(fake) as listener:
        listener.hear(SPEECH, SILENCE, SPEECH[: len(SPEECH) // 2])
        await listener.until("recognized")
        assert (await listener.report())[1].result.text == "Am"
        fake.server.hang_up()
        listener.hear(SPEECH[len(SPEECH) // 2 :], SILENCE)
        reports = await listener.until("recognized")

    assert texts(reports)[-1] == ("recognized", TEXTS[1])
    assert fake.recognition.count == 2
    again = dict(fake.recognition.requests[1].messages)["speech.context"]
    assert "previousServiceTag" in again["continuation"]


@pytest.mark.parametrize("trouble", [drop_after(3), close_after(3)])
async def test_recognition_survives_a_service_that_breaks_it_once(
    trouble: Behaviour, fake: AzureFake
) -> None:
    fake.recognition.behave(trouble)
    async with ear(fake) as listener:
        listener.hear(SPEECH, SILENCE)
        assert (await listener.report())[1].result.text == "Ich"
        await fake.recognition.until_asked(2)
        fake.recognition.recover()
        reports = await listener.until("recognized")

    assert texts(reports)[-1] == ("recognized", TEXTS[0])


async def test_a_wrong_key_is_one_clear_error(fake: AzureFake) -> None:
    async with ear(fake, key="1" * 32) as listener:
        name, event = await listener.report()
        after, _ = await listener.report()

    details = event.cancellation_details
    assert (name, after) == ("canceled", "session_stopped")
    assert details.code == sdk.CancellationErrorCode.AuthenticationFailure
    assert "WebSocket upgrade failed: Authentication error (401)." in details.error_details
    assert fake.recognition.count == 1


async def test_a_service_that_is_overloaded_is_asked_five_times(fake: AzureFake) -> None:
    """Within about a second; then the session is over, and nothing comes back by itself."""
    fake.recognition.fail(429)
    async with ear(fake) as listener:
        name, event = await listener.report()
        after, _ = await listener.report()

    assert (name, after) == ("canceled", "session_stopped")
    assert event.cancellation_details.code == sdk.CancellationErrorCode.TooManyRequests
    assert fake.recognition.count == 5


async def test_a_stall_is_no_error_of_the_sdk_at_all(fake: AzureFake) -> None:
    """Not before 67 s of audio fill its buffer, measured once: watch the time yourself."""
    async with ear(fake) as listener:
        fake.recognition.stall()
        listener.hear(SPEECH, SILENCE)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(STALL_SECONDS):
                await listener.report()
        fake.recognition.recover()
        reports = await listener.until("recognized")

    assert texts(reports)[-1] == ("recognized", TEXTS[0])


async def test_silence_is_a_phrase_that_matches_nothing(fake: AzureFake) -> None:
    fake.recognition.silence()
    async with ear(fake) as listener:
        listener.hear(SPEECH, SILENCE)
        name, event = await listener.report()

    assert (name, event.result.text) == ("recognized", "")
    assert event.result.reason == sdk.ResultReason.NoMatch


async def test_the_end_of_the_stream_gives_the_last_phrase_and_ends_the_session(
    fake: AzureFake,
) -> None:
    async with ear(fake) as listener:
        listener.hear(SPEECH)
        listener.stream.close()
        reports = await listener.until("canceled")

    assert texts(reports)[-2] == ("recognized", TEXTS[0])
    assert reports[-1][1].cancellation_details.reason == sdk.CancellationReason.EndOfStream


async def test_the_trunks_own_codec_is_taken_as_it_is() -> None:
    heard: list[tuple[bytes, int, str]] = []

    def transcribe(pcm: bytes, rate: int, language: str) -> str:
        heard.append((pcm, rate, language))
        return "Gehört."

    async with (
        AzureFake(recogniser=RealRecogniser(transcribe)) as fake,
        ear(fake, wave_format=sdk.AudioStreamWaveFormat.ALAW) as listener,
    ):
        listener.hear(Alaw().encode(SPEECH + SILENCE))
        reports = await listener.until("recognized")

    pcm, rate, language = heard[0]
    assert texts(reports) == [("recognized", "Gehört.")]
    assert (rate, language) == (RATE_HZ, "de-DE")
    assert pcm.startswith(Alaw().decode(Alaw().encode(SPEECH)))


@pytest.mark.parametrize(
    ("sound", "status"), [(SPEECH, "Success"), (SILENCE, "InitialSilenceTimeout")]
)
async def test_one_phrase_at_a_time_ends_with_it_or_with_nothing(
    sound: bytes, status: str, fake: AzureFake
) -> None:
    """As `recognize_once` asks; the SDK waits for a phrase for ever."""
    context = {"phraseDetection": {"mode": "INTERACTIVE", "language": "de-DE"}}
    came = []
    async with (
        aiohttp.ClientSession(headers={"Ocp-Apim-Subscription-Key": KEY}) as session,
        session.ws_connect(f"{fake.server.url}/speech/universal/v2", protocols=["USP"]) as socket,
    ):
        for turn in ("1", "2"):
            await socket.send_str(f"Path:speech.context\r\n\r\n{json.dumps(context)}")
            for audio in (sound + sound, b""):
                await socket.send_bytes(audio_of(turn, audio))
            came.append([parse(await socket.receive_str(timeout=1))])
            while came[-1][-1].path != "turn.end":
                came[-1].append(parse(await socket.receive_str(timeout=1)))

    for turn, messages in zip(("1", "2"), came, strict=True):
        phrases = [message.json for message in messages if message.path == "speech.phrase"]
        assert [phrase["RecognitionStatus"] for phrase in phrases] == [status]
        assert {message.request_id for message in messages} == {turn}


def audio_of(turn: str, audio: bytes) -> bytes:
    header = f"Path:audio\r\nX-RequestId:{turn}\r\n".encode()
    return len(header).to_bytes(2) + header + audio
