"""Speech of a service that knows no 8 kHz, from Pipecat's frames to the packets of the call."""

import asyncio
import socket
from collections.abc import Iterator

import numpy as np
import pytest
from pipecat.frames.frames import EndFrame, Frame, TTSAudioRawFrame, TTSStoppedFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner

from transports.audio.codec import Codec
from transports.barge_in import BargeIn
from transports.engine import make_engine
from transports.params import RtpParams
from transports.pipecat_transport import RtpOutput
from transports.rtp.packet import RtpPacket

RATE = 8000
PORT = 18_600
DELAY_SAMPLES = 12


class NoDigits:
    async def send_digits(self, digits: str) -> None:
        del digits


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(0)
        yield peer


async def sent(frames: list[Frame], peer: socket.socket) -> bytes:
    """Return what the packets hold from the first with speech on: 16-bit samples at 8 kHz."""
    engine = make_engine(RtpParams(port_min=PORT, port_max=PORT + 99, codec=Codec.SLIN))
    await engine.start()
    stream = await engine.open_stream()
    stream.connect(peer.getsockname())
    params = TransportParams(
        audio_out_enabled=True,
        audio_out_sample_rate=RATE,
        audio_out_10ms_chunks=2,
        audio_out_end_silence_secs=0,
    )
    worker = PipelineWorker(
        Pipeline([RtpOutput(params, stream, NoDigits(), BargeIn(stream))]),
        params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
        enable_rtvi=False,
        enable_turn_tracking=False,
        idle_timeout_secs=None,
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await worker.queue_frames([*frames, TTSStoppedFrame(), EndFrame()])
    await asyncio.wait_for(runner.run(), 10)
    await stream.drained()
    await engine.close()
    heard = b""
    while True:
        try:
            packet = RtpPacket.parse(peer.recv(2000))
        except BlockingIOError:
            return heard
        if heard or packet.marker:
            heard += Codec.SLIN.decode(packet.payload)


@pytest.mark.parametrize(("rate", "piece"), [(24_000, 1001), (16_000, 480), (48_000, 4800)])
async def test_speech_of_another_rate_comes_out_whole_and_one_and_a_half_milliseconds_late(
    peer: socket.socket, rate: int, piece: int
) -> None:
    seconds = 0.4
    angles = 2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate
    pcm = np.rint(8000 * np.sin(angles)).astype("<i2").tobytes()
    pieces = [pcm[at : at + 2 * piece] for at in range(0, len(pcm), 2 * piece)]

    heard = await sent([TTSAudioRawFrame(part, rate, 1) for part in pieces], peer)

    samples = np.frombuffer(heard, "<i2")[: round(seconds * RATE)].astype(float)
    times = (np.arange(len(samples)) - DELAY_SAMPLES) / RATE
    expected = 8000 * np.sin(2 * np.pi * 440 * times)
    assert len(samples) == seconds * RATE
    assert np.abs(samples - expected)[40:].max() <= 16
    padding = np.frombuffer(heard, "<i2")[round(seconds * RATE) :]
    assert np.abs(padding.astype(int)).max(initial=0) < 200


async def test_nothing_of_an_utterance_is_heard_in_the_next(peer: socket.socket) -> None:
    loud = TTSAudioRawFrame(np.full(2400, 12000, "<i2").tobytes(), 24_000, 1)
    silent = TTSAudioRawFrame(bytes(4800), 24_000, 1)

    heard = await sent([loud, TTSStoppedFrame(), silent], peer)

    samples = np.frombuffer(heard, "<i2").astype(int)
    assert np.abs(samples[:800]).max() > 10_000
    assert np.abs(samples[800:1600]).max() < 200
