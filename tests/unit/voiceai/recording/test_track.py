"""A call's ticks become blocks in time; what a caller types in secret does not."""

from itertools import pairwise

import pytest

from transports.audio.codec import Codec
from transports.rtp.tape import SILENCE, RecordedTick
from voiceai.recording.track import BLOCK_TICKS, Block, Channels, Track

TICK = 0.02
BEGAN = 100.0
CALLER, ASSISTANT = b"\x11" * 160, b"\x22" * 160
SILENT = SILENCE[Codec.ALAW]


def run(track: Track, ticks: range) -> list[Block]:
    return [
        block
        for number in ticks
        for block in track.add(RecordedTick(BEGAN + number * TICK, CALLER, ASSISTANT))
    ]


def caller_of(blocks: list[Block]) -> dict[int, bytes]:
    """What the left channel holds, by tick."""
    return {
        block.tick + number: block.data[::2][number * 160 : (number + 1) * 160]
        for block in blocks
        for number in range(block.ticks)
    }


def track(channels: Channels = "both") -> Track:
    return Track(BEGAN, Codec.ALAW, channels)


def test_the_caller_is_left_and_the_assistant_right() -> None:
    recording = track()
    [block] = [*run(recording, range(3)), *recording.end()]

    assert (block.tick, block.ticks) == (0, 3)
    assert block.data == b"\x11\x22" * 160 * 3


@pytest.mark.parametrize(("channels", "heard"), [("caller", CALLER), ("assistant", ASSISTANT)])
def test_one_side_alone_is_one_channel(channels: Channels, heard: bytes) -> None:
    recording = track(channels)
    [block] = [*run(recording, range(3)), *recording.end()]

    assert block.data == heard * 3


def test_blocks_are_a_second_and_follow_one_another() -> None:
    recording = track()
    blocks = [*run(recording, range(330)), *recording.end()]

    assert {block.ticks for block in blocks[:-1]} == {BLOCK_TICKS}
    assert all(one.tick + one.ticks == other.tick for one, other in pairwise(blocks))
    assert blocks[-1].tick + blocks[-1].ticks == 330


def test_what_follows_a_hole_keeps_its_time_and_the_hole_is_counted() -> None:
    recording = track()
    blocks = [*run(recording, range(10)), *run(recording, range(30, 40)), *recording.end()]

    assert [(block.tick, block.ticks) for block in blocks] == [(0, 10), (30, 10)]
    assert recording.missed_ticks == 20


def test_ticks_of_before_the_beginning_are_not_recorded() -> None:
    recording = track()
    [block] = [*run(recording, range(-5, 5)), *recording.end()]

    assert (block.tick, block.ticks) == (0, 5)


def test_a_mask_reaches_a_second_back_and_half_a_second_beyond_its_end() -> None:
    recording = track()
    blocks = run(recording, range(200))
    recording.mask(BEGAN + 200 * TICK)
    blocks += run(recording, range(200, 300))
    recording.unmask(BEGAN + 300 * TICK)
    blocks += [*run(recording, range(300, 500)), *recording.end()]

    heard = caller_of(blocks)
    silent = sorted(number for number, pcm in heard.items() if pcm == SILENT)
    assert silent == list(range(150, 326))
    assert {pcm for number, pcm in heard.items() if number not in silent} == {CALLER}


def test_the_assistant_is_heard_while_the_caller_is_masked() -> None:
    recording = track()
    recording.mask(BEGAN)
    blocks = [*run(recording, range(100)), *recording.end()]

    assert b"".join(block.data[1::2] for block in blocks) == ASSISTANT * 100


def test_ticks_that_come_late_are_masked_by_their_own_time() -> None:
    """A busy program hears that the digits are whole before it reads what was heard meanwhile."""
    recording = track()
    recording.mask(BEGAN)
    blocks = run(recording, range(50))
    recording.unmask(BEGAN + 200 * TICK)
    blocks += [*run(recording, range(50, 300)), *recording.end()]

    heard = caller_of(blocks)
    assert [number for number, pcm in heard.items() if pcm == SILENT] == list(range(226))


def test_two_masks_with_speech_between_them_leave_the_speech() -> None:
    recording = track()
    recording.mask(BEGAN)
    recording.unmask(BEGAN)
    blocks = run(recording, range(100))
    recording.mask(BEGAN + 150 * TICK)
    blocks += [*run(recording, range(100, 200)), *recording.end()]

    heard = caller_of(blocks)
    assert [number for number, pcm in heard.items() if pcm == CALLER] == list(range(26, 100))


def test_a_second_request_for_digits_does_not_end_the_first_mask() -> None:
    recording = track()
    recording.mask(BEGAN)
    recording.mask(BEGAN + 10 * TICK)
    blocks = [*run(recording, range(100)), *recording.end()]

    assert set(caller_of(blocks).values()) == {SILENT}
