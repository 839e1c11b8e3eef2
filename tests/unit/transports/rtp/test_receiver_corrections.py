"""The receiver: how a delay that has grown or shrunk is put right, and that nobody hears it."""

import numpy as np
import pytest

from tests.support.rtp_peer import FRAME, PEER, TICK, Peer, tone
from transports.audio.comfort_noise import ComfortNoise
from transports.rtp.receiver import Receiver
from transports.rtp.spread import PlayoutRange


@pytest.mark.parametrize("off", [-3, -1, 1, 3, 8])
def test_timestamps_that_all_but_fit_on_are_no_holes_and_no_growing_delay(off: int) -> None:
    peer = Peer()
    peer.receiver = Receiver(delay=PlayoutRange(0.02, 0.08), noise=ComfortNoise())
    peer.receiver.expect(PEER)
    kinds = []
    for number in range(1000):
        kinds += [kind for kind, _ in peer.talk(range(number, number + 1))]
        peer.timestamp += off
        if number % 50 > 40:
            peer.send(bytes(320))  # a pause, for corrections
            peer.receiver.frame(peer.now)
            peer.now += TICK

    assert set(kinds[5:]) == {"audio"}
    assert peer.receiver.playout_delay is not None
    assert peer.receiver.playout_delay < 0.13


def drifting(ppm: float, seconds: int, pcm: bytes) -> Peer:
    """Play a peer whose clock is ``ppm`` millionths fast; constant content."""
    peer = Peer()
    arrival = peer.now
    end = peer.now + seconds
    while peer.now < end:
        while arrival <= peer.now:
            peer.receiver.receive(peer.packet(pcm), PEER, arrival)
            arrival += TICK / (1 + ppm / 1e6)
        peer.tick()
    return peer


@pytest.mark.parametrize("amplitude", [30.0, 8000.0])
def test_a_fast_sender_does_not_make_the_delay_grow(amplitude: float) -> None:
    peer = drifting(ppm=2000, seconds=60, pcm=tone(0, amplitude))

    assert peer.receiver.buffered_samples <= 4 * FRAME
    assert 4 <= peer.receiver.hastened <= 7  # 120 ms gained in a minute
    assert peer.receiver.delayed == 0
    assert peer.receiver.played["concealed"] == 0
    assert peer.receiver.evicted == peer.receiver.late == 0


@pytest.mark.parametrize("amplitude", [30.0, 8000.0])
def test_a_slow_sender_does_not_starve_us(amplitude: float) -> None:
    peer = drifting(ppm=-2000, seconds=60, pcm=tone(0, amplitude))

    assert 4 <= peer.receiver.delayed <= 7
    assert peer.receiver.hastened == 0
    assert peer.receiver.late == 0
    assert peer.receiver.played["concealed"] + peer.receiver.played["noise"] <= 9


def hurried(pieces: list[bytes]) -> tuple[Peer, list[bytes]]:
    """Play a path that becomes 40 ms shorter after a second; return what was played then.

    Three packets come at once, and the rest on time: the delay is 40 ms too long.
    """
    peer = Peer()
    peer.talk(range(50))
    played = []
    for number, pcm in enumerate(pieces):
        if number < 2:
            peer.send(pcm)
        peer.send(pcm)
        played.append(peer.tick()[1])
    return peer, played


def test_a_pause_is_preferred_for_a_correction() -> None:
    """In speech, nothing is cut until the pause comes."""
    spoken, _ = hurried([tone(number) for number in range(40)])
    paused, _ = hurried([tone(number) for number in range(10)] + [tone(0, 30)] * 10)

    assert spoken.receiver.hastened == 0
    assert paused.receiver.hastened >= 1


def test_a_burst_after_a_stall_is_played_and_its_delay_taken_back() -> None:
    peer = Peer()
    peer.talk(range(50))
    stalled = [peer.packet(tone(number)) for number in range(50, 60)]
    for _ in range(10):
        peer.tick()
    for packet in stalled:
        peer.receiver.receive(packet, PEER, peer.now)
    assert peer.receiver.buffered_samples >= 7 * FRAME

    peer.talk(range(60, 160))

    assert peer.receiver.buffered_samples <= 4 * FRAME
    assert peer.receiver.hastened >= 5
    assert peer.receiver.packets.lost == 0


def test_nothing_is_left_out_next_to_a_hole() -> None:
    """A delay 40 ms too long, in a pause, but every second packet is lost."""
    peer = Peer()
    for number in range(2):
        peer.send(tone(number, amplitude=30))
    for number in range(2, 200):
        packet = peer.packet(tone(number, amplitude=30))
        if number % 2:
            peer.receiver.receive(packet, PEER, peer.now)
        peer.tick()

    assert peer.receiver.hastened == 0


@pytest.mark.parametrize("ppm", [2000, -2000])
def test_no_correction_makes_a_click(ppm: int) -> None:
    """Twenty milliseconds of 110 Hz are no whole number of periods, nor is half of them."""
    angle = 2 * np.pi * 110 * np.arange(8000) / 8000
    periodic = (8000 * np.sin(angle)).astype(np.int16)
    peer = Peer()
    arrival = peer.now
    played = b""
    number = 0
    for _ in range(3000):
        while arrival <= peer.now:
            start = FRAME * (number % 50)
            packet = peer.packet(periodic[start : start + FRAME].tobytes())
            peer.receiver.receive(packet, PEER, arrival)
            arrival += TICK / (1 + ppm / 1e6)
            number += 1
        played += peer.tick()[1]

    steps = np.abs(np.diff(np.frombuffer(played, np.int16).astype(int)))
    assert peer.receiver.hastened + peer.receiver.delayed >= 4
    assert peer.receiver.played["concealed"] == 0
    assert steps[FRAME * 4 :].max() <= 1.3 * np.abs(np.diff(periodic.astype(int))).max()
