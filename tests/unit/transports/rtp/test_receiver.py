"""The receiver: one frame per tick, whatever comes."""

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transports.audio.codec import LAWS, Codec
from transports.audio.comfort_noise import ComfortNoise
from transports.audio.level import level_dbfs
from transports.rtp.packet import RtpPacket
from transports.rtp.receiver import Receiver
from transports.rtp.rtcp import SenderReport, serialize_compound
from transports.rtp.source import Rejection
from transports.rtp.spread import PlayoutRange

PEER = ("192.0.2.1", 20002)
STRANGER = ("192.0.2.66", 20002)
TICK = 0.02
FRAME = 160


def tone(number: int, amplitude: float = 8000.0) -> bytes:
    """Return frame ``number`` of a 200 Hz tone, as the codec delivers it."""
    angle = 2 * np.pi * 200 * np.arange(FRAME * number, FRAME * (number + 1)) / 8000
    return Codec.ALAW.decode(
        Codec.ALAW.encode((amplitude * np.sin(angle)).astype(np.int16).tobytes())
    )


class Peer:
    """A far side that sends a packet per tick to a receiver under test."""

    def __init__(self, *, delay: float = 0.04, number: int = 0xFFF8) -> None:
        self.receiver = Receiver(delay=delay, noise=ComfortNoise())
        self.receiver.expect(PEER)
        self.number = number
        self.timestamp = 0xFFFFF000
        self.ssrc = 77
        self.codec = Codec.ALAW
        self.now = 500.0

    def packet(self, pcm: bytes, **fields: object) -> bytes:
        """Make the next packet."""
        packet = RtpPacket(
            fields.get("payload_type", self.codec.payload_type),  # type: ignore[arg-type]  # test
            self.number & 0xFFFF,
            self.timestamp & 0xFFFFFFFF,
            self.ssrc,
            self.codec.encode(pcm),
        )
        self.number += 1
        self.timestamp += len(pcm) // 2
        return packet.serialize()

    def send(self, pcm: bytes, **fields: object) -> Rejection | None:
        return self.receiver.receive(self.packet(pcm, **fields), PEER, self.now)

    def tick(self) -> tuple[str, bytes]:
        frame = self.receiver.frame(self.now)
        self.now += TICK
        assert len(frame.pcm) == 320
        return frame.kind, frame.pcm

    def talk(self, frames: range) -> list[tuple[str, bytes]]:
        """Send and tick; return what was played."""
        played = []
        for number in frames:
            self.send(tone(number))
            played.append(self.tick())
        return played


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


@pytest.mark.parametrize("law", LAWS)
def test_either_law_is_understood_by_its_payload_type(law: Codec) -> None:
    peer = Peer()
    peer.codec = law
    rng = np.random.default_rng(2)
    pcm = law.decode(rng.integers(0, 256, FRAME, np.uint8).tobytes())

    for _ in range(10):
        peer.send(pcm)
        played = peer.tick()

    assert played == ("audio", pcm)


@pytest.mark.parametrize("payload_type", [3, 9, 101, 118])
def test_other_payload_types_are_dropped_and_are_no_loss(payload_type: int) -> None:
    peer = Peer()
    peer.talk(range(10))

    assert peer.send(bytes(320), payload_type=payload_type) is Rejection.PAYLOAD_TYPE
    peer.talk(range(10, 20))

    assert peer.receiver.rejected == {Rejection.PAYLOAD_TYPE: 1}
    assert peer.receiver.packets.lost == 0


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


def test_a_report_on_the_port_of_audio_does_not_become_the_source() -> None:
    peer = Peer()
    report = SenderReport(77, 0xE900_0000_1111_1111, 5, 1, 160)

    rejection = peer.receiver.receive(serialize_compound([report]), PEER, peer.now)
    played = peer.talk(range(10))

    assert rejection is Rejection.MALFORMED
    assert peer.receiver.sources == 1
    assert [kind for kind, _ in played] == ["noise"] * 2 + ["audio"] * 8


