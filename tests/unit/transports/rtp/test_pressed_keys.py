"""A session whose caller presses keys while the line plays on."""

import random

import pytest

from transports.audio.codec import Codec
from transports.audio.dtmf import dual_tone
from transports.audio.level import level_dbfs
from transports.rtp.packet import RtpPacket
from transports.rtp.session import RtpSession
from transports.rtp.telephone_event import KEYS, Digit, TelephoneEvent

CALLER = ("192.0.2.1", 10000)
TICK = 0.02
FRAME = 160
EVENT = 101
HUM = (1000).to_bytes(2, "little", signed=True) * FRAME


class Caller:
    """Somebody at a perfect line of a network; hears nothing and counts what we make of it."""

    def __init__(
        self,
        *,
        codec: Codec = Codec.ALAW,
        telephone_event: int | None = EVENT,
        inband_dtmf: bool = False,
    ) -> None:
        self.codec = codec
        self.encoder = codec.encoder()
        self.step = FRAME * codec.clock_rate // 8000
        self.session = RtpSession(
            codec=Codec.ALAW,
            receive=codec,
            playout_delay=0.04,
            random=random.Random(1),
            telephone_event=telephone_event,
            inband_dtmf=inband_dtmf,
        )
        self.session.connect(CALLER)
        self.now = 10.0
        self.number = 65530
        self.timestamp = 0xFFFFF000
        self.kinds: list[str] = []
        self.levels: list[float] = []
        self.digits: list[Digit] = []

    def send(self, payload_type: int, payload: bytes, timestamp: int | None = None) -> None:
        at = self.timestamp if timestamp is None else timestamp
        packet = RtpPacket(payload_type, self.number % 0x10000, at % (1 << 32), 7, payload)
        self.number += 1
        self.session.receive(packet.serialize(), CALLER, self.now)

    def tick(self) -> None:
        """Let 20 ms pass on both sides."""
        self.session.arrived(self.now)
        frame = self.session.frame(self.now)
        self.digits += self.session.digits(self.now)
        self.kinds.append(frame.kind)
        self.levels.append(level_dbfs(frame.pcm))
        self.now += TICK
        self.timestamp += self.step

    def talk(self, frames: int, pcm: bytes = HUM) -> None:
        for _ in range(frames):
            self.send(self.codec.payload_type, self.encoder.encode(pcm))
            self.tick()

    def press(self, key: str, frames: int, *, lost: frozenset[int] = frozenset()) -> None:
        began = self.timestamp
        for frame in range(1, frames + 3):
            duration = min(frame, frames) * self.step
            event = TelephoneEvent(KEYS.index(key), duration, frame >= frames)
            if frame in lost:
                self.number += 1
            else:
                self.send(EVENT, event.serialize(), began)
            if frame <= frames:
                self.tick()


@pytest.mark.parametrize("codec", list(Codec))
def test_the_line_plays_on_without_a_gap(codec: Codec) -> None:
    caller = Caller(codec=codec)
    caller.talk(25)
    caller.press("8", 10)
    caller.talk(25)

    assert caller.digits == [Digit("8", 200)]
    assert set(caller.kinds[3:]) == {"audio"}
    assert max(caller.levels[29:35]) < -55  # quiet while the key is down
    assert min(caller.levels[40:]) > -35
    stats = caller.session.stats()
    assert (stats.lost, stats.concealed, stats.late, stats.rejected) == (0, 0, 0, {})
    assert stats.digits_received == 1


def test_a_key_before_any_audio_goes_by_the_clock_that_was_agreed_on() -> None:
    caller = Caller(codec=Codec.SLIN16)
    caller.press("8", 10)
    caller.talk(25)

    assert caller.digits == [Digit("8", 200)]
    assert set(caller.kinds[-20:]) == {"audio"}


def test_a_key_goes_by_the_clock_of_the_audio_around_it() -> None:
    caller = Caller(codec=Codec.SLIN16)
    caller.codec, caller.encoder, caller.step = Codec.ULAW, Codec.ULAW.encoder(), FRAME
    caller.talk(25)
    caller.press("8", 10)
    caller.talk(25)

    assert caller.digits == [Digit("8", 200)]
    assert set(caller.kinds[3:]) == {"audio"}


