"""The receiver: one frame per tick, whatever is lost, late or out of order."""

import numpy as np
import pytest

from tests.support.rtp_peer import FRAME, PEER, STRANGER, TICK, Peer, tone
from transports.audio.codec import Codec
from transports.audio.comfort_noise import ComfortNoise
from transports.audio.level import level_dbfs
from transports.rtp.packet import RtpPacket
from transports.rtp.receiver import Receiver
from transports.rtp.source import Rejection


def test_plays_noise_before_the_first_packet() -> None:
    kind, pcm = Peer().tick()

    assert kind == "noise"
    assert level_dbfs(pcm) < -60


def test_plays_what_was_sent_after_the_delay() -> None:
    played = Peer().talk(range(50))

    assert [kind for kind, _ in played] == ["noise"] * 2 + ["audio"] * 48
    assert [pcm for _, pcm in played[3:]] == [tone(number) for number in range(1, 48)]


def test_says_when_a_frame_arrived() -> None:
    peer = Peer()
    arrivals = []
    for number in range(6):
        peer.send(tone(number))
        arrivals.append(peer.receiver.frame(peer.now).arrived_at)
        peer.now += TICK

    assert arrivals == pytest.approx([None, None, 500.0, 500.02, 500.04, 500.06])


def test_a_lost_packet_is_concealed_by_the_tone_around_it() -> None:
    peer = Peer()
    peer.talk(range(20))
    peer.packet(tone(20))
    peer.tick()
    played = peer.talk(range(21, 26))

    kinds = [kind for kind, _ in played]
    assert kinds == ["audio", "concealed", "audio", "audio", "audio"]
    assert level_dbfs(played[1][1]) == pytest.approx(level_dbfs(tone(20)), abs=1)
    assert peer.receiver.packets.lost == 1
    assert peer.receiver.played["concealed"] == 1


@pytest.mark.parametrize("lost", [{10}, {10, 11}, {10, 12}])
def test_what_waits_behind_a_hole_is_played_untouched(lost: set[int]) -> None:
    """The hole was led up to it, since it had arrived."""
    peer = Peer(delay=0.06)
    sent = [tone(number, 4000 + 200 * number) for number in range(20)]
    played = []

    for number, pcm in enumerate(sent):
        datagram = peer.packet(pcm)
        if number not in lost:
            peer.receiver.receive(datagram, PEER, peer.now)
        played.append(peer.tick()[1])

    behind = max(lost) + 1
    hole = np.frombuffer(played[played.index(sent[behind]) - 1], np.int16)
    assert np.corrcoef(hole, np.frombuffer(sent[behind - 1], np.int16))[0, 1] > 0.97


def test_a_silent_peer_fades_to_noise_and_is_heard_again() -> None:
    peer = Peer()
    peer.talk(range(20))

    kinds = [peer.tick()[0] for _ in range(10)]
    again = [kind for kind, _ in peer.talk(range(20, 24))]

    assert kinds == ["audio"] * 2 + ["concealed"] * 3 + ["noise"] * 5
    assert again == ["noise"] * 2 + ["audio"] * 2


def test_dtmf_of_the_caller_is_no_loss() -> None:
    """Asterisk takes the digit out: numbers go on, the timestamp jumps by thousands of samples."""
    peer = Peer()
    peer.talk(range(20))
    peer.timestamp += 4800

    played = peer.talk(range(20, 30))

    assert {kind for kind, _ in played} == {"audio"}
    assert [pcm for _, pcm in played[2:]] == [tone(number) for number in range(20, 28)]
    assert peer.receiver.packets.lost == 0
    assert peer.receiver.jitter < 0.001


def test_a_duplicate_is_played_once() -> None:
    peer = Peer()
    for number in range(30):
        packet = peer.packet(tone(number))
        assert peer.receiver.receive(packet, PEER, peer.now) is None
        assert peer.receiver.receive(packet, PEER, peer.now) is None
        kind, pcm = peer.tick()
    for _ in range(3):
        peer.tick()
    peer.receiver.receive(packet, PEER, peer.now)

    assert (kind, pcm) == ("audio", tone(27))
    assert (peer.receiver.packets.received, peer.receiver.packets.duplicates) == (30, 31)
    assert peer.receiver.late == 0


def test_reordered_packets_are_played_in_order() -> None:
    peer = Peer()
    peer.talk(range(10))
    first, second = peer.packet(tone(10)), peer.packet(tone(11))
    peer.receiver.receive(second, PEER, peer.now)
    peer.receiver.receive(first, PEER, peer.now)
    peer.tick()
    peer.tick()

    played = peer.talk(range(12, 15))

    assert [pcm for _, pcm in played] == [tone(10), tone(11), tone(12)]
    assert peer.receiver.packets.reordered == 1


def test_a_late_packet_is_counted_and_does_not_disturb() -> None:
    peer = Peer()
    peer.talk(range(10))
    late = peer.packet(tone(10))
    peer.talk(range(11, 15))

    peer.receiver.receive(late, PEER, peer.now)
    played = peer.talk(range(15, 18))

    assert peer.receiver.late == 1
    assert [pcm for _, pcm in played] == [tone(13), tone(14), tone(15)]


def test_a_new_source_starts_a_new_buffer_after_probation() -> None:
    peer = Peer()
    peer.talk(range(20))
    peer.ssrc, peer.number, peer.timestamp = 78, 5, 12345
    for _ in range(2):  # an irregular end of the first source
        peer.now += 0.05

    rejections = [peer.send(tone(number)) for number in range(5)]

    assert rejections == [Rejection.PROBATION, None, None, None, None]
    assert peer.receiver.sources == 2
    played = [peer.tick() for _ in range(8)]
    assert [pcm for kind, pcm in played if kind == "audio"][1:4] == [tone(2), tone(3), tone(4)]
    assert peer.receiver.packets.received == 24
    assert peer.receiver.packets.lost == 0


def test_half_frames_and_holes_add_up_to_whole_frames() -> None:
    peer = Peer()
    for number in range(60):
        pcm = tone(number)
        first, second = peer.packet(pcm[:160]), peer.packet(pcm[160:])
        peer.receiver.receive(first, PEER, peer.now)
        if number % 5:
            peer.receiver.receive(second, PEER, peer.now)
        peer.tick()

    assert peer.receiver.played["audio"] == 59
    assert peer.receiver.packets.lost == 12


def test_a_new_source_has_a_jitter_of_its_own() -> None:
    peer = Peer()
    for number in range(40):
        peer.now += 0.01 * (number % 2)
        peer.talk(range(number, number + 1))
    assert peer.receiver.jitter > 0.004
    peer.ssrc += 1

    peer.talk(range(6))

    assert peer.receiver.sources == 2
    assert peer.receiver.jitter == pytest.approx(0.0, abs=1e-9)


def test_a_new_source_goes_by_the_agreed_clock_until_its_first_audio() -> None:
    receiver = Receiver(
        delay=0.04, noise=ComfortNoise(), codecs=(Codec.SLIN16,), telephone_event=101
    )
    clock_rates = []

    for number, (address, payload_type, size) in enumerate(
        [(PEER, 8, FRAME), (STRANGER, 101, 4), (STRANGER, 8, FRAME)]
    ):
        receiver.expect(address)
        packet = RtpPacket(payload_type, number, FRAME * number, 7, bytes(size))
        assert receiver.receive(packet.serialize(), address, 500.0) is None
        assert receiver.reception is not None
        clock_rates.append(receiver.reception.clock_rate)

    assert clock_rates == [8000, 16000, 8000]