class CountedNoise(ComfortNoise):
    """Comfort noise that knows how often it was described anew."""

    def __init__(self) -> None:
        super().__init__()
        self.levels: list[float] = []

    def become(self, dbfs: float, reflection: Sequence[float] = ()) -> None:
        self.levels.append(dbfs)
        super().become(dbfs, reflection)


def test_a_flood_of_descriptions_of_noise_costs_a_few_and_ends_with_the_last() -> None:
    peer, noise = Peer(), CountedNoise()
    peer.receiver = Receiver(delay=0.04, noise=noise)
    peer.receiver.expect(PEER)
    for level in range(200):
        comfort_noise(peer, bytes([40 + level % 20, level]))
        if level % 4 == 0:
            peer.tick()
    for _ in range(10):
        peer.tick()

    assert len(noise.levels) <= 7  # in 1.2 s
    assert noise.levels[-1] == -59


def comfort_noise(peer: Peer, payload: bytes) -> Rejection | None:
    """Send a packet of comfort noise (RFC 3389), which has no law."""
    packet = RtpPacket.parse(peer.packet(bytes(320), payload_type=13))
    return peer.receiver.receive(packet._replace(payload=payload).serialize(), PEER, peer.now)


def test_a_pause_sounds_as_the_far_side_says() -> None:
    peer = Peer()
    peer.talk(range(10))

    assert comfort_noise(peer, b"\x32") is None
    pause = [peer.tick() for _ in range(20)]

    assert {kind for kind, _ in pause[-10:]} == {"noise"}
    assert level_dbfs(b"".join(pcm for _, pcm in pause[-10:])) == pytest.approx(-50, abs=1)
    assert peer.receiver.packets.lost == 0


@pytest.mark.parametrize("payload", [b"", b"\x32\xff"])
def test_comfort_noise_that_says_nothing_changes_nothing(payload: bytes) -> None:
    peer = Peer()
    peer.talk(range(10))

    assert comfort_noise(peer, payload) is Rejection.PAYLOAD_SIZE
    pause = [peer.tick() for _ in range(20)]

    assert level_dbfs(b"".join(pcm for _, pcm in pause[-10:])) == pytest.approx(-65, abs=1)


@pytest.mark.parametrize("samples", [0, 1, 39, 1601])
def test_packets_no_peer_would_send_are_dropped(samples: int) -> None:
    assert Peer().send(bytes(2 * samples)) is Rejection.PAYLOAD_SIZE


@pytest.mark.parametrize("samples", [40, 1600])
def test_packets_of_unusual_length_are_accepted(samples: int) -> None:
    assert Peer().send(bytes(2 * samples)) is None


def test_other_addresses_are_not_heard() -> None:
    peer = Peer()

    rejection = peer.receiver.receive(peer.packet(tone(0)), ("192.0.2.66", 20002), peer.now)

    assert rejection is Rejection.ADDRESS
    assert peer.receiver.packets.received == 0
    assert peer.receiver.last_arrival is None


def test_garbage_is_counted_and_dropped() -> None:
    peer = Peer()

    assert peer.receiver.receive(b"OPTIONS sip:", PEER, peer.now) is Rejection.MALFORMED
    assert peer.receiver.rejected == {Rejection.MALFORMED: 1}


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


LONGEST_WAIT_TICKS = 150
"""3 s: a full buffer, and a pause before each of several timelines in it."""


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["tick", "good", "garbage", "other"]),
            st.binary(max_size=60),
            st.integers(min_value=-500, max_value=500),
            st.integers(min_value=-20_000, max_value=20_000),
        ),
        max_size=60,
    ),
    st.integers(min_value=0, max_value=2**32),
)
def test_nothing_that_arrives_breaks_the_line_of_frames(
    steps: list[tuple[str, bytes, int, int]], seed: int
) -> None:
    rng = random.Random(seed)
    peer = Peer()
    for what, data, number_step, timestamp_step in steps:
        if what == "tick":
            peer.tick()
        elif what == "garbage":
            peer.receiver.receive(data, PEER, peer.now)
        else:
            if what == "other":
                peer.number += number_step
                peer.timestamp += timestamp_step
            peer.send(bytes(2 * rng.choice([40, 80, 160, 161, 480, 1600])))
        peer.now += rng.random() * 0.01
    for _ in range(LONGEST_WAIT_TICKS):
        peer.tick()

    assert peer.tick()[0] == "noise"
    assert peer.receiver.buffered_samples == 0


