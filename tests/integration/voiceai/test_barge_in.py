"""Callers who speak over the assistant: over UDP, through engine, detector and pipeline.

Recognition, answers and voice are stubs; the voice is a recording: its echo is one of speech.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final, Literal, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.resources import Resources
from tests.support.availability import have_or_skip
from tests.support.speech import english_prompts
from tests.support.waiting import until
from transports.audio.codec import Codec
from transports.audio.g711 import Alaw
from transports.engine import make_engine
from transports.media import MediaStream
from transports.params import RtpParams
from transports.rtp.packet import RtpPacket
from voiceai.bench.rtp_line import RtpLine
from voiceai.bench.stub_conversation import StubServices, open_conversation
from voiceai.bench.track import SPEECH_DBFS, level_dbfs

RATE: Final = 8000
SLOT: Final = 160
PATH: Final = 60
"""Samples of the hybrid's impulse response."""
TORN: Final = 3
"""Packets that a busy machine may let come late: noise is between their samples then."""
PORT: Final = 29200
BEFORE: Final = "number-not-answering"


def recording(name: str) -> bytes:
    prompts = {prompt.name: prompt.pcm for prompt in have_or_skip(english_prompts)}
    return prompts[name]


class Recorded:
    """A voice that says everything in the words of one recording."""

    name = "recorded"
    sample_rate = RATE

    def __init__(self, pcm: bytes) -> None:
        samples = np.frombuffer(pcm, "<i2").astype(np.float32)
        self._samples = (samples / np.float32(32768)).astype(np.float32)

    def synthesize(self, text: str) -> NDArray[np.float32]:
        del text
        return self._samples


class Hybrid(RtpLine):
    """A line that says nothing but what it is told, 60 ms later and `loss_db` lower."""

    loss_db = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._back = cast("asyncio.DatagramTransport", transport)
        self._told = np.zeros(PATH - 1)
        self._late = deque([bytes(2 * SLOT)] * 3)
        self._sent = 0

    def datagram_received(self, data: bytes, address: tuple[str | Any, int]) -> None:
        super().datagram_received(data, address)
        told = np.frombuffer(Alaw().decode(RtpPacket.parse(data).payload), "<i2")
        n = np.arange(PATH)
        path = np.exp(-n / 10) * np.sin(0.9 * n + 0.4)
        path *= 10 ** (-self.loss_db / 20) / np.sqrt(np.sum(path**2))
        known = np.concatenate((self._told, told))
        self._told = known[-PATH + 1 :]
        back = np.convolve(known, path, "valid").clip(-32768, 32767).astype("<i2")
        self._late.append(back.tobytes())
        payload = Alaw().encode(self._late.popleft())
        packet = RtpPacket(8, self._sent & 0xFFFF, self._sent * SLOT, 7, payload)
        self._sent += 1
        self._back.sendto(packet.serialize(), address)


class Call:
    """A telephone in a call with an assistant who has begun to speak."""

    def __init__(self, line: RtpLine, stream: MediaStream, services: StubServices) -> None:
        self.line = line
        self.stream = stream
        self.services = services

    def heard(self) -> bytes:
        """Return all samples heard so far."""
        return Alaw().decode(b"".join(packet.payload for packet in self.line.heard.packets))

    async def until_played(self, samples: int, within: float = 8.0) -> None:
        await until(lambda: self.stream.played_samples >= samples, within)


Placement = Literal["inline", "process"]
PLACEMENTS = pytest.mark.parametrize("placement", ["inline", "process"])


@contextlib.asynccontextmanager
async def call(
    voice: bytes, understood: str, placement: Placement, line: RtpLine | None = None
) -> AsyncIterator[Call]:
    """Let an assistant say a sentence; what the caller says is understood like this."""
    resources = Resources()
    engine = make_engine(RtpParams(port_min=PORT, port_max=PORT + 99, placement=placement))
    await engine.start()
    services = StubServices(resources, engine, voice=Recorded(voice))
    services.understood = understood
    line = line or await RtpLine.open("127.0.0.1")
    try:
        stream = await engine.open_stream()
        stream.connect((line.host, line.port))
        if not isinstance(line, Hybrid):
            line.connect((stream.host, stream.port), Codec.ALAW)
        async with open_conversation(services, stream, 0, smart_turn=False) as conversation:
            await conversation.say("Something.")
            yield Call(line, stream, services)
    finally:
        line.close()
        await engine.close()
        resources.close()


