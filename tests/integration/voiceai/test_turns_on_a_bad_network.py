"""The layout that ships, on a socket: a turn begins and ends, whatever the network does."""

import asyncio
from typing import Literal

import pytest

from pipelines.resources import Resources
from tests.support.bad_network import BAD, Path
from tests.support.speech import prompt
from transports.audio.codec import Codec
from transports.engine import MediaEngine, make_engine
from transports.netem import Impairments
from transports.params import RtpParams
from voiceai.bench.rtp_line import RtpLine
from voiceai.bench.stub_conversation import StubServices, open_conversation

PORT = 18_900
TURN_SECONDS = 6.0
SENTENCES = (("en", "check-number-dial-again"), ("de", "queue-thankyou"))


class Counted(StubServices):
    """Tells who waits of each turn."""

    def __init__(self, resources: Resources, engine: MediaEngine) -> None:
        super().__init__(resources, engine)
        self.ended: asyncio.Queue[str] = asyncio.Queue()

    def caller_turn(self, text: str, *, started_at: float | None) -> None:
        super().caller_turn(text, started_at=started_at)
        self.ended.put_nowait(text)


@pytest.mark.parametrize(
    ("placement", "smart_turn", "impairments"),
    [
        pytest.param("inline", False, BAD, id="inline-bad-network-silence"),
        pytest.param("process", True, BAD, id="process-bad-network"),
    ],
)
async def test_each_sentence_is_a_turn_that_begins_and_ends(
    placement: Literal["inline", "process"], smart_turn: bool, impairments: Impairments
) -> None:
    engine = make_engine(RtpParams(port_min=PORT, port_max=PORT + 99, placement=placement))
    resources = Resources()
    services = Counted(resources, engine)
    await engine.start()
    stream = await engine.open_stream()
    line = await RtpLine.open("127.0.0.1")
    stream.connect((line.host, line.port))
    line.connect((stream.host, stream.port), Codec.ALAW)
    line.impairment = Path(impairments, seed=3)

    try:
        async with open_conversation(services, stream, 1, smart_turn=smart_turn):
            for language, name in SENTENCES:
                await line.play(bytes(8000) + prompt(language, name).pcm)
                async with asyncio.timeout(TURN_SECONDS):
                    assert await services.ended.get()
    finally:
        line.close()
        await engine.close()
        resources.close()

    assert services.turns == len(SENTENCES)
    assert services.ended.empty()
