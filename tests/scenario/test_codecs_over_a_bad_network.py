"""Each codec on a simulated network: on time, whole, and not spoilt by packets out of order."""

import random

import numpy as np
import pytest
from numpy.typing import NDArray

from transports.audio.codec import Codec
from transports.netem import GilbertElliott, Impairments, Network
from transports.rtp.packet import RtpPacket
from transports.rtp.session import RtpSession
from transports.rtp.stats import StreamStats

TICK = 0.02
FRAME = 160
SECONDS = 30
PEER = ("192.0.2.1", 10000)
CODING_DELAY = {Codec.G722: 35, Codec.SLIN16: 24}
"""Samples that coding and decoding add."""


def conversation() -> NDArray[np.float64]:
    """Return noise of 300 to 3400 Hz at -20 dBFS."""
    count = SECONDS * 8000
    spectrum = np.fft.rfft(np.random.default_rng(1).normal(size=count))
    hertz = np.fft.rfftfreq(count, 1 / 8000)
    spectrum[(hertz < 300) | (hertz > 3400)] = 0
    signal = np.fft.irfft(spectrum, count)
    said: NDArray[np.float64] = np.rint(signal / np.sqrt(np.mean(signal**2)) * 3277)
    return said


def call(codec: Codec, impairments: Impairments) -> tuple[StreamStats, NDArray[np.float64]]:
    """Send half a minute to a session that answers in A-law.

    Returns:
        What it counted, and the signal-to-noise ratio of each frame in dB.
    """
    said = conversation()
    encoder = codec.encoder()
    network = Network(impairments, random.Random(1))
    receiving = RtpSession(
        codec=Codec.ALAW, receive=codec, playout_delay=0.06, random=random.Random(2)
    )
    receiving.connect(PEER)
    step = FRAME * codec.clock_rate // 8000
    played = []
    for tick, frame in enumerate(said.reshape(-1, FRAME)):
        now = 1000 + tick * TICK
        timestamp = (2**32 - 3000 + tick * step) % 2**32
        payload = encoder.encode(frame.astype("<i2").tobytes())
        packet = RtpPacket(codec.payload_type, (65_000 + tick) % 2**16, timestamp, 7, payload)
        network.send(packet.serialize(), now)
        for arrived_at, datagram in network.receive(now):
            receiving.receive(datagram, PEER, arrived_at)
        played.append(np.frombuffer(receiving.frame(now).pcm, "<i2").astype(float))
    return receiving.stats(), clearness(said, np.concatenate(played), CODING_DELAY.get(codec, 0))


def clearness(
    said: NDArray[np.float64], heard: NDArray[np.float64], coding_delay: int
) -> NDArray[np.float64]:
    """Return the signal-to-noise ratio of each frame, at the delay that fits best."""
    middle = slice(80_000, 88_000)
    delays = [coding_delay + FRAME * frames for frames in range(12)]
    errors = [np.mean((heard[middle] - np.roll(said, delay)[middle]) ** 2) for delay in delays]
    expected = np.roll(said, delays[int(np.argmin(errors))])
    error = (heard - expected).reshape(-1, FRAME)[25:]
    power = expected.reshape(-1, FRAME)[25:]
    ratio = np.mean(power**2, axis=1) / (np.mean(error**2, axis=1) + 1e-3)
    decibels: NDArray[np.float64] = 10 * np.log10(ratio)
    return decibels


@pytest.mark.parametrize("codec", list(Codec))
def test_on_a_good_network_nothing_is_added_and_nothing_lost(codec: Codec) -> None:
    stats, clear = call(codec, Impairments(delay=0.05))

    assert stats.rejected == {}
    assert stats.concealed == 0
    assert stats.jitter_s < 0.001
    assert clear.min() > 28


@pytest.mark.parametrize("codec", list(Codec))
def test_packets_that_overtake_spoil_at_most_those_that_did(codec: Codec) -> None:
    stats, clear = call(codec, Impairments(delay=0.05, reorder=0.05, reorder_delay=0.025))

    assert stats.reordered > 40
    assert stats.concealed == 0
    assert np.sum(clear < 20) <= (1.2 * stats.reordered if codec.has_state else 0)


@pytest.mark.parametrize("codec", list(Codec))
def test_a_lost_packet_spoils_at_most_two_more(codec: Codec) -> None:
    stats, clear = call(codec, Impairments(delay=0.05, loss=0.03))

    assert stats.lost > 30
    assert np.sum(clear < 20) <= 3 * stats.lost


@pytest.mark.parametrize("codec", list(Codec))
def test_bursts_of_losses_are_concealed_whatever_the_codec(codec: Codec) -> None:
    """A decoder that lost its place finds it again with the next packets, and nothing cracks."""
    bursts = GilbertElliott(enter=0.1 * 0.4 / 0.9, leave=0.4)

    stats, clear = call(codec, Impairments(delay=0.05, bursts=bursts))

    assert 0.05 < stats.lost / (stats.lost + stats.received) < 0.15
    assert stats.rejected == {}
    assert 0.8 * stats.lost < stats.concealed + stats.noise < 1.3 * stats.lost + 10
    assert np.mean(clear > 15) > 0.7
    assert clear.min() > -12