def cough(milliseconds: int) -> bytes:
    """Return the beginning of a word."""
    pcm = recording(BEFORE)
    loud = next(
        at
        for at in range(0, len(pcm), 2 * SLOT)
        if level_dbfs(pcm[at : at + 2 * SLOT]) > SPEECH_DBFS + 15
    )
    return pcm[loud : loud + 16 * milliseconds]


def places(line: bytes, answer: bytes, slots: Iterable[int]) -> list[int]:
    """Return, for each slot of the answer, how often it was heard unchanged."""
    return [line.count(answer[2 * SLOT * slot : 2 * SLOT * (slot + 1)]) for slot in slots]


def loud_slots(pcm: bytes) -> list[int]:
    slots = range(len(pcm) // (2 * SLOT))
    return [
        slot
        for slot in slots
        if level_dbfs(pcm[2 * SLOT * slot : 2 * SLOT * (slot + 1)]) > SPEECH_DBFS + 10
    ]


def long_voice() -> bytes:
    pcm = recording("vm-nobodyavail") + recording("conf-locked")
    return Alaw().decode(Alaw().encode(pcm[: len(pcm) // (2 * SLOT) * 2 * SLOT]))


@PLACEMENTS
async def test_after_a_cough_the_answer_goes_on_where_it_was_held(placement: Placement) -> None:
    voice = long_voice()
    slots = loud_slots(voice)
    async with call(voice, understood="", placement=placement) as talk:
        await talk.until_played(RATE)
        await talk.line.play(cough(220))
        await talk.line.wait_for_silence(1.5, 15)

        heard = talk.heard()

    unchanged = places(heard, voice, slots)
    assert unchanged.count(0) <= 0.1 * RATE / SLOT, "lowered, or faded in: no more than 100 ms"
    assert unchanged.count(0) >= 1, "nothing was lowered"
    assert max(unchanged) == 1
    assert talk.services.turns == 0
    first = unchanged.index(1)
    last = len(unchanged) - 1 - unchanged[::-1].index(1)
    begun, ended = (
        heard.find(voice[2 * SLOT * slots[index] : 2 * SLOT * (slots[index] + 1)])
        for index in (first, last)
    )
    held = (ended - begun) / 2 - SLOT * (slots[last] - slots[first])
    assert 0.1 * RATE < held < 1.2 * RATE


@PLACEMENTS
async def test_a_word_ends_the_answer_at_once(placement: Placement) -> None:
    voice = long_voice()
    async with call(voice, understood="stop", placement=placement) as talk:
        await talk.until_played(RATE)
        played = await talk.line.play(cough(250))
        await until(lambda: talk.services.turns, within=3)
        await asyncio.sleep(0.3)

        assert played.speech_started_at is not None
        silent = talk.line.heard.last_speech_before()

    assert silent is not None
    assert silent - played.speech_started_at < 0.3
    assert talk.stream.played_samples < 1.3 * RATE


@pytest.mark.parametrize(
    ("placement", "loss_db"),
    [("inline", 6.0), ("process", 12.0)],
)
async def test_its_own_voice_on_a_hybrid_line_does_not_disturb_the_assistant(
    placement: Placement, loss_db: float
) -> None:
    voice = long_voice()
    line = await Hybrid.open("127.0.0.1")
    line.loss_db = loss_db
    async with call(voice, "I would like", placement, line) as talk:
        await line.wait_for_silence(0.6, 15)

        heard = talk.heard()

    unchanged = places(heard, voice, loud_slots(voice))
    assert unchanged.count(0) <= TORN, "lowered, held or interrupted"
    assert talk.services.turns == 0