def test_a_key_of_a_wideband_clock_that_is_held_for_long_is_one_digit() -> None:
    caller = Caller(codec=Codec.SLIN16)
    caller.talk(25)
    began, segment = caller.timestamp, caller.timestamp
    for frame in range(500):
        if caller.timestamp + caller.step - segment > 0xFFFF:
            caller.send(EVENT, TelephoneEvent(5, 0xFFFF).serialize(), segment)
            segment += 0xFFFF
        duration = caller.timestamp + caller.step - segment
        caller.send(EVENT, TelephoneEvent(5, duration, frame == 499).serialize(), segment)
        caller.tick()
    caller.talk(25)

    assert caller.timestamp - began == 525 * 320
    assert caller.digits == [Digit("5", 10_000)]
    assert set(caller.kinds[5:]) == {"audio"}


@pytest.mark.parametrize("came_before", [True, False])
def test_an_old_packet_of_a_key_that_comes_after_the_next_key_is_none(came_before: bool) -> None:
    caller = Caller()
    caller.talk(5)
    old = RtpPacket(
        EVENT, caller.number % 0x10000, caller.timestamp, 7, TelephoneEvent(5, 160).serialize()
    ).serialize()
    caller.press("5", 10, lost=frozenset() if came_before else frozenset({1}))
    for _ in range(150):
        caller.tick()  # nothing comes, and numbers do not go on
    caller.press("6", 10)
    caller.session.receive(old, CALLER, caller.now)
    for _ in range(15):
        caller.tick()

    assert [digit for digit, _ in caller.digits] == ["5", "6"]


def test_lost_packets_of_a_key_leave_no_hole_in_playout_after_it() -> None:
    caller = Caller()
    caller.talk(25)
    caller.press("8", 10, lost=frozenset({1, 4, 10, 11}))
    caller.talk(25)

    assert caller.digits == [Digit("8", 200)]
    assert set(caller.kinds[40:]) == {"audio"}
    assert caller.session.stats().lost == 4


def test_a_key_whose_ends_are_all_lost_is_still_heard() -> None:
    caller = Caller()
    caller.talk(25)
    caller.press("*", 10, lost=frozenset({10, 11, 12}))
    caller.talk(25)

    assert caller.digits == [Digit("*", 180)]


def test_events_that_were_not_agreed_on_are_dropped() -> None:
    caller = Caller(telephone_event=None)
    caller.talk(25)
    caller.press("8", 10)
    caller.talk(25)

    assert caller.digits == []
    assert caller.session.stats().rejected == {"payload_type": 12}


def test_an_event_of_nonsense_is_counted_and_dropped() -> None:
    caller = Caller()
    caller.talk(5)
    caller.send(EVENT, b"abc")

    assert caller.session.stats().rejected == {"payload_size": 1}


def test_tones_count_until_the_caller_is_known_to_send_events() -> None:
    caller = Caller(inband_dtmf=True)
    tone = dual_tone("3", 5 * FRAME)
    frames = [tone[start : start + 2 * FRAME] for start in range(0, len(tone), 2 * FRAME)]
    caller.talk(25)
    for pcm in frames:
        caller.talk(1, pcm)
    caller.talk(10)
    caller.press("4", 5)
    caller.talk(10)
    for pcm in frames:  # its tone as well
        caller.talk(1, pcm)
    caller.talk(10)

    assert [digit for digit, _ in caller.digits] == ["3", "4"]
    assert caller.session.stats().digits_received == 2


@pytest.mark.parametrize("lost", [20, 21, 22])
def test_a_tone_with_a_lost_packet_is_one_digit(lost: int) -> None:
    caller = Caller(inband_dtmf=True)
    tone = dual_tone("6", 8 * FRAME)
    caller.talk(19)
    for frame, start in enumerate(range(0, len(tone), 2 * FRAME), start=19):
        if frame == lost:
            caller.number += 1
            caller.tick()
        else:
            caller.talk(1, tone[start : start + 2 * FRAME])
    caller.talk(15)

    assert [digit for digit, _ in caller.digits] == ["6"]
