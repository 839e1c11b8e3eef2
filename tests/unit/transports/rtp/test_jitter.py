"""The playout buffer against a network that drops, delays, duplicates and reorders."""

import itertools
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from transports.rtp.jitter import Audio, Empty, Lost, Piece, PlayoutBuffer, Put
from transports.rtp.spread import PlayoutRange

TICK = 0.02
DELAY = 0.04
FRAME = 160


def pcm(position: int, samples: int = FRAME) -> bytes:
    """Return samples that say where in the stream they belong."""
    return b"".join((position + offset).to_bytes(2, "little") for offset in range(samples))


def positions(pieces: tuple[Piece, ...]) -> list[int | None]:
    """Return the place in the stream of each sample of a frame; ``None`` where there was none."""
    found: list[int | None] = []
    for piece in pieces:
        if isinstance(piece, Audio):
            found += [
                int.from_bytes(piece.pcm[at : at + 2], "little")
                for at in range(0, len(piece.pcm), 2)
            ]
        else:
            found += [None] * piece.samples
    return found


def fixed(delay: float) -> PlayoutRange:
    return PlayoutRange(delay, delay)


def play(buffer: PlayoutBuffer, now: float) -> tuple[Piece, ...]:
    buffer.tick(now)
    return buffer.get()


def frame(number: int) -> list[int]:
    return list(range(FRAME * number, FRAME * (number + 1)))


class Line:
    """A buffer with its clock: packets of 20 ms, one tick after another."""

    def __init__(self, *, delay: float = DELAY, capacity: int = 4000, first: int = 0) -> None:
        self.buffer = PlayoutBuffer(fixed(delay), capacity=capacity)
        self.first_timestamp = first
        self.now = 100.0

    def put(self, number: int, *, jump: int = 0, at: float | None = None) -> Put:
        """Deliver packet ``number``, its timestamp ``jump`` samples further than it should be."""
        timestamp = self.first_timestamp + FRAME * number + jump
        now = self.now if at is None else at
        return self.buffer.put(0x10000 + number, timestamp, pcm(FRAME * number), now)

    def tick(self) -> list[int | None]:
        played = positions(play(self.buffer, self.now))
        self.now += TICK
        return played

    def start(self, packets: int = 3) -> None:
        """Play packet 0, with ``packets - 1`` behind it."""
        for number in range(packets):
            self.put(number)
        self.now += DELAY
        assert self.tick() == frame(0)


NOTHING = [None] * FRAME


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


def steady(line: Line, packets: range, *, age: float = 0.0) -> None:
    """Deliver and play a packet per tick, each ``age`` seconds before its tick."""
    for number in packets:
        line.put(number, at=line.now - age)
        line.tick()


def test_a_delay_that_became_too_short_is_told() -> None:
    """The path has become 15 ms longer, for good: the fastest packets are those of before."""
    line = Line(delay=0.06)
    steady(line, range(40), age=0.019)

    steady(line, range(40, 400), age=0.004)
    line.buffer.tick(line.now)

    assert line.buffer.delay == pytest.approx(0.064 - 0.02, abs=0.001)
    assert line.buffer.surplus == -FRAME


def test_on_a_perfect_network_the_delay_is_the_one_asked_for() -> None:
    line = Line()

    steady(line, range(200))

    assert line.buffer.surplus == 0
    assert line.buffer.delay == pytest.approx(DELAY)
    assert line.buffer.samples == 2 * FRAME


def test_a_grown_delay_is_told_and_taken_back_by_taking_more() -> None:
    line = Line()
    for number in range(5):  # five packets at once: the last has waited 80 ms more than the delay
        line.put(number)
    line.now += DELAY
    for number in range(5, 20):
        line.tick()
        line.put(number)
    line.buffer.tick(line.now)
    surplus = line.buffer.surplus
    assert surplus in (FRAME, 2 * FRAME)
    assert line.buffer.has_unbroken(4 * FRAME)

    taken = positions(line.buffer.get(2 * FRAME))
    line.now += TICK

    assert None not in taken
    assert taken == list(range(int(taken[0] or 0), int(taken[0] or 0) + 2 * FRAME))
    line.tick()
    assert line.buffer.surplus == surplus - FRAME


