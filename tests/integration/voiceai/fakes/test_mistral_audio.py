"""What Mistral's own client sees of the fake's transcription, realtime websocket and speech."""

import asyncio
import base64
import io
import wave
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import pytest

from tests.support.fakes import KEY, mistral_fake
from voiceai.fakes.behaviour import Behaviour, drop_after, stall_after
from voiceai.fakes.mistral import MistralFake
from voiceai.fakes.mistral_audio import SPEECH_RATE_HZ
from voiceai.fakes.recognisers import RealRecogniser, Utterance
from voiceai.fakes.voices import murmur

client_module = pytest.importorskip("mistralai.client")
realtime_module = pytest.importorskip("mistralai.extra.realtime")

STALL_SECONDS = 0.1
TEXTS = ("I need an appointment.", "On Monday.")
RATE_HZ = 8000
SPEECH = murmur("four words of it", "", RATE_HZ)
MODEL = "voxtral-mini-transcribe-realtime-2602"


@pytest.fixture
async def fake() -> AsyncIterator[MistralFake]:
    async with mistral_fake(*TEXTS) as made:
        yield made


def wave_file(pcm: bytes) -> dict[str, Any]:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE_HZ)
        writer.writeframes(pcm)
    return {"file_name": "call.wav", "content": file.getvalue()}


async def connect(sdk: Any, **more: Any) -> Any:
    sound = {"encoding": "pcm_s16le", "sample_rate": RATE_HZ}
    return await sdk.audio.realtime.connect(model=MODEL, audio_format=sound, **more)


async def until_done(events: AsyncIterator[Any]) -> list[Any]:
    """Return the events up to the end of the next utterance."""
    found = []
    async for event in events:
        found.append(event)
        if event.type == "transcription.done":
            return found
    return found


async def speak(sdk: Any, **more: Any) -> list[Any]:
    stream = await sdk.audio.speech.complete_async(
        input="two words", voice_id="en_paul_neutral", response_format="pcm", stream=True, **more
    )
    async with stream as events:
        return [event.data async for event in events]


async def test_a_file_is_understood(fake: MistralFake, sdk: Any) -> None:
    answer = await sdk.audio.transcriptions.complete_async(
        model="voxtral-mini-latest", file=wave_file(SPEECH), language="en"
    )

    asked = fake.transcription.requests[-1]
    assert (answer.text, answer.language) == (TEXTS[0], "en")
    assert asked.body["model"] == "voxtral-mini-latest"
    assert bytes(asked.audio) == wave_file(SPEECH)["content"]
    assert asked.key == KEY


async def test_a_file_is_understood_word_by_word(sdk: Any) -> None:
    stream = await sdk.audio.transcriptions.stream_async(
        model="voxtral-mini-latest", file=wave_file(SPEECH)
    )
    found = [event.data async for event in stream]

    assert "".join(each.text for each in found[:-1]) == TEXTS[0] == found[-1].text
    assert [each.type for each in found][-2:] == ["transcription.text.delta", "transcription.done"]


async def test_a_recogniser_gets_the_samples_and_their_rate() -> None:
    heard: list[tuple[bytes, int, str]] = []

    def transcribe(pcm: bytes, rate: int, language: str) -> str:
        heard.append((pcm, rate, language))
        return "Real words."

    fake = MistralFake(recogniser=RealRecogniser(transcribe))
    async with fake, client_module.Mistral(api_key=KEY, server_url=fake.url) as sdk:
        answer = await sdk.audio.transcriptions.complete_async(
            model="m", file=wave_file(SPEECH), language="de"
        )

    assert answer.text == "Real words."
    assert heard == [(SPEECH, RATE_HZ, "de")]


async def test_the_websocket_understands_one_utterance_after_the_other(
    fake: MistralFake, sdk: Any
) -> None:
    connection = await connect(sdk)
    events = connection.events()
    found = []
    for _ in TEXTS:
        await connection.send_audio(SPEECH)
        await connection.flush_audio()
        found.append(await until_done(events))
    await connection.close()

    assert [event.type for event in found[0][:2]] == ["session.created", "session.updated"]
    assert found[0][1].session.audio_format.sample_rate == RATE_HZ
    for text, of_utterance in zip(TEXTS, found, strict=True):
        deltas = [each.text for each in of_utterance if each.type == "transcription.text.delta"]
        assert "".join(deltas) == text == of_utterance[-1].text
    asked = fake.realtime.requests[0]
    assert asked.query["model"] == MODEL
    assert bytes(asked.audio) == SPEECH + SPEECH
    assert [kind for kind, _ in asked.messages] == ["session.update", *["input_audio.flush"] * 2]


