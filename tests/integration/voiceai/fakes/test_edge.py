"""What the package edge-tts sees of the fake, well and in each trouble."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.support.fakes import edge_fake
from voiceai.fakes.behaviour import Behaviour, close_after, drop_after
from voiceai.fakes.edge import PIECE_BYTES, EdgeFake
from voiceai.fakes.ssml import read_ssml
from voiceai.fakes.voices import murmur

edge_tts = pytest.importorskip("edge_tts")
pytest.importorskip("lameenc", reason="the fake's MP3 needs lameenc")

VOICE = "de-DE-KatjaNeural"
TEXT = "Guten Tag und auf Wiederhören"
FRAME_BYTES = 144
"""Of MP3: 24 ms at 48 kbit/s."""

HEAD = b"\xff\xf3"
"""Of each frame: MPEG-2, layer III, no checksum."""


@pytest.fixture
async def fake() -> AsyncIterator[EdgeFake]:
    async with edge_fake(voices={VOICE}) as made:
        yield made


async def speak(text: str = TEXT, voice: str = VOICE, **more: Any) -> list[dict[str, Any]]:
    return [piece async for piece in edge_tts.Communicate(text, voice, **more).stream()]


def audio(pieces: list[dict[str, Any]]) -> bytes:
    return b"".join(piece["data"] for piece in pieces if piece["type"] == "audio")


async def test_a_text_comes_as_pieces_of_mp3(fake: EdgeFake) -> None:
    pieces = await speak()

    data = audio(pieces)
    spoken_ms = 1000 * len(murmur(TEXT, VOICE, 24_000)) / 48_000
    assert len(data) % FRAME_BYTES == 0
    assert {data[at : at + 2] for at in range(0, len(data), FRAME_BYTES)} == {HEAD}
    assert spoken_ms <= 24 * len(data) / FRAME_BYTES < spoken_ms + 100
    assert {len(piece["data"]) for piece in pieces[1:-1]} == {PIECE_BYTES}
    assert [piece["text"] for piece in pieces if piece["type"] == "SentenceBoundary"] == [TEXT]


async def test_words_come_with_their_times(fake: EdgeFake) -> None:
    pieces = await speak(boundary="WordBoundary", rate="+10%")

    words = [piece for piece in pieces if piece["type"] == "WordBoundary"]
    assert [word["text"] for word in words] == TEXT.split()
    assert [word["offset"] for word in words] == sorted({word["offset"] for word in words})
    spoken = read_ssml(fake.synthesis.requests[0].ssml)
    assert (spoken.text, spoken.rate) == (TEXT, "+10%")


async def test_the_voice_is_called_by_its_short_name() -> None:
    called: list[str] = []

    def note(text: str, voice: str, rate: int) -> bytes:
        called.append(voice)
        return murmur(text, voice, rate)

    async with edge_fake(speak=note):
        await speak()

    assert called == [VOICE]


async def test_the_address_alone_takes_the_place_of_the_services_own(fake: EdgeFake) -> None:
    import edge_tts.constants

    own = edge_tts.constants.WSS_URL

    assert own.replace("wss://speech.platform.bing.com", fake.url) == fake.websocket_url


async def test_the_voices_are_listed(fake: EdgeFake) -> None:
    assert VOICE in {voice["ShortName"] for voice in await edge_tts.list_voices()}


async def test_an_unknown_voice_is_no_audio(fake: EdgeFake) -> None:
    with pytest.raises(edge_tts.exceptions.NoAudioReceived, match="verify that your parameters"):
        await speak(voice="de-DE-NobodyNeural")


@pytest.mark.parametrize(("status", "times"), [(401, 1), (403, 2), (429, 1), (503, 1)])
async def test_a_refusal_is_an_error_of_the_handshake(
    status: int, times: int, fake: EdgeFake
) -> None:
    """Only 403 is tried again, with the clock set by the answer's date."""
    fake.synthesis.fail(status)

    with pytest.raises(aiohttp.WSServerHandshakeError, match="Invalid response status") as raised:
        await speak()

    assert raised.value.status == status
    assert fake.synthesis.count == times


async def test_a_connection_that_drops_at_once_is_no_audio(fake: EdgeFake) -> None:
    fake.synthesis.drop()

    with pytest.raises(edge_tts.exceptions.NoAudioReceived):
        await speak()


@pytest.mark.parametrize("trouble", [close_after(2), drop_after(2)])
async def test_a_connection_that_ends_later_is_no_error_but_a_text_cut_short(
    trouble: Behaviour, fake: EdgeFake
) -> None:
    """Whoever uses it must compare what came with what the boundaries told."""
    fake.synthesis.behave(trouble)

    assert len(audio(await speak())) == 2 * PIECE_BYTES


async def test_a_stall_is_no_error_of_the_package_at_all(fake: EdgeFake) -> None:
    """Its `receive_timeout` does not reach the websocket: 6 s with 1 s, measured once."""
    fake.synthesis.stall(after=2)
    speaking = asyncio.ensure_future(speak(receive_timeout=1))
    done, _ = await asyncio.wait([speaking], timeout=0.2)

    assert not done
    fake.synthesis.recover()

    assert len(audio(await speaking)) > 2 * PIECE_BYTES


async def test_silence_has_the_length_of_the_text(fake: EdgeFake) -> None:
    loud = audio(await speak())
    fake.synthesis.silence()
    quiet = audio(await speak())

    assert len(quiet) == len(loud)
    assert quiet != loud


async def test_a_server_that_is_gone_cannot_be_connected_to(fake: EdgeFake) -> None:
    await fake.server.stop()

    with pytest.raises(aiohttp.ClientConnectorError):
        await speak()