FORGED = st.one_of(
    st.binary(max_size=400),
    st.builds(
        lambda number, ssrc, payload: RtpPacket(8, number, 160 * number, ssrc, payload).serialize(),
        st.integers(0, 0xFFFF),
        st.integers(0, 0xFFFFFFFF).filter(lambda ssrc: ssrc != 77),
        st.binary(min_size=160, max_size=160),
    ),
)


@given(
    datagrams=st.lists(
        st.tuples(FORGED, st.sampled_from([PEER, ("192.0.2.66", 20002)])), max_size=60
    )
)
@settings(max_examples=50)
def test_while_the_peer_talks_nobody_else_is_heard_even_with_its_address(
    datagrams: list[tuple[bytes, tuple[str, int]]],
) -> None:
    quiet, attacked = Peer(), Peer()
    for peer in (quiet, attacked):
        peer.talk(range(5))

    for number in range(5, 25):
        attacked.send(tone(number))
        for data, address in datagrams[3 * (number - 5) : 3 * (number - 4)]:
            if data[8:12] != (77).to_bytes(4):
                assert attacked.receiver.receive(data, address, attacked.now) is not None
        quiet.send(tone(number))
        assert attacked.tick() == quiet.tick()

    assert attacked.receiver.sources == 1


@pytest.mark.parametrize("seed", range(12))
def test_a_packet_like_the_last_one_is_taken_as_any_other_is(seed: int) -> None:
    """One with padding is never like the last one, and everything else about it is the same."""
    rng = random.Random(seed)
    codecs = rng.choice([(), (Codec.G722,)])
    plain, padded = (
        Receiver(
            delay=PlayoutRange(0.02, 0.08),
            noise=ComfortNoise(),
            codecs=codecs,
            telephone_event=101,
        )
        for _ in range(2)
    )
    ssrc, number, timestamp, samples, payload_type = 77, 0xFFF0, 0xFFFFF000, FRAME, 8
    now = 500.0

    for _ in range(300):
        if rng.random() < 0.05:
            ssrc = rng.choice([77, 78])
            number += rng.choice([-1, 0, 2, 5, 5000])
            timestamp += rng.choice([0, 3, FRAME, -5000])
            samples = rng.choice([FRAME, FRAME, 80, 240, 10])
            payload_type = rng.choice([8, 8, 0, 9, 13, 42, 101])
        payload = rng.randbytes(4 if payload_type == 101 else samples)
        packet = RtpPacket(
            payload_type,
            number & 0xFFFF,
            timestamp & 0xFFFFFFFF,
            ssrc,
            payload,
            marker=rng.random() < 0.02,
        )
        number, timestamp = number + 1, timestamp + samples
        arrived_at = now - rng.choice([0.0, 0.004, 0.01])
        outcomes = [
            receiver.receive(datagram, PEER, arrived_at)
            for receiver, datagram in (
                (plain, packet.serialize()),
                (padded, packet._replace(padding=1).serialize()),
            )
        ]
        assert outcomes[0] == outcomes[1]
        assert plain.arrived(now) == padded.arrived(now)
        assert plain.frame(now) == padded.frame(now)
        assert plain.events.digits(now) == padded.events.digits(now)
        assert (plain.packets, plain.reception) == (padded.packets, padded.reception)
        assert plain.last_arrival == padded.last_arrival
        now += TICK
    assert plain.rejected == padded.rejected
    assert plain.played["audio"] > 20


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