async def test_a_recogniser_gets_each_utterance_by_itself() -> None:
    heard: list[bytes] = []

    def transcribe(pcm: bytes, rate: int, language: str) -> str:
        heard.append(pcm)
        return "Words."

    fake = MistralFake(recogniser=RealRecogniser(transcribe))
    async with fake, client_module.Mistral(api_key=KEY, server_url=fake.url) as sdk:
        connection = await connect(sdk)
        events = connection.events()
        for sound in (SPEECH, SPEECH[:1600]):
            await connection.send_audio(sound)
            await connection.flush_audio()
            await until_done(events)
        await connection.close()

    assert heard == [SPEECH, SPEECH[:1600]]


async def test_interim_texts_come_while_somebody_speaks(sdk: Any, fake: MistralFake) -> None:
    connection = await connect(sdk)
    events = connection.events()
    await connection.send_audio(SPEECH)
    found = [await anext(events) for _ in range(3)]

    assert (found[-1].type, found[-1].text) == ("transcription.text.delta", "I")
    assert fake.realtime.requests[0].messages[-1][0] == "session.update"
    await connection.close()


async def test_an_utterance_on_a_broken_connection_is_understood_on_the_next(
    fake: MistralFake, sdk: Any
) -> None:
    """The client's stream ends with an exception of its websockets library."""
    from websockets.exceptions import ConnectionClosedError

    connection = await connect(sdk)
    events = connection.events()
    await connection.send_audio(SPEECH)
    await anext(events)
    fake.server.hang_up()
    with pytest.raises(ConnectionClosedError):
        await until_done(events)

    again = await connect(sdk)
    await again.send_audio(SPEECH)
    await again.flush_audio()

    assert (await until_done(again.events()))[-1].text == TEXTS[0]
    await again.close()


async def test_the_script_drops_the_websocket_within_an_utterance(
    fake: MistralFake, sdk: Any
) -> None:
    from websockets.exceptions import ConnectionClosedError

    fake.realtime.drop(after=2)
    connection = await connect(sdk)
    await connection.send_audio(SPEECH)
    await connection.flush_audio()

    with pytest.raises(ConnectionClosedError):
        await until_done(connection.events())


async def test_a_websocket_that_is_closed_with_an_error_is_the_same(
    fake: MistralFake, sdk: Any
) -> None:
    from websockets.exceptions import ConnectionClosedError

    fake.realtime.close(after=2)
    connection = await connect(sdk)
    await connection.send_audio(SPEECH)
    await connection.flush_audio()

    with pytest.raises(ConnectionClosedError, match="1011"):
        await until_done(connection.events())


@pytest.mark.parametrize("status", [401, 429, 503])
async def test_a_refused_websocket_is_the_clients_realtime_exception(
    status: int, fake: MistralFake, sdk: Any
) -> None:
    from mistralai.extra.exceptions import RealtimeTranscriptionException

    fake.realtime.fail(status)

    with pytest.raises(
        RealtimeTranscriptionException, match=f"server rejected WebSocket connection: HTTP {status}"
    ):
        await connect(sdk)


async def test_a_websocket_that_is_never_opened_is_a_timeout(fake: MistralFake, sdk: Any) -> None:
    from mistralai.extra.exceptions import RealtimeTranscriptionException

    fake.realtime.ignore()

    with pytest.raises(
        RealtimeTranscriptionException, match="Failed to connect: timed out during opening"
    ):
        await connect(sdk, timeout_ms=300)


async def test_a_websocket_that_never_greets_is_a_timeout(fake: MistralFake, sdk: Any) -> None:
    from mistralai.extra.exceptions import RealtimeTranscriptionException

    fake.realtime.stall()

    with pytest.raises(
        RealtimeTranscriptionException, match=r"Timeout waiting for session creation\."
    ):
        await connect(sdk, timeout_ms=300)


