"""Every codec across loopback, on each placement of the engine; each side has its own."""

import asyncio
import sys

import numpy as np
import pytest

from transports import Codec, RtpParams, StreamOptions, make_engine

PORTS = {"port_min": 19860, "port_max": 19899}
PLACEMENTS = ("inline", "process") if sys.platform == "linux" else ("inline",)
HERTZ = 1000
SECONDS = 0.6


def tone() -> bytes:
    angles = 2 * np.pi * HERTZ * np.arange(round(SECONDS * 8000)) / 8000
    pcm: bytes = np.rint(8000 * np.sin(angles)).astype("<i2").tobytes()
    return pcm


def share_of_tone(pcm: bytes) -> float:
    """Return how much of what is loud is the tone: 1 is all."""
    frames = np.frombuffer(pcm, "<i2").astype(float).reshape(-1, 160)
    loud = frames[np.sqrt(np.mean(frames**2, axis=1)) > 4000]
    angles = 2 * np.pi * HERTZ * np.arange(160) / 8000
    tones = loud @ np.exp(1j * angles) / 80
    assert len(loud) > SECONDS * 50 * 0.9
    return float(np.mean(np.abs(tones) ** 2 / 2) / np.mean(loud**2))


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize(
    ("here", "there"),
    [(Codec.G722, Codec.G722), (Codec.SLIN, Codec.ALAW), (Codec.G722, Codec.ULAW)],
    ids=["g722", "slin-and-alaw", "g722-and-ulaw"],
)
async def test_both_ends_hear_each_other(placement: str, here: Codec, there: Codec) -> None:
    params = RtpParams.model_validate({"placement": placement, **PORTS})
    engine = make_engine(params)
    await engine.start()
    one = await engine.open_stream(StreamOptions(codec=here, receive=there))
    other = await engine.open_stream(StreamOptions(codec=there, receive=here))
    heard: list[list[bytes]] = [[], []]
    one.subscribe(lambda frame: heard[0].append(frame.pcm))
    other.subscribe(lambda frame: heard[1].append(frame.pcm))
    one.connect((other.host, other.port))
    other.connect((one.host, one.port))

    await asyncio.gather(one.write(tone()), other.write(tone()))
    await asyncio.gather(one.drained(), other.drained())
    await asyncio.sleep(0.2)
    stats = [stream.stats.rejected for stream in (one, other)]
    await engine.close()

    assert (one.codec, one.receive_codec) == (here, there)
    assert [reasons.get("payload_type", 0) for reasons in stats] == [0, 0]
    assert min(share_of_tone(b"".join(frames)) for frames in heard) > 0.98
