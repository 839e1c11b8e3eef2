"""The playout buffer against a network that drops, delays, duplicates and reorders."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.support.playout import FRAME, TICK, fixed, play
from transports.rtp.jitter import Audio, Empty, Lost, PlayoutBuffer, Put

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
