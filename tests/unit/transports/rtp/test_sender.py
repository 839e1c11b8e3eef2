"""The sender: one packet per tick, true counters, and nothing stale after a flush."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from transports.audio.codec import LAWS, Codec
from transports.audio.comfort_noise import TABLE_SAMPLES, ComfortNoise
from transports.audio.level import level_dbfs
from transports.rtp.packet import RtpPacket
from transports.rtp.sender import Sender

FRAME = 160
QUIET = -50.0  # dBFS; noise is below it, and what these tests write is above


def new_sender(codec: Codec = Codec.ALAW, seed: int = 1) -> Sender:
    return Sender(codec, random.Random(seed))


def loud(samples: int, codec: Codec = Codec.ALAW, start: int = 0) -> bytes:
    """Return samples near full scale that survive the codec: their codes count up from 0."""
    return codec.decode(bytes((start + step) % 16 | 0xA0 for step in range(samples)))


def next_packet(sender: Sender) -> RtpPacket:
    return RtpPacket.parse(sender.next_packet().datagram)


def heard(sender: Sender, packets: int) -> bytes:
    """Return the samples of the next packets."""
    return b"".join(Codec.ALAW.decode(next_packet(sender).payload) for _ in range(packets))


def tone(samples: int, amplitude: int = 12_000) -> bytes:
    """Return 300 Hz: its own steps from sample to sample are small."""
    phase = 2 * np.pi * 300 / 8000 * np.arange(samples)
    return bytes((amplitude * np.sin(phase)).astype("<i2"))


def steps(pcm: bytes) -> int:
    """Return the largest step between two samples: a click is one of thousands."""
    return int(np.abs(np.diff(np.frombuffer(pcm, "<i2").astype(int))).max())


TONE_STEP = 3200
"""The largest of `tone`, with what A-law adds at its peaks."""


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


def test_a_flush_drops_the_queue_and_counts_it() -> None:
    sender = new_sender()
    sender.write(loud(3 * FRAME))

    assert sender.flush() == 3 * FRAME
    assert sender.flush() == 0
    assert level_dbfs(heard(sender, 1)) < QUIET
    assert (sender.queued_samples, sender.played_samples) == (0, 0)


def test_a_flush_in_mid_speech_fades_out_within_one_packet() -> None:
    sender = new_sender()
    sender.write(loud(5 * FRAME))
    heard(sender, 2)

    dropped = sender.flush()
    ramp, after = heard(sender, 1), heard(sender, 1)

    assert dropped == 3 * FRAME - 40
    levels = [level_dbfs(ramp[at : at + 20]) for at in range(0, 80, 20)]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] > QUIET
    assert level_dbfs(ramp[80:]) < QUIET
    assert level_dbfs(after) < QUIET
    assert sender.played_samples == 2 * FRAME + 40


def test_the_fade_goes_before_what_is_written_after_the_flush() -> None:
    sender = new_sender()
    sender.write(loud(3 * FRAME))
    heard(sender, 1)
    sender.flush()
    sender.write(loud(FRAME, start=3))

    ramp, speech = heard(sender, 1), heard(sender, 1)

    assert level_dbfs(ramp[80:]) < QUIET
    assert speech == loud(FRAME, start=3)


def test_a_second_flush_does_not_repeat_the_fade() -> None:
    sender = new_sender()
    sender.write(loud(3 * FRAME))
    heard(sender, 1)
    sender.flush()
    sender.write(loud(FRAME))

    assert sender.flush() == FRAME
    assert level_dbfs(heard(sender, 2)[320:]) < QUIET


def test_a_flush_forgets_half_a_sample() -> None:
    sender = new_sender()
    sender.write(loud(10)[:-1])
    sender.flush()

    sender.write(loud(FRAME))

    assert heard(sender, 1) == loud(FRAME)


def test_held_audio_stays_and_noise_goes_out() -> None:
    sender = new_sender()
    sender.write(loud(2 * FRAME))
    sender.held = True

    assert level_dbfs(heard(sender, 10)) < QUIET
    assert sender.queued_samples == 2 * FRAME

    sender.held = False
    assert heard(sender, 2) == loud(2 * FRAME)


def test_a_held_remainder_does_not_grow_stale() -> None:
    sender = new_sender()
    sender.held = True
    sender.write(loud(60))
    heard(sender, 10)
    sender.held = False

    assert level_dbfs(heard(sender, 1)) < QUIET
    sender.write(loud(100, start=60))
    assert heard(sender, 1) == loud(FRAME)


def test_flushing_held_audio_leaves_no_fade() -> None:
    sender = new_sender()
    sender.write(loud(3 * FRAME))
    heard(sender, 1)
    sender.held = True
    heard(sender, 1)

    assert sender.flush() == 2 * FRAME
    sender.held = False
    assert level_dbfs(heard(sender, 2)) < QUIET


def test_a_flush_right_after_a_hold_fades_out_too() -> None:
    sender = new_sender()
    sender.write(loud(3 * FRAME))
    heard(sender, 1)
    sender.held = True

    assert sender.flush() == 2 * FRAME - 40
    assert level_dbfs(heard(sender, 1)[:40]) > QUIET
    assert sender.played_samples == FRAME + 40


def test_a_hold_fades_out_within_5_ms_and_takes_nothing_from_the_queue() -> None:
    sender = new_sender()
    sender.write(tone(10 * FRAME))
    before = heard(sender, 3)

    sender.held = True
    first, rest = heard(sender, 1), heard(sender, 5)

    assert level_dbfs(first[:40]) > -20
    assert level_dbfs(first[80:]) < QUIET
    assert level_dbfs(rest) < QUIET
    assert steps(before + first) <= TONE_STEP
    assert (sender.played_samples, sender.queued_samples) == (3 * FRAME, 7 * FRAME)


def test_after_a_hold_audio_fades_in_from_the_sample_at_which_it_was_cut() -> None:
    sender = new_sender()
    written = tone(10 * FRAME)
    sender.write(written)
    heard(sender, 3)
    sender.held = True
    held = heard(sender, 10)

    sender.held = False
    resumed = heard(sender, 7)

    cut = 3 * FRAME * 2
    told = Codec.ALAW.decode(Codec.ALAW.encode(written))
    assert resumed[80:] == told[cut + 80 :]
    assert steps(held[-40:] + resumed) <= TONE_STEP
    assert level_dbfs(resumed[:10]) < level_dbfs(resumed[70:80])
    assert sender.played_samples == 10 * FRAME


def test_an_answer_that_goes_on_after_a_hold_is_a_talkspurt_but_no_new_speech() -> None:
    sender = new_sender()
    sender.write(tone(10 * FRAME))
    heard(sender, 3)
    sender.held = True
    heard(sender, 3)
    sender.held = False

    outgoing = sender.next_packet()

    assert RtpPacket.parse(outgoing.datagram).marker
    assert not outgoing.starts_speech


def test_what_was_never_heard_does_not_fade_in_after_a_hold() -> None:
    sender = new_sender()
    sender.held = True
    sender.write(loud(FRAME))
    heard(sender, 2)

    sender.held = False

    assert heard(sender, 1) == loud(FRAME)


def test_a_duck_lowers_the_next_packet_by_12_db_without_a_click() -> None:
    sender = new_sender()
    sender.write(tone(20 * FRAME))
    before = heard(sender, 3)

    sender.ducked = True
    ducked = heard(sender, 4)
    sender.ducked = False
    after = heard(sender, 4)

    full = level_dbfs(before)
    assert level_dbfs(ducked[:80]) > full - 10
    assert abs(level_dbfs(ducked[80:]) - (full - 12)) < 0.3
    assert abs(level_dbfs(after[80:]) - full) < 0.3
    assert steps(before + ducked + after) <= TONE_STEP
    assert sender.played_samples == 11 * FRAME


def test_a_talkspurt_that_begins_ducked_begins_low() -> None:
    sender = new_sender()
    sender.ducked = True
    sender.write(tone(2 * FRAME))

    assert abs(level_dbfs(heard(sender, 1)) - (level_dbfs(tone(FRAME)) - 12)) < 0.3


def test_a_flush_fades_out_from_the_level_that_is_heard() -> None:
    sender = new_sender()
    sender.ducked = True
    sender.write(tone(5 * FRAME))
    before = heard(sender, 2)

    sender.flush()
    after = heard(sender, 1)

    assert steps(before + after) <= TONE_STEP
    assert max(np.abs(np.frombuffer(after, "<i2"))) <= 3000


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


class Speech(RuleBasedStateMachine):
    """Any interleaving of writing, flushing, holding and ticking. Codes count up as they go."""

    @initialize(seed=st.integers(min_value=0, max_value=1 << 32))
    def start(self, seed: int) -> None:
        self.sender = Sender(Codec.ULAW, random.Random(seed))
        self.written = 0  # samples, ever
        self.queue: list[int] = []
        self.flushed = 0
        self.played = 0
        self.ramp = 0
        self.ticks = 0
        self.was_held = False  # when written audio was sent last
        self.last: RtpPacket | None = None

    @rule(samples=st.integers(min_value=0, max_value=400))
    def write(self, samples: int) -> None:
        codes = [(self.written + step) % 64 | 0x80 for step in range(samples)]
        self.written += samples
        self.queue += codes
        self.sender.write(Codec.ULAW.decode(bytes(codes)))

    @rule()
    def finish(self) -> None:
        self.sender.finish()

    @rule()
    def flush(self) -> None:
        queued = len(self.queue)
        dropped = self.sender.flush()
        assert queued - 40 <= dropped <= queued
        self.ramp += queued - dropped
        self.flushed += dropped
        self.queue.clear()

    @rule(held=st.booleans())
    def hold(self, held: bool) -> None:
        self.sender.held = held

    @rule(ticks=st.integers(min_value=0, max_value=9))
    def skip(self, ticks: int) -> None:
        self.sender.skip(ticks)
        self.ticks += ticks

    @rule()
    def tick(self) -> None:
        before = self.sender.played_samples
        packet = next_packet(self.sender)
        taken = self.sender.played_samples - before
        self.ticks += 1
        if self.ramp:
            assert taken == self.ramp, "the fade counts as played"
            self.ramp = 0
        else:
            faded = 40 if self.was_held else 0
            assert list(packet.payload[faded:taken]) == self.queue[faded:taken]
            del self.queue[:taken]
            assert taken in (0, FRAME) or not self.queue, "sent a part although more was there"
        self.played += taken
        self.was_held = self.sender.held or (self.was_held and not taken)
        assert len(packet.payload) == FRAME
        assert not (self.sender.held and taken > 40)
        if self.last is not None:
            assert packet.sequence_number == (self.last.sequence_number + 1) & 0xFFFF
            passed = (packet.timestamp - self.last.timestamp) & 0xFFFFFFFF
            assert passed == self.ticks * FRAME
        self.ticks = 0
        self.last = packet

    @invariant()
    def accounts_for_every_sample(self) -> None:
        assert self.sender.queued_samples == len(self.queue)
        assert self.written == self.flushed + self.played + self.ramp + len(self.queue)


TestSpeech = Speech.TestCase
TestSpeech.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