def test_taking_less_plays_everything_later() -> None:
    line = Line()
    line.start()

    line.buffer.tick(line.now)
    line.buffer.get(FRAME // 2)
    line.now += TICK

    assert line.tick() == [*frame(1)[FRAME // 2 :], *frame(2)[: FRAME // 2]]


def test_where_the_delay_is_right_starving_does_not_lengthen_it() -> None:
    line = Line()
    steady(line, range(40))

    for _ in range(3):  # the two frames of the delay, and a hole
        line.tick()

    assert line.put(40) is Put.LATE
    assert line.put(41) is Put.QUEUED
    assert line.tick() == frame(41)


@pytest.mark.parametrize(
    ("samples", "expected"), [(FRAME, True), (2 * FRAME, True), (2 * FRAME + 1, False)]
)
def test_knows_how_much_is_unbroken(samples: int, expected: bool) -> None:
    line = Line()
    line.start(packets=3)
    line.put(4)

    assert line.buffer.has_unbroken(samples) is expected


def test_loss_that_was_renumbered_is_no_unbroken_audio() -> None:
    line = Line()
    line.start(packets=2)
    line.put(2, jump=FRAME)

    assert line.buffer.has_unbroken(FRAME)
    assert not line.buffer.has_unbroken(2 * FRAME)


def test_a_jump_of_the_timeline_is_not_taken_for_a_long_delay() -> None:
    line = Line()
    steady(line, range(50))

    for number in range(50, 80):
        line.put(number, jump=100_000)
        line.tick()

    assert line.buffer.surplus == 0
    assert line.buffer.spread.target == pytest.approx(DELAY)


def test_our_own_stall_is_not_taken_for_the_networks() -> None:
    line = Line()
    number = itertools.count()
    for _ in range(50):
        line.put(next(number))
        line.tick()
    target = line.buffer.spread.target
    stalled_until = line.now + 0.2

    for _ in range(10):
        line.put(next(number), at=stalled_until)

    assert line.buffer.spread.target == target
    assert line.buffer.surplus == 0


BLOCK = 80
CAPACITY = 16  # blocks


class LossyNetwork(RuleBasedStateMachine):
    """Any interleaving of sending, delivering and playing, with packets of any length.

    The model counts in blocks of 10 ms, whose samples all hold the block's number.
    """

    @initialize(
        timestamp=st.sampled_from([0, 0xFFFFFF00]),
        number=st.sampled_from([1, 0x10000]),
        delay=st.sampled_from([0.0, TICK, 0.06]),
    )
    def start(self, timestamp: int, number: int, delay: float) -> None:
        self.buffer = PlayoutBuffer(fixed(delay), capacity=CAPACITY * BLOCK)
        self.timestamp = timestamp
        self.number = number
        self.now = 50.0
        self.sent: list[range] = []  # blocks, by packet
        self.end = 0
        self.delayed: list[int] = []
        self.accepted: set[int] = set()  # packets
        self.queued: set[int] = set()  # blocks
        self.played: list[int] = []
        self.next: int | None = None  # the block to play next, where that is certain
        self.passed = 0  # blocks from here on could never have been passed
        self.evicted = False

    @rule(
        blocks=st.sampled_from([1, 2, 2, 2, 3, 6]),
        fate=st.sampled_from(["prompt", "prompt", "delayed", "lost"]),
    )
    def send(self, blocks: int, fate: str) -> None:
        packet = len(self.sent)
        self.sent.append(range(self.end, self.end + blocks))
        self.end += blocks
        if fate == "prompt":
            self.put(packet)
        elif fate == "delayed":
            self.delayed.append(packet)

    @precondition(lambda self: self.delayed)
    @rule(data=st.data(), again=st.booleans())
    def deliver(self, data: st.DataObject, again: bool) -> None:
        packet = data.draw(st.sampled_from(self.delayed))
        self.put(packet)
        if again:
            self.put(packet)

    @rule()
    def play(self) -> None:
        self.now += TICK
        before, put_in = self.buffer.samples, self.buffer.put_in_samples
        pieces = play(self.buffer, self.now)
        audio = sum(len(piece.pcm) // 2 for piece in pieces if isinstance(piece, Audio))
        held = audio + self.buffer.samples
        assert held <= before
        samples = 0
        for piece in pieces:
            match piece:
                case Audio():
                    samples += len(piece.pcm) // 2
                    held -= len(piece.pcm) // 2
                    blocks = list(piece.pcm[:: 2 * BLOCK])
                    self.played += blocks
                    self.next = blocks[-1] + 1
                    self.passed = max(self.passed, self.next)
                case Lost():
                    samples += piece.samples
                    lengthened = self.buffer.put_in_samples != put_in
                    self.conceal(piece.samples // BLOCK, uncertain=held == 0 or lengthened)
                case Empty():
                    samples += piece.samples
                    self.next = None
        assert samples == FRAME

    def conceal(self, blocks: int, *, uncertain: bool) -> None:
        self.passed += blocks
        if uncertain:  # it may or may not move on
            self.next = None
        elif self.next is not None:
            hole = range(self.next, self.next + blocks)
            assert self.queued.isdisjoint(hole), "concealed audio that it holds"
            self.next += blocks

    def put(self, packet: int) -> None:
        blocks = self.sent[packet]
        timestamp = self.timestamp + BLOCK * blocks.start
        audio = b"".join(bytes([block % 256, 0]) * BLOCK for block in blocks)
        result = self.buffer.put(self.number + packet, timestamp, audio, self.now)
        if result is Put.EVICTED:
            self.evicted = True
            self.next = None
        if result in (Put.EVICTED, Put.QUEUED):
            assert packet not in self.accepted, "took a packet twice"
            self.accepted.add(packet)
            self.queued.update(blocks)
        elif result is Put.DUPLICATE:
            assert packet in self.accepted, "took one packet for another"
        elif not self.evicted:
            assert blocks.stop <= self.passed, "refused a packet that could still be played"

    @invariant()
    def plays_each_block_once_and_in_order(self) -> None:
        assert self.played == sorted(set(self.played))

    @invariant()
    def plays_only_what_it_accepted(self) -> None:
        assert self.queued.issuperset(self.played)

    @invariant()
    def stays_bounded(self) -> None:
        assert 0 <= self.buffer.samples <= CAPACITY * BLOCK

    @invariant()
    def holds_no_more_than_it_accepted_and_did_not_play(self) -> None:
        waiting = sum(block > max(self.played, default=-1) for block in self.queued)
        assert self.buffer.samples <= waiting * BLOCK


TestLossyNetwork = LossyNetwork.TestCase
TestLossyNetwork.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
