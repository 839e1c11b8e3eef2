"""The playout buffer: what is played, what is a hole, and what comes too late."""

from random import Random

import pytest

from tests.support.playout import (
    DELAY,
    FRAME,
    NOTHING,
    TICK,
    Line,
    fixed,
    frame,
    pcm,
    play,
    positions,
)
from transports.rtp.jitter import Audio, Empty, Lost, PlayoutBuffer, Put
from transports.rtp.spread import PlayoutRange


@pytest.mark.parametrize("seed", range(20))
def test_a_whole_packet_is_what_the_pieces_would_have_been(seed: int) -> None:
    random = Random(seed)
    by_pieces, by_packets = (PlayoutBuffer(PlayoutRange(0.02, 0.08)) for _ in range(2))
    timestamp, now, whole_packets = 0, 100.0, 0

    for number in range(60):
        timestamp += random.choice([0] * 20 + [3, 160, -50])
        samples = random.choice([FRAME] * 12 + [80, 240])
        arrived_at = now + random.choice([0.0, 0.001, 0.03])
        for buffer in (by_pieces, by_packets):
            if number % 11:
                buffer.put(number + 1, timestamp, pcm(FRAME * number, samples), arrived_at)
            buffer.tick(now + TICK)
        timestamp += samples
        now += TICK

        pieces = by_pieces.get()
        whole = by_packets.take_whole()
        if whole is None:
            assert by_packets.get() == pieces
        else:
            whole_packets += 1
            assert pieces == (Audio(whole[1], whole[2]),)
        assert by_packets.samples == by_pieces.samples
    assert whole_packets


def test_a_whole_packet_waits_for_the_delay_too_when_playout_has_stopped() -> None:
    line = Line()
    line.start(packets=1)
    for _ in range(4):
        line.tick()

    line.put(1, jump=3 * FRAME)
    line.buffer.tick(line.now)

    assert line.buffer.take_whole() is None
    line.now += DELAY
    assert line.tick() == frame(1)


def test_after_a_whole_packet_playout_goes_on_as_long_as_after_any() -> None:
    line = Line()
    line.start(packets=1)
    line.tick()
    line.put(1, jump=FRAME)
    line.buffer.tick(line.now)
    assert line.buffer.take_whole() is not None

    pieces = [play(line.buffer, line.now + TICK * step) for step in range(1, 5)]

    assert pieces == [(Lost(FRAME),)] * 3 + [(Empty(FRAME),)]


def test_says_how_far_ahead_the_next_audio_is_and_takes_nothing() -> None:
    line = Line()
    line.start(packets=1)
    assert line.buffer.ahead(FRAME) == (0, b"")

    for number in (3, 4, 6):
        line.put(number)

    assert line.buffer.ahead(100) == (2 * FRAME, pcm(3 * FRAME, 100))
    assert line.buffer.ahead(2 * FRAME) == (2 * FRAME, pcm(3 * FRAME, 2 * FRAME))
    assert line.buffer.ahead(3 * FRAME) == (2 * FRAME, pcm(3 * FRAME, 2 * FRAME))
    assert line.buffer.samples == 3 * FRAME


def test_holds_the_first_packet_for_the_delay() -> None:
    buffer = PlayoutBuffer(fixed(0.06))

    buffer.put(1, 0, pcm(0), now=10.0)

    assert play(buffer, 10.049) == (Empty(FRAME),)
    assert play(buffer, 10.051) == (Audio(pcm(0), 10.0),)  # the tick nearest to 10.06


def test_starts_with_the_earliest_packet_whatever_came_first() -> None:
    line = Line()

    for number in (2, 0, 1):
        line.put(number)
    line.now += DELAY

    assert [line.tick() for _ in range(3)] == [frame(0), frame(1), frame(2)]


def test_a_missing_packet_is_a_hole_of_its_length() -> None:
    line = Line()
    for number in (0, 1, 3):
        line.put(number)
    line.now += DELAY

    assert [line.tick() for _ in range(4)] == [frame(0), frame(1), NOTHING, frame(3)]


def test_loss_that_asterisk_renumbered_is_still_a_hole() -> None:
    """When it transcodes, Asterisk numbers its packets itself; only timestamps show the loss."""
    line = Line()
    line.put(0)
    line.put(1, jump=2 * FRAME)
    line.now += DELAY

    assert [line.tick() for _ in range(4)] == [frame(0), NOTHING, NOTHING, frame(1)]


@pytest.mark.parametrize("jump", [961, 5000, 100_000, -10_000, -(1 << 30)])
def test_a_timestamp_jump_without_a_missing_number_is_not_loss(jump: int) -> None:
    """As after the caller's DTMF, which Asterisk takes out of the stream."""
    line = Line(first=200_000)
    line.put(0)
    line.put(1, jump=jump)
    line.put(2, jump=jump)
    line.now += DELAY

    assert [line.tick() for _ in range(3)] == [frame(0), frame(1), frame(2)]


def test_a_long_burst_of_loss_is_a_hole_of_its_length() -> None:
    line = Line(delay=0.3)
    line.put(0)
    line.put(11)
    line.now += 0.3

    assert [line.tick() for _ in range(12)] == [frame(0), *[NOTHING] * 10, frame(11)]


