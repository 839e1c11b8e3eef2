"""A track of packets: when there was speech, how evenly it came, what it sounds like."""

import numpy as np
import pytest

from transports.audio.codec import Codec
from transports.rtp.packet import RtpPacket
from voiceai.bench.dtmf_event import digit_payloads, digits_in
from voiceai.bench.track import SPEECH_DBFS, Track, level_dbfs

SLOT = 0.02
LOUD = Codec.ALAW.encode((np.ones(160) * 3000).astype("<i2").tobytes())
QUIET = Codec.ALAW.encode(bytes(320))


def packet(number: int, payload: bytes = QUIET, *, ssrc: int = 1, timestamp: int = -1) -> RtpPacket:
    when = 160 * number if timestamp < 0 else timestamp
    return RtpPacket(8, number % 65536, when % (1 << 32), ssrc, payload)


def track(payloads: str) -> Track:
    """Build a track from `#` (loud), `.` (quiet) and `_` (lost), 20 ms each."""
    built = Track()
    for number, kind in enumerate(payloads):
        if kind != "_":
            built.add(packet(number, LOUD if kind == "#" else QUIET), number * SLOT)
    return built


def test_the_level_is_that_of_the_decoded_audio() -> None:
    recorded = Track().add(packet(0, LOUD), 0.0)

    assert recorded.level_dbfs == pytest.approx(level_dbfs(Codec.ALAW.decode(LOUD)), abs=0.01)
    assert recorded.is_speech
    assert not Track().add(packet(0, QUIET), 0.0).is_speech
    assert level_dbfs(b"") == level_dbfs(bytes(2)) < SPEECH_DBFS


def test_tells_when_speech_was() -> None:
    heard = track("..##...#..")

    assert heard.first_speech_after(0.0) == pytest.approx(2 * SLOT)
    assert heard.first_speech_after(2 * SLOT + 0.001) == pytest.approx(3 * SLOT)
    assert heard.first_speech_after(8 * SLOT) is None
    assert heard.last_speech_before() == pytest.approx(7 * SLOT)
    assert heard.last_speech_before(5 * SLOT) == pytest.approx(3 * SLOT)
    assert heard.last_speech_before(SLOT) is None


def test_a_short_pause_does_not_end_a_talkspurt() -> None:
    heard = track("#.#" + 12 * "." + "##")

    assert [round(time / SLOT) for spurt in heard.talkspurts(pause=0.2) for time in spurt] == [
        0,
        2,
        15,
        16,
    ]


def test_even_packets_have_no_gaps() -> None:
    gaps = track("." * 20).gaps()

    assert (gaps.packets, gaps.lost) == (20, 0)
    assert gaps.p99 == pytest.approx(0, abs=1e-9)
    assert gaps.longest == pytest.approx(SLOT)


def test_a_lost_packet_is_a_hole_and_no_unevenness() -> None:
    gaps = track("....__....").gaps()

    assert (gaps.packets, gaps.lost) == (8, 2)
    assert gaps.p99 == pytest.approx(0, abs=1e-9)
    assert gaps.longest == pytest.approx(3 * SLOT)


def test_a_late_packet_is_unevenness() -> None:
    late = Track()
    for number in range(10):
        late.add(packet(number), number * SLOT + (0.03 if number == 5 else 0))

    assert late.gaps().p99 == pytest.approx(0.03, abs=0.005)
    assert late.gaps(since=7 * SLOT).p99 == pytest.approx(0, abs=1e-9)


def test_numbers_that_wrap_and_packets_out_of_order_are_not_lost() -> None:
    wrapping = Track()
    for place, number in enumerate((65534, 0, 65535, 1)):
        wrapping.add(packet(number, timestamp=160 * place), place * SLOT)

    assert wrapping.gaps().lost == 0


def test_is_heard_by_timestamps_with_holes_silent() -> None:
    samples = np.frombuffer(track("#_#").pcm(), "<i2")

    loud = np.frombuffer(Codec.ALAW.decode(LOUD), "<i2")
    assert samples.tolist() == [*loud, *np.zeros(160), *loud]


def test_is_heard_from_a_start_on() -> None:
    late = Track()
    late.add(packet(0, LOUD), 1.0)

    assert late.pcm(start=0.99) == bytes(160) + Codec.ALAW.decode(LOUD)
    assert late.pcm(start=1.5) == b""
    assert Track().pcm() == b""


def test_a_new_source_and_a_wild_timestamp_begin_anew_at_their_arrival() -> None:
    heard = Track()
    heard.add(packet(0, LOUD), 0.0)
    heard.add(packet(7, LOUD, ssrc=2, timestamp=4_000_000_000), SLOT)
    heard.add(packet(8, LOUD, ssrc=2, timestamp=5), 2 * SLOT)

    assert heard.pcm() == 3 * Codec.ALAW.decode(LOUD)


def test_reads_the_digits_that_events_tell() -> None:
    heard = Track()
    for place, key in enumerate("4#4"):
        for part in digit_payloads(key, slots=4):
            for _ in range(part.copies):
                heard.add(RtpPacket(101, 0, place * 4000, 1, part.payload), 0.0)
    heard.add(RtpPacket(101, 0, 99, 1, b"\xff\x00\x00\x00"), 0.0)
    heard.add(RtpPacket(101, 0, 98, 1, b"\x01"), 0.0)

    assert digits_in(heard.packets, 101) == "4#4"
    assert digits_in(heard.packets, 96) == ""


def test_a_digit_grows_and_ends_three_times() -> None:
    parts = list(digit_payloads("D", slots=3))

    assert [part.payload.hex() for part in parts] == ["0f0a00a0", "0f0a0140", "0f8a01e0"]
    assert [part.age for part in parts] == [0, 160, 320]
    assert [part.copies for part in parts] == [1, 1, 3]


@pytest.mark.parametrize("key", ["", "E", "12"])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="none of the keys"):
        list(digit_payloads(key, slots=2))
