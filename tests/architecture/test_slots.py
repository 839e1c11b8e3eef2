"""What a stream is made of is small: it is touched every 20 ms, and mostly not in the cache."""

import gc
import random
from collections import deque
from enum import Enum
from types import CellType, FunctionType, MethodType

import pytest

from transports.audio.codec import Codec
from transports.audio.endpointing import EndpointingParams
from transports.barge_in import BargeIn
from transports.caller_audio import CallerAudio
from transports.energy import EnergyScorer
from transports.inline.engine import InlineEngine
from transports.params import RtpParams
from transports.process.hosted import HostedStream
from transports.process.layout import SLOT_BYTES, Slot
from transports.process.stream import ProcessStream
from transports.rtp.packet import RtpPacket
from transports.rtp.session import RtpSession
from transports.vad import VoiceActivity

FOLLOWED = (list, tuple, set, dict, deque, MethodType, FunctionType, CellType)
"""Besides what is ours: what holds it."""

PEER = ("127.0.0.1", 4000)


def parts(whole: object) -> dict[int, object]:
    """Return everything of ours that an object leads to, itself included, by identity."""
    found: dict[int, object] = {}
    left, seen = [whole], set()
    while left:
        part = left.pop()
        is_ours = type(part).__module__.startswith("transports.")
        if id(part) in seen or not (is_ours or isinstance(part, FOLLOWED)):
            continue
        seen.add(id(part))
        if is_ours:
            found[id(part)] = part
        held = part.__closure__ if isinstance(part, FunctionType) else gc.get_referents(part)
        left.extend(held or ())
    return found


def with_dictionary(objects: dict[int, object]) -> set[str]:
    """Name the classes of those that have one; of an enumeration's members there is one each."""
    return {
        type(each).__qualname__
        for each in objects.values()
        if hasattr(each, "__dict__") and not isinstance(each, Enum)
    }


async def test_a_hosted_stream_has_no_dictionaries() -> None:
    """But what it has in common with all streams of its engine."""
    engine = InlineEngine(RtpParams(port_min=19990, port_max=19991))
    await engine.start()
    try:
        shared = parts(engine)
        stream = await engine.open_stream()
        slot = Slot(memoryview(bytearray(SLOT_BYTES)), key=1)
        hosted = HostedStream(stream, slot, lambda _: None, lambda *_: None)
        hosted.record()
        own = {place: part for place, part in parts(hosted).items() if place not in shared}

        assert len(own) > 20
        assert with_dictionary(own) == set()
        assert "InlineEngine" in with_dictionary(shared)
    finally:
        await engine.close()


@pytest.mark.parametrize("codec", Codec)
def test_a_session_has_no_dictionaries(codec: Codec) -> None:
    chance = random.Random(1)
    session = RtpSession(codec=codec, playout_delay=0.04, random=chance, inband_dtmf=True)
    session.connect(PEER)
    payload = codec.encode(bytes(320))
    packet = RtpPacket(codec.payload_type, 1, 160, 7, payload)

    assert session.receive(packet.serialize(), PEER, 1.0) is None
    assert with_dictionary(parts(session)) == set()


def test_what_hears_a_caller_has_no_dictionaries() -> None:
    """But the scorer, which is shared."""
    opened = {"host": "127.0.0.1", "port": 4000, "codec": "alaw", "receive_codec": "alaw"}
    slot = Slot(memoryview(bytearray(SLOT_BYTES)), key=1)
    stream = ProcessStream(slot, opened, lambda *_: None, lambda _: None)
    scorer = EnergyScorer()
    activity = VoiceActivity({"energy": lambda: scorer})
    heard = CallerAudio(activity.open(EndpointingParams(), model="energy"), None)
    barge_in = BargeIn(stream)
    barge_in.allow(hold=True)
    shared = parts(scorer)

    own = parts((stream, heard, barge_in))

    assert len(own) > 10
    assert with_dictionary({at: part for at, part in own.items() if at not in shared}) == set()