async def test_a_websocket_that_stalls_after_its_greeting_says_nothing_at_all(
    fake: MistralFake, sdk: Any
) -> None:
    """The client has no limit of its own here; the utterance comes with the recovery."""
    connection = await connect(sdk)
    events = connection.events()
    await anext(events)
    await anext(events)
    fake.realtime.stall()
    await connection.send_audio(SPEECH)
    await connection.flush_audio()
    waiting = asyncio.ensure_future(until_done(events))
    done, _ = await asyncio.wait([waiting], timeout=STALL_SECONDS)

    assert not done
    fake.realtime.recover()

    assert (await waiting)[-1].text == TEXTS[0]
    await connection.close()


async def test_silence_is_an_utterance_without_text(fake: MistralFake, sdk: Any) -> None:
    fake.realtime.silence()
    connection = await connect(sdk)
    await connection.send_audio(SPEECH)
    await connection.flush_audio()

    found = await until_done(connection.events())

    assert [each.text for each in found if each.type.startswith("transcription")] == [""]
    await connection.close()


async def test_speech_comes_in_pieces_of_floats(fake: MistralFake, sdk: Any) -> None:
    found = await speak(sdk)
    audio = b"".join(base64.b64decode(each.audio_data) for each in found[:-1])
    samples = np.frombuffer(audio, "<f4")

    assert [each.type for each in found] == ["speech.audio.delta"] * 6 + ["speech.audio.done"]
    assert found[-1].usage.completion_tokens == 2
    expected = np.frombuffer(murmur("two words", "", SPEECH_RATE_HZ), "<i2") / 32768
    assert np.allclose(samples, expected)
    assert fake.speech.requests[-1].body["voice_id"] == "en_paul_neutral"


async def test_speech_comes_as_a_file(sdk: Any) -> None:
    answer = await sdk.audio.speech.complete_async(input="two words", response_format="wav")

    with wave.open(io.BytesIO(base64.b64decode(answer.audio_data))) as file:
        assert file.getframerate() == SPEECH_RATE_HZ
        assert file.getnframes() == 0.6 * SPEECH_RATE_HZ


async def test_silent_speech_has_its_length_and_no_sound(fake: MistralFake, sdk: Any) -> None:
    fake.speech.silence()

    audio = b"".join(base64.b64decode(each.audio_data) for each in (await speak(sdk))[:-1])

    assert audio == bytes(4 * round(0.6 * SPEECH_RATE_HZ))


async def test_speech_is_refused_stalled_and_dropped_as_chats_are(
    fake: MistralFake, sdk: Any
) -> None:
    from mistralai.client.errors import SDKError

    fake.speech.then(Behaviour(status=429), stall_after(2), drop_after(2))

    with pytest.raises(SDKError, match="Status 429"):
        await speak(sdk)
    with pytest.raises(httpx.ReadTimeout):
        await speak(sdk, timeout_ms=100)
    with pytest.raises(httpx.RemoteProtocolError):
        await speak(sdk)


async def test_speech_that_ends_early_is_no_error_but_has_no_end(
    fake: MistralFake, sdk: Any
) -> None:
    fake.speech.close(after=2)

    assert [each.type for each in await speak(sdk)] == ["speech.audio.delta"] * 2


async def test_scripted_interims_come_at_their_time() -> None:
    utterance = Utterance("One two.", interims=((0.5, "One"),))
    async with (
        mistral_fake(utterance) as fake,
        client_module.Mistral(api_key=KEY, server_url=fake.url) as sdk,
    ):
        connection = await connect(sdk)
        events = connection.events()
        await connection.send_audio(SPEECH[: RATE_HZ // 2])
        early = asyncio.ensure_future(anext_delta(events))
        done, _ = await asyncio.wait([early], timeout=0.1)
        assert not done

        await connection.send_audio(SPEECH[: RATE_HZ // 2])

        assert (await early).text == "One"
        await connection.close()


async def anext_delta(events: AsyncIterator[Any]) -> Any:
    async for event in events:
        if event.type == "transcription.text.delta":
            return event
    raise AssertionError("no text came")