def test_a_hole_longer_than_anybody_buffers_is_a_jump() -> None:
    """Found by fuzzing: the audio behind a two-second hole waited two seconds for its turn."""
    line = Line()
    line.put(0)
    line.put(98)
    line.now += DELAY

    assert [line.tick(), line.tick()] == [frame(0), frame(98)]


def test_a_jump_after_a_pause_waits_for_the_delay_again() -> None:
    line = Line()
    line.put(0)
    line.now += DELAY
    line.tick()
    assert line.tick() == NOTHING  # the first 20 ms of the pause

    line.put(1, jump=5000)

    assert [line.tick(), line.tick(), line.tick()] == [NOTHING, NOTHING, frame(1)]


def test_a_straggler_fills_its_place_in_time() -> None:
    line = Line()
    line.put(0)
    line.put(2)
    line.now += DELAY

    assert line.tick() == frame(0)
    assert line.put(1) is Put.QUEUED
    assert [line.tick(), line.tick()] == [frame(1), frame(2)]


def test_a_straggler_whose_turn_has_passed_is_late() -> None:
    line = Line()
    line.put(0)
    line.put(2)
    line.now += DELAY
    line.tick()
    assert line.tick() == NOTHING

    assert line.put(1) is Put.LATE
    assert line.tick() == frame(2)


def test_a_second_copy_is_told() -> None:
    line = Line()

    assert line.put(0) is Put.QUEUED
    assert line.put(0) is Put.DUPLICATE
    line.now += DELAY
    line.tick()
    assert line.put(0) is Put.LATE


def test_stops_60_ms_after_the_last_sample_and_then_waits_the_delay() -> None:
    line = Line()
    line.start(packets=1)

    bridged = [positions_are_lost(line) for _ in range(4)]
    line.put(9)

    assert bridged == [True, True, True, False]
    assert [line.tick(), line.tick(), line.tick()] == [NOTHING, NOTHING, frame(9)]


def positions_are_lost(line: Line) -> bool:
    pieces = play(line.buffer, line.now)
    line.now += TICK
    assert len(pieces) == 1
    return isinstance(pieces[0], Lost)


def test_short_pauses_do_not_add_up_to_a_long_one() -> None:
    line = Line()
    line.start(packets=1)

    for number in (2, 4, 6, 8, 10):
        assert positions_are_lost(line)
        line.put(number)
        assert line.tick() == frame(number)


def test_what_a_stalled_network_delivers_at_once_is_all_played() -> None:
    line = Line()
    line.start(packets=1)
    for _ in range(10):
        line.tick()

    for number in range(1, 11):
        assert line.put(number) is Put.QUEUED
    while (first := line.tick()) == NOTHING:
        assert line.now < 101

    assert [first, *(line.tick() for _ in range(9))] == [frame(number) for number in range(1, 11)]


def test_replays_nothing_after_an_underrun() -> None:
    line = Line()
    line.start(packets=2)
    for _ in range(8):
        line.tick()

    assert line.put(1) is Put.LATE
    assert line.put(0) is Put.LATE


@pytest.mark.parametrize("samples", [80, 160, 240, 320, 480, 100])
def test_any_packet_length_is_cut_to_frames(samples: int) -> None:
    buffer = PlayoutBuffer(fixed(DELAY))
    played: list[int | None] = []
    tick = 0.0
    sent = 0
    arrival = 0.0
    while tick < 2.0:
        while arrival <= tick:
            buffer.put(
                0x10000 + sent,
                samples * sent,
                pcm(samples * sent, samples),
                arrival,
            )
            sent += 1
            arrival = sent * samples / 8000
        played += positions(play(buffer, tick))
        tick += TICK

    heard = [position for position in played if position is not None]
    assert heard == list(range(len(heard)))
    assert len(heard) >= 15_000
    assert played.index(0) in (2 * FRAME, 3 * FRAME)
    assert None not in played[played.index(0) :]


def test_a_full_buffer_gives_up_its_oldest() -> None:
    line = Line(capacity=4 * FRAME)

    puts = [line.put(number) for number in range(6)]
    line.now += DELAY

    assert puts == [Put.QUEUED] * 4 + [Put.EVICTED] * 2
    assert line.buffer.samples == 4 * FRAME
    assert line.tick() == frame(2)
    assert line.put(1) is Put.LATE


def test_eviction_while_playing_goes_on_without_a_hole() -> None:
    line = Line(capacity=3 * FRAME)
    line.start(packets=3)

    for number in range(3, 9):
        line.put(number)

    assert [line.tick() for _ in range(3)] == [frame(6), frame(7), frame(8)]


def test_overlapping_packets_play_each_sample_once() -> None:
    line = Line()
    line.put(0)
    line.put(1, jump=-60)
    line.now += DELAY

    assert line.tick() == frame(0)
    assert line.tick()[:100] == frame(1)[60:]


def test_tells_when_each_sample_arrived() -> None:
    line = Line()
    line.put(0, at=100.0)
    line.put(1, at=100.013)
    line.now = 100.04

    arrivals = [
        piece.arrived_at
        for _ in range(2)
        for piece in play(line.buffer, line.now)
        if isinstance(piece, Audio)
    ]

    assert arrivals == [100.0, 100.013]
