"""The sender: flushes, holds and ducks, which leave nothing stale and make no click."""

import numpy as np

from tests.support.sending import FRAME, QUIET, TONE_STEP, heard, loud, new_sender, steps, tone
from transports.audio.codec import Codec
from transports.audio.level import level_dbfs
from transports.rtp.packet import RtpPacket


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
