"""The sender: one packet per tick, true counters, and noise where nothing is written."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.sending import FRAME, QUIET, heard, loud, new_sender, next_packet
from transports.audio.codec import LAWS, Codec
from transports.audio.comfort_noise import TABLE_SAMPLES, ComfortNoise
from transports.audio.level import level_dbfs
from transports.rtp.packet import RtpPacket


@pytest.mark.parametrize("codec", LAWS)
def test_sends_what_is_written_in_order(codec: Codec) -> None:
    sender = new_sender(codec)
    sender.write(loud(FRAME, codec))
    sender.write(loud(FRAME, codec, start=7))

    packets = [next_packet(sender), next_packet(sender)]

    assert [packet.payload_type for packet in packets] == [codec.payload_type] * 2
    assert codec.decode(packets[0].payload) == loud(FRAME, codec)
    assert codec.decode(packets[1].payload) == loud(FRAME, codec, start=7)
    assert (sender.played_samples, sender.queued_samples, sender.sent) == (2 * FRAME, 0, 2)


def test_without_audio_quiet_noise_goes_out_and_never_digital_silence() -> None:
    sender = new_sender()

    for _ in range(50):
        packet = next_packet(sender)
        assert len(packet.payload) == FRAME
        assert -80 < level_dbfs(Codec.ALAW.decode(packet.payload)) < -60
    assert sender.played_samples == 0


@pytest.mark.parametrize("codec", Codec)
def test_packets_hold_what_is_audible_whether_noise_or_speech(codec: Codec) -> None:
    sender, encoder = new_sender(codec), codec.encoder()

    for tick in range(TABLE_SAMPLES // FRAME + 2):
        if tick % 100 == 50:
            sender.write(loud(FRAME + 60))
            sender.finish()
        payload = next_packet(sender).payload

        assert len(sender.audible) == 2 * FRAME
        assert payload == encoder.encode(sender.audible)


def test_noise_goes_on_after_a_remainder_from_where_that_was_padded() -> None:
    sender = new_sender()
    audible = b""

    for tick in range(TABLE_SAMPLES // FRAME + 2):
        if tick == 7:
            sender.write(loud(60))
            sender.finish()
        sender.next_packet()
        audible += sender.audible

    speech = slice(2 * 7 * FRAME, 2 * (7 * FRAME + 60))
    noise = audible[: speech.start] + audible[speech.stop :]
    begin = ComfortNoise().take(TABLE_SAMPLES + FRAME).find(noise[: 2 * FRAME]) // 2
    assert noise == ComfortNoise(start=begin).take(len(noise) // 2)
    assert level_dbfs(audible[speech]) > QUIET


def test_timestamps_count_by_the_clock_of_the_codec() -> None:
    sender = new_sender(Codec.SLIN16)
    sender.write(loud(2 * FRAME))
    first, second = next_packet(sender), next_packet(sender)
    sender.skip(3)
    third = next_packet(sender)

    assert len(first.payload) == 640
    assert (second.timestamp - first.timestamp) % (1 << 32) == 320
    assert (third.timestamp - second.timestamp) % (1 << 32) == 4 * 320


def test_numbers_and_timestamps_go_on_through_speech_noise_and_their_wraps() -> None:
    sender = new_sender()
    previous = next_packet(sender)

    for step in range(70_000):
        if step % 7 == 0:
            sender.write(loud(FRAME))
        number, timestamp = previous.sequence_number, previous.timestamp
        previous = next_packet(sender)
        assert previous.sequence_number == (number + 1) & 0xFFFF
        assert previous.timestamp == (timestamp + FRAME) & 0xFFFFFFFF


def test_the_timestamp_wraps() -> None:
    sender = new_sender()
    first = next_packet(sender).timestamp

    sender.skip((2**32 - first) // FRAME - 1)

    assert next_packet(sender).timestamp >= 2**32 - 2 * FRAME
    assert next_packet(sender).timestamp < FRAME


def test_starts_at_random_but_repeatably() -> None:
    first, again, other = (next_packet(new_sender(seed=seed)) for seed in (1, 1, 2))

    assert first == again
    assert first.ssrc != other.ssrc
    assert first.sequence_number != other.sequence_number
    assert first.timestamp != other.timestamp


def test_marks_the_first_packet_of_each_talkspurt_only() -> None:
    sender = new_sender()
    marks, starts = [], []
    for audio in (0, 2, 0, 0, 1, 0):
        sender.write(loud(audio * FRAME))
        for _ in range(max(audio, 1)):
            outgoing = sender.next_packet()
            starts.append(outgoing.starts_speech)
            marks.append(RtpPacket.parse(outgoing.datagram).marker)

    assert marks == starts == [False, True, False, False, False, True, False]


def test_speech_after_a_flush_starts_anew_without_a_gap() -> None:
    sender = new_sender()
    sender.write(loud(FRAME))
    assert sender.next_packet().starts_speech

    sender.flush()
    sender.write(loud(FRAME))

    assert sender.next_packet().starts_speech


def test_audio_cut_anywhere_is_one_stream() -> None:
    whole = loud(10 * FRAME)
    cut = random.Random(5)
    sender = new_sender()

    rest = whole
    while rest:
        size = cut.randrange(1, 700)
        sender.write(rest[:size])
        rest = rest[size:]

    assert heard(sender, 10) == whole


def test_a_remainder_waits_for_the_next_write() -> None:
    sender = new_sender()
    sender.write(loud(FRAME + 60))
    assert heard(sender, 1) == loud(FRAME)
    assert level_dbfs(heard(sender, 1)) < QUIET
    assert sender.queued_samples == 60

    sender.write(loud(100, start=FRAME + 60))

    assert heard(sender, 1) == loud(FRAME, start=FRAME)


def test_finishing_sends_the_remainder_padded_with_noise() -> None:
    sender = new_sender()
    sender.write(loud(60))

    sender.finish()
    pcm = heard(sender, 1)

    assert pcm[:120] == loud(60)
    assert level_dbfs(pcm[120:]) < QUIET
    assert (sender.played_samples, sender.queued_samples) == (60, 0)


def test_finishing_does_not_cut_what_is_written_later() -> None:
    sender = new_sender()
    sender.write(loud(FRAME))
    sender.finish()
    sender.write(loud(FRAME + 60, start=FRAME))

    assert heard(sender, 2) == loud(2 * FRAME)
    assert level_dbfs(heard(sender, 1)) < QUIET
    assert sender.queued_samples == 60


def test_a_remainder_that_nobody_finishes_is_sent_before_it_is_stale() -> None:
    sender = new_sender()
    sender.write(loud(60))

    quiet = [level_dbfs(heard(sender, 1)) < QUIET for _ in range(5)]

    assert quiet == [True, True, True, False, True]
    assert sender.played_samples == 60


def test_a_trickle_of_samples_is_not_torn_by_the_wait() -> None:
    sender = new_sender()
    for step in range(15):
        sender.write(loud(10, start=10 * step))
        sender.next_packet()
    sender.write(loud(10, start=150))

    assert heard(sender, 1) == loud(FRAME)


def test_skipped_ticks_move_the_timestamp_and_not_the_number() -> None:
    sender = new_sender()
    before = next_packet(sender)

    sender.skip(5)
    after = next_packet(sender)

    assert after.timestamp == (before.timestamp + 6 * FRAME) & 0xFFFFFFFF
    assert after.sequence_number == (before.sequence_number + 1) & 0xFFFF
    assert (sender.sent, sender.skipped) == (2, 5)


@given(st.lists(st.integers(min_value=0, max_value=2000), max_size=8))
def test_everything_written_is_played_once_finished(sizes: list[int]) -> None:
    sender = new_sender()
    written = loud(sum(sizes))

    at = 0
    for size in sizes:
        sender.write(written[2 * at : 2 * (at + size)])
        at += size
    sender.finish()

    pcm = heard(sender, -(-at // FRAME))
    assert pcm[: 2 * at] == written
    assert (sender.played_samples, sender.queued_samples) == (at, 0)
